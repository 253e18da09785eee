"""The job `distil`: bundles against NumPy on the original files, empty ones, other instruments, what is refused."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from gammapy.data import DataStore

from analysis.distil import worker
from analysis.distil.job import JOB, DistilParameters
from tests.analysis.context import input_files
from tests.analysis.real import CRAB
from uws.context import InputFile, Origin
from uws.errors import UserJobError
from uws.values import ParameterErrors, parse
from vo.regions import separation

DEMO = (1001, 1002)
Distil = Callable[..., "Context"]


class Context:
    """Implements uws.context.JobContext and keeps what the worker reports."""

    def __init__(self, parameters: DistilParameters, files: Sequence[InputFile], folder: Path) -> None:
        self.parameters, self.workdir = parameters, folder
        self.inputs = {"observations": tuple(files)}
        self.job_id, self.origin = "test-job", Origin(base_url="http://archive.example")
        self.said: list[str] = []
        self.outputs: dict[str, tuple[Path, str | None]] = {}

    def progress(self, message: str, fraction: float, *, stage: str = "") -> None:
        assert 0 <= fraction <= 1
        self.said.append(message)

    def output(self, role: str, path: Path, media_type: str | None = None) -> None:
        self.outputs[role] = (path, media_type)

    def path(self, role: str) -> Path:
        return self.outputs[role][0]


@pytest.fixture
def distil(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Distil:
    """`distil(store, obs_ids, energy="1 +Inf", ...)`: the context after the worker has finished."""

    def run(store: Path, obs_ids: Sequence[int], most: int = 2**30, **texts: str | list[str]) -> Context:
        known = {"copies": str(tmp_path / "copies"), "most_bytes": most}
        files = [replace(f, metadata={**f.metadata, **known}) for f in input_files(store, obs_ids)]
        given = {name: value if isinstance(value, list) else [value] for name, value in texts.items()}
        parameters = parse(DistilParameters, {"obs_id": [str(o) for o in obs_ids], **given})
        assert isinstance(parameters, DistilParameters)
        context = Context(parameters, files, tmp_path_factory.mktemp("distil"))
        worker.run(context)  # type: ignore[arg-type]
        assert set(context.outputs) == {role.name for role in JOB.outputs}
        return context

    return run


def wanted(store: Path, obs_id: int, lon: float, lat: float, radius: float, low: float) -> Any:
    """The selected rows of the original file, by NumPy."""
    (file,) = input_files(store, [obs_id])
    data = fits.getdata(file.path, file.metadata["hdus"]["events"])
    near = separation(lon, lat, data["RA"].astype(float), data["DEC"].astype(float)) <= radius
    return data[near & (data["ENERGY"] >= low)]


def unpacked(context: Context, folder: Path) -> Path:
    with zipfile.ZipFile(context.path("bundle")) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("irfs", ["keep", "trim"])
def test_bundle(distil: Distil, demo: Path, tmp_path: Path, irfs: str) -> None:
    """gammapy reads it without a warning; counts are those of the same cuts on the original files; the table tells."""
    lon, lat = _pointing(demo)
    context = distil(demo, DEMO, position=f"{lon} {lat}", radius="0.7", energy="1 +Inf", irfs=irfs)
    assert context.outputs["bundle"] == (context.workdir / "events.zip", "application/zip")
    store = DataStore.from_dir(unpacked(context, tmp_path / "bundle"))
    counts = Table.read(context.path("counts"))
    for observation, row in zip(store.get_observations(DEMO), counts, strict=True):
        expected = wanted(demo, observation.obs_id, lon, lat, 0.7, 1.0)
        table = observation.events.table
        assert np.array_equal(np.asarray(table["EVENT_ID"]), expected["EVENT_ID"])
        assert (str(row["obs_id"]), row["events"]) == (str(observation.obs_id), len(expected))
        assert observation.available_irfs == ["aeff", "edisp", "psf", "bkg"]
    selected, total = counts["events"].sum(), counts["events_all"].sum()
    assert context.said[-1] == f"{selected} of {total} events of 2 observations"
    assert context.path("plot").read_bytes().startswith(b"\x89PNG")
    readme = (tmp_path / "bundle" / "README.txt").read_text()
    assert "test-job" in readme
    assert "http://archive.example" in readme


def _pointing(store: Path) -> tuple[float, float]:
    (file,) = input_files(store, DEMO[:1])
    return float(file.metadata["ra_pnt"]), float(file.metadata["dec_pnt"])


def test_no_event_is_left(distil: Distil, demo: Path, tmp_path: Path) -> None:
    """A valid empty bundle, which says so."""
    context = distil(demo, DEMO, energy="1e6 2e6", region="CIRCLE 1 2 3")
    assert context.said[-1] == "No event of 2 observations is in the selection: the bundle is valid and empty"
    store = DataStore.from_dir(unpacked(context, tmp_path / "bundle"))
    assert [len(o.events.table) for o in store.get_observations(DEMO)] == [0, 0]


def test_other_forms(distil: Distil, demo: Path) -> None:
    tar = distil(demo, DEMO, form="tar", irfs="none")
    with tarfile.open(fileobj=io.BytesIO(tar.path("bundle").read_bytes())) as archive:
        assert {"README.txt", "obs-index.fits.gz", "hdu-index.fits.gz"} <= set(archive.getnames())
    merged = distil(demo, DEMO, form="merged", energy=["1 2", "5 +Inf"])
    assert merged.outputs["bundle"] == (merged.workdir / "events.fits", "application/fits")
    with fits.open(merged.path("bundle")) as hdus:
        energies = hdus["EVENTS"].data["ENERGY"]
        assert (((energies >= 1) & (energies <= 2)) | (energies >= 5)).all()
        assert len(energies) == Table.read(merged.path("counts"))["events"].sum()


def test_real_runs(distil: Distil, hess: Path, tmp_path: Path) -> None:
    """The H.E.S.S. runs on the Crab: a bundle that gammapy reads, the same bytes again for the same work."""
    lon, lat = CRAB.position.ra.deg, CRAB.position.dec.deg
    asked = {"position": f"{lon} {lat}", "energy": "1 +Inf"}
    context = distil(hess, CRAB.runs, **asked)
    store = DataStore.from_dir(unpacked(context, tmp_path / "bundle"))
    for observation in store.get_observations(CRAB.runs):
        expected = wanted(hess, observation.obs_id, lon, lat, 0.5, 1.0)
        assert np.array_equal(np.asarray(observation.events.table["EVENT_ID"]), expected["EVENT_ID"])
    again = distil(hess, CRAB.runs, **asked)
    for role in JOB.outputs:
        assert again.path(role.name).read_bytes() == context.path(role.name).read_bytes(), role.name


def test_too_much(distil: Distil, demo: Path) -> None:
    with pytest.raises(UserJobError, match="0 MiB is the limit: select less"):
        distil(demo, DEMO, most=1000)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "select observations with obs_id, obs_list, query or circle, or events by position or time"),
        ({"energy": ["1 2"]}, "select observations with obs_id"),
        ({"position": ["1 2"], "energy": ["2 1"]}, "energy: the interval is upside down"),
        ({"position": ["1 2"], "energy": ["-2 0"]}, "energies are above 0"),
        ({"region": ["BOX 1 2 3 4"]}, "region: a region is CIRCLE, POLYGON or RANGE"),
        ({"region": ["CIRCLE 1 2"]}, "region: 2 numbers do not make a CIRCLE"),
        ({"region": ["POLYGON 1 2 1 2 1 2"]}, "region: "),
        ({"region": ["POLYGON 0 0 5 5 5 0 0 5"]}, "region: edges of the polygon cross each other"),
        ({"region": ["RANGE 1 2 4 3"]}, "region: "),
        ({"moc": ["x"]}, "moc: "),
        ({"position": ["1 2"], "event_type": ["-1"]}, "event types are numbers from 0 on"),
        ({"position": ["1 2"], "irfs": ["some"]}, "irfs: must be one of"),
    ],
)
def test_refusals(texts: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ParameterErrors, match=message):
        parse(DistilParameters, texts)


def test_where_and_when_is_enough() -> None:
    """Observations need not be named."""
    for texts in ({"position": ["1 2"]}, {"time": ["53000 53001"]}, {"moc": ["0/0"]}, {"region": ["CIRCLE 1 2 3"]}):
        parameters = parse(DistilParameters, texts)
        assert isinstance(parameters, DistilParameters)
        assert not parameters.names_observations
        assert not parameters.selection().is_everything
