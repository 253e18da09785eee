"""What cannot be done is refused with a sentence that says why and what to change."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from pydantic import ValidationError

from analysis.countmap.job import CountmapParameters
from analysis.observations import MAX_RUNS
from analysis.spectrum.job import SpectrumParameters
from tests.analysis.conftest import Runner
from tests.analysis.context import input_files
from uws.context import InputFile
from uws.errors import UserJobError

IN_VAIN: list[tuple[str, list[int], dict[str, Any], str]] = [
    ("spectrum", [1001, 2001], {}, "different targets (Crab Nebula, PKS 2155-304): give the position"),
    ("countmap", [1001, 2001], {}, "different targets (Crab Nebula, PKS 2155-304): give the position"),
    ("spectrum", [3001, 3002], {}, "no off regions, because the source is 0.00 deg from the pointing direction"),
    ("spectrum", [1001], {"on_radius": 0.6}, "an on region of 0.6 deg leaves no room around it"),
    ("spectrum", [1001], {"position": (10.0, 22.0)}, "outside of the field of view"),
    ("countmap", [1001], {"position": (10.0, 22.0)}, "outside of the field of view"),
    ("countmap", [1001], {"offset_max": 0.3}, "events are used up to 0.3 deg only"),
    ("spectrum", [1001], {"energy": (0.1, 0.4)}, "no energy bin between 0.1 and 0.4 TeV lies above its safe threshold"),
    ("countmap", [1001], {"energy": (0.1, 0.4)}, "no energy bin between 0.1 and 0.4 TeV lies above its safe threshold"),
    ("spectrum", [1001], {"energy": (200.0, 300.0)}, "no extent between 0.01 and 100 TeV"),
    ("countmap", [1001], {"energy": (2.0, 2.0)}, "no extent between 0.01 and 100 TeV"),
    ("spectrum", [1001], {"energy": (60.0, 90.0)}, "no events in the on region from 60 to 90 TeV"),
    ("spectrum", [1001], {"energy": (1.0, 1.1)}, "fewer energy bins from 1 to 1.1 TeV than a power law has parameters"),
    (
        "spectrum",
        [3001, 3002],
        {"position": (45.5, -24.3)},
        "no signal to fit a power law to",
    ),
    (
        "spectrum",
        [3001],
        {"position": (45.8, -24.3), "model": "log-parabola"},
        "The fit of a log parabola did not converge: 10 events in the on region",
    ),
    ("countmap", [1001], {"energy": (60.0, 90.0)}, "no events in the map"),
    (
        "countmap",
        [1001],
        {"exclusion_radius": 2.0},
        "make ring_radius or ring_width larger, or exclusion_radius smaller",
    ),
]


@pytest.mark.parametrize(("job", "obs_ids", "parameters", "reason"), IN_VAIN)
def test_an_analysis_in_vain_says_why(
    demo: Path, run_job: Runner, job: str, obs_ids: list[int], parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserJobError) as caught:
        run_job(job, demo, obs_ids, **parameters)
    assert reason in caught.value.message


def _edited(content: bytes, edit: Callable[[fits.HDUList], object]) -> bytes:
    output = io.BytesIO()
    with fits.open(io.BytesIO(gzip.decompress(content))) as hdulist:
        edit(hdulist)
        hdulist.writeto(output)
    return output.getvalue()


def _point_like(hdulist: fits.HDUList) -> None:
    hdulist["AEFF"].header["HDUCLAS3"] = "POINT-LIKE"


def _without_energy(hdulist: fits.HDUList) -> None:
    hdulist["EVENTS"].columns.del_col("ENERGY")


FILES: list[tuple[Callable[[bytes], bytes], bool, str]] = [
    (lambda content: content[: len(content) // 2], True, "is damaged and cannot be read"),
    (lambda content: gzip.decompress(content)[:60000], True, "is damaged and cannot be read"),
    (lambda content: b"no FITS file", True, "is damaged and cannot be read"),
    (lambda content: b"", True, "is damaged and cannot be read"),
    (lambda content: _edited(content, lambda hdulist: hdulist.pop("BKG")), True, "is damaged and cannot be read"),
    (lambda content: _edited(content, _without_energy), True, "is damaged and cannot be read"),
    (lambda content: _edited(content, _point_like), True, "point-like responses"),
    (lambda content: content + b"\0", False, "has changed"),
]


@pytest.mark.parametrize(("change", "known", "reason"), FILES)
def test_a_file_that_cannot_be_used_says_why(
    demo: Path, run_job: Runner, tmp_path: Path, change: Callable[[bytes], bytes], known: bool, reason: str
) -> None:
    """`known`: the archive has the checksum of the changed file."""
    (original,) = input_files(demo, [1001])
    path = tmp_path / "changed.fits.gz"
    content = change(original.path.read_bytes())
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest() if known else original.sha256
    changed = dataclasses.replace(original, path=path, sha256=sha256)
    with pytest.raises(UserJobError) as caught:
        run_job("countmap", demo, [1001], files=[changed])
    assert reason in caught.value.message
    assert "1001" in caught.value.message
    assert str(tmp_path) not in caught.value.message


def _other_telescope(hdulist: fits.HDUList) -> None:
    hdulist["EVENTS"].header["TELESCOP"] = "OTHER"


def test_spectra_of_two_telescopes_are_not_stacked(demo: Path, run_job: Runner, tmp_path: Path) -> None:
    first, second = input_files(demo, [1001, 1002])
    path = tmp_path / "other.fits"
    path.write_bytes(_edited(second.path.read_bytes(), _other_telescope))
    other = dataclasses.replace(second, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(UserJobError) as caught:
        run_job("spectrum", demo, [1001, 1002], files=[first, other])
    assert "different telescopes (DEMO, OTHER)" in caught.value.message


def test_too_many_observations_are_too_many(demo: Path, run_job: Runner) -> None:
    files = input_files(demo, [1001]) * (MAX_RUNS + 1)
    with pytest.raises(UserJobError, match=f"{MAX_RUNS + 1} observations are selected; a job takes {MAX_RUNS} at most"):
        run_job("spectrum", demo, [1001], files=files)


@pytest.mark.parametrize("job", ["countmap", "spectrum"])
def test_an_observation_counts_once(demo: Path, run_job: Runner, job: str) -> None:
    (file,) = input_files(demo, [1001])
    again = dataclasses.replace(file, id=file.id + "-r2")
    with pytest.raises(UserJobError) as caught:
        run_job(job, demo, [1001], files=[file, again])
    assert "1001 is selected more than once" in caught.value.message


def _lacking(file: InputFile, kind: str) -> InputFile:
    hdus = {name: hdu for name, hdu in file.metadata["hdus"].items() if name != kind}
    return dataclasses.replace(file, metadata={**file.metadata, "hdus": hdus})


def test_a_vanished_file_is_missed_by_name(demo: Path, run_job: Runner, tmp_path: Path) -> None:
    (file,) = input_files(demo, [1002])
    with pytest.raises(UserJobError) as caught:
        run_job("spectrum", demo, [1002], files=[dataclasses.replace(file, path=tmp_path / "gone.fits.gz")])
    assert caught.value.message == "The file of observation 1002 is missing from the archive."


@pytest.mark.parametrize(
    ("job", "kind", "name"),
    [
        ("countmap", "bkg", "background model"),
        ("spectrum", "psf", "point spread function"),
        ("spectrum", "gti", "good time"),
    ],
)
def test_missing_responses_are_named(demo: Path, run_job: Runner, job: str, kind: str, name: str) -> None:
    (file,) = input_files(demo, [1001])
    with pytest.raises(UserJobError) as caught:
        run_job(job, demo, [1001], files=[_lacking(file, kind)])
    assert f"Observation 1001 has no {name}" in caught.value.message


def test_parts_of_an_observation_may_lie_in_files_of_their_own(demo: Path, run_job: Runner, tmp_path: Path) -> None:
    (file,) = input_files(demo, [1001])
    apart = tmp_path / "background.fits"
    apart.write_bytes(gzip.decompress(file.path.read_bytes()))
    metadata = {**file.metadata, "files": {"bkg": str(apart)}}
    run_job("countmap", demo, [1001], files=[dataclasses.replace(file, metadata=metadata)], width=2.0)
    apart.unlink()
    with pytest.raises(UserJobError, match="missing from the archive"):
        run_job("countmap", demo, [1001], files=[dataclasses.replace(file, metadata=metadata)], width=2.0)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (SpectrumParameters, {}),
        (SpectrumParameters, {"obs_id": ("1",), "on_radius": -0.1}),
        (SpectrumParameters, {"obs_id": ("1",), "energy": "10 1"}),
        (SpectrumParameters, {"obs_id": ("1",), "position": "400 0"}),
        (SpectrumParameters, {"obs_id": ("1",), "model": "cutoff"}),
        (SpectrumParameters, {"circle": "83 22 -1"}),
        (CountmapParameters, {"obs_id": ("1",), "ring_radius": 0.05}),
        (CountmapParameters, {"obs_id": ("1",), "width": 20, "binsz": 0.005}),
        (CountmapParameters, {"obs_id": ("1",), "width": 0.3, "binsz": 0.1}),
        (CountmapParameters, {"obs_id": ("1",), "binsz": 0.2}),
        (CountmapParameters, {"obs_id": ("1",), "unknown": 1}),
    ],
)
def test_parameters_out_of_range_are_refused(model: type, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**values)
