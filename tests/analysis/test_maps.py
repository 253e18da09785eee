"""Maps kept between jobs: found again, only what is new is made, and nothing that is damaged is believed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from gammapy.irf import Background3D
from gammapy.maps import MapAxis

from analysis.maps import runs
from analysis.maps.grid import energy_edges
from analysis.maps.runs import interpolate_missing
from analysis.maps.store import ArrayStore
from analysis.sample import sample_observation
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext

SMALL: dict[str, Any] = {"width": 2.0, "binsz": 0.04}
WHAT = {"observation": "a", "grid": [1, 2]}


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "maps", 10**6)


@pytest.fixture
def read_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the observations that are read from their files, as they are."""
    names: list[str] = []
    load = runs.load

    def recording(file: Any, needed: Any) -> Any:
        names.append(file.metadata["obs_id"])
        return load(file, needed)

    monkeypatch.setattr(runs, "load", recording)
    return names


def _summary(context: RecordingContext) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs["summary"].read_text())
    return document


def test_another_selection_reads_only_what_is_new(demo: Path, run_job: Runner, read_runs: list[str]) -> None:
    first = run_job("countmap", demo, [1001, 1002], **SMALL)
    cache = first.cache_dir
    assert read_runs == ["1001", "1002"]
    again = run_job("countmap", demo, [1001, 1002], cache_dir=cache, **SMALL)
    for role, path in first.outputs.items():
        assert path.read_bytes() == again.outputs[role].read_bytes(), role
    run_job("countmap", demo, [1001, 1002], cache_dir=cache, on_radius=0.2, background="field-of-view", **SMALL)
    run_job("countmap", demo, [1001, 1002], cache_dir=cache, energy=(1.0, 10.0), **SMALL)
    assert len(read_runs) == 2
    run_job("countmap", demo, [1001, 1002, 1003], cache_dir=cache, **SMALL)
    assert read_runs[2:] == ["1003"]
    other = run_job("countmap", demo, [1001], cache_dir=cache, energy=(1.3, 17.0), **SMALL)
    run_job("countmap", demo, [1001], cache_dir=cache, width=1.0, binsz=0.04)
    assert read_runs[3:] == []
    fresh = run_job("countmap", demo, [1001], energy=(1.3, 17.0), **SMALL)
    assert _summary(other) == _summary(fresh)


def test_the_field_of_view_background_is_scaled_to_the_counts(demo: Path, run_job: Runner) -> None:
    context = run_job("countmap", demo, [1001], background="field-of-view", **SMALL)
    with fits.open(context.outputs["maps"], checksum=True) as hdulist:
        maps = {hdu.name.lower(): np.array(hdu.data) for hdu in hdulist}
        assert hdulist["EXPOSURE"].header["BUNIT"] == "cm2 s"
    assert "alpha" not in maps
    summary = _summary(context)
    assert summary["significance"] > 10
    assert summary["runs"][0]["background_norm"] == pytest.approx(1, abs=0.2)
    at_source = maps["exposure"][25, 25]
    assert summary["exposure_cm2_s"] == pytest.approx(at_source, rel=0.05)
    assert np.nanmax(maps["exposure"]) < 1680 * 1e10
    assert summary["n_on"] == pytest.approx(summary["background"] + summary["excess"])


def _spoil_tail(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


SPOILED: list[Callable[[Path], object]] = [
    _spoil_tail,
    lambda path: path.write_bytes(path.read_bytes()[:-100]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"no archive"),
    lambda path: np.savez(path, values=np.arange(3)),
    lambda path: (path.unlink(), path.mkdir()),
]


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_file_that_is_not_as_it_was_written_is_not_there(store: ArrayStore, spoil: Callable[[Path], object]) -> None:
    store.write(WHAT, {"values": np.arange(1000.0)})
    (path,) = store.folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    found = store.read(WHAT)
    assert found is not None
    assert list(found) == ["values"]
    assert np.array_equal(found["values"], np.arange(1000.0))
    spoil(path)
    assert store.read(WHAT) is None


class Here:
    """A class that a later version of the code may not have."""


def test_objects_are_kept_as_they_are(store: ArrayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_object(WHAT, {"values": (1, 2.5)})
    assert store.read_object(WHAT) == {"values": (1, 2.5)}
    store.write_object(WHAT, Here())
    monkeypatch.delattr("tests.analysis.test_maps.Here")
    assert store.read_object(WHAT) is None


def test_arrays_of_another_description_are_not_taken(store: ArrayStore) -> None:
    store.write(WHAT, {"values": np.arange(3)})
    (path,) = store.folder.iterdir()
    other = {**WHAT, "observation": "b"}
    store.write(other, {"values": np.arange(4)})
    (second,) = set(store.folder.iterdir()) - {path}
    path.replace(second)
    assert store.read(other) is None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, 25_000)
    for number in range(3):
        store.write({"n": number}, {"values": np.zeros(1000)})
        for path in tmp_path.iterdir():
            status = path.stat()
            os.utime(path, (status.st_atime, status.st_mtime - 10))
    abandoned = tmp_path / ".new-abandoned"
    abandoned.touch()
    os.utime(abandoned, (0, time.time() - 7200))
    assert store.read({"n": 0}) is not None
    store.write({"n": 3}, {"values": np.zeros(1000)})
    store.trim()
    assert [store.read({"n": number}) is not None for number in range(4)] == [True, False, False, True]
    assert not abandoned.exists()


@pytest.mark.parametrize("broken", ["limit", "folder"])
def test_without_room_nothing_is_kept_and_nothing_fails(tmp_path: Path, broken: str) -> None:
    (tmp_path / "file").touch()
    store = ArrayStore(tmp_path / "maps", 0) if broken == "limit" else ArrayStore(tmp_path / "file", 10**6)
    store.write(WHAT, {"values": np.arange(3)})
    store.trim()
    assert store.read(WHAT) is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_edges_are_fixed_but_for_the_limits() -> None:
    everything = energy_edges(None)
    assert len(everything) == 41
    some = energy_edges((1.3, 17.0))
    assert (some[0], some[-1]) == (1.3, 17.0)
    assert set(some[1:-1]) <= set(everything)
    assert np.array_equal(energy_edges((0.9999999, 10.0)), everything[20:31])


def test_missing_background_is_filled_as_gammapy_does() -> None:
    """`background_interp_missing_data` of gammapy's MapDatasetMaker."""
    random = np.random.default_rng(5)
    axes = [
        MapAxis.from_energy_bounds(0.1, 100, nbin=12, unit="TeV", name="energy"),
        MapAxis.from_edges(np.linspace(-3, 3, 7), unit="deg", name="fov_lon"),
        MapAxis.from_edges(np.linspace(-3, 3, 7), unit="deg", name="fov_lat"),
    ]
    data = np.where(random.random((12, 6, 6)) < 0.4, 0, random.random((12, 6, 6)))
    data[:, 0, 0] = 0
    data[3, 1, 1] = np.nan
    observation = sample_observation()
    observation.bkg = Background3D(axes=axes, data=data.copy(), unit="s-1 TeV-1 sr-1")
    expected = Background3D(axes=axes, data=data.copy(), unit="s-1 TeV-1 sr-1")
    expected.interp_missing_data("energy")
    interpolate_missing(observation)
    assert (observation.bkg.data != data).any()
    assert observation.bkg.data == pytest.approx(expected.data, rel=1e-12, nan_ok=True)
