"""The demo data set: what was put in comes out, twice the same, and the parameters do what they say."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from analysis.onoff import reduction
from fixtures.sources import CRAB, PKS_2155, RUNS, Source
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext

FEW = {"flux_points_per_decade": 1}
"""Flux points take most of the time of a spectrum."""
WEB = ("django", "archive", "tap", "provenance", "frontend", "celery")


def _runs(source: Source) -> list[int]:
    return [run.obs_id for run in RUNS if run.target is source]


@pytest.fixture
def no_reduction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reduces an observation fails."""

    def fail(*_: object, **__: object) -> None:
        pytest.fail("an observation was reduced again")

    monkeypatch.setattr(reduction, "load", fail)


def test_spectra_of_runs_are_kept_between_jobs(demo: Path, run_job: Runner, request: pytest.FixtureRequest) -> None:
    """Another model, and another job, on the same runs; a damaged file is made anew."""
    first = run_job("spectrum", demo, [1001, 1002], **FEW)
    kept = sorted((first.cache_dir / "maps").iterdir())
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:-100])
    run_job("spectrum", demo, [1001, 1002], cache_dir=first.cache_dir, **FEW)
    request.getfixturevalue("no_reduction")
    again = run_job("spectrum", demo, [1001, 1002], cache_dir=first.cache_dir, model="log-parabola", **FEW)
    assert _document(again, "fit")["runs"] == _document(first, "fit")["runs"]
    run_job("lightcurve", demo, [1001, 1002], cache_dir=first.cache_dir, binning="run")
    for changed in ({"on_radius": 0.12}, {"energy": (1.0, 10.0)}, {"exclude": (83.6, 24.0, 0.1)}):
        with pytest.raises(pytest.fail.Exception):
            run_job("spectrum", demo, [1001, 1002], cache_dir=first.cache_dir, **changed)


def _document(context: RecordingContext, role: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs[role].read_text())
    return document


@pytest.mark.parametrize(
    ("source", "model", "names"),
    [(CRAB, "power-law", ["index", "amplitude"]), (PKS_2155, "log-parabola", ["amplitude", "alpha", "beta"])],
    ids=["Crab Nebula", "PKS 2155-304"],
)
def test_the_injected_spectrum_is_recovered(
    demo: Path, run_job: Runner, source: Source, model: str, names: list[str]
) -> None:
    """All parameters together lie within the 99 % contour of the fit."""
    found = _document(run_job("spectrum", demo, _runs(source), model=model, **FEW), "fit")
    assert [row["name"] for row in found["parameters"]] == names
    true = {"amplitude": source.amplitude, "index": source.index, "alpha": source.index, "beta": source.curvature}
    scale = np.array([row["error"] for row in found["parameters"]])
    difference = np.array([row["value"] - true[row["name"]] for row in found["parameters"]]) / scale
    correlation = np.array(found["covariance"]) / np.outer(scale, scale)
    assert difference @ np.linalg.solve(correlation, difference) < chi2.ppf(0.99, len(names))
    assert found["significance"] > 10


def test_the_empty_field_is_empty(demo: Path, run_job: Runner) -> None:
    summary = _document(run_job("countmap", demo, [3001, 3002]), "summary")
    assert abs(summary["significance"]) < 4
    assert summary["highest"]["significance"] < 6
    assert summary["livetime_s"] == pytest.approx(2 * 1680 * 0.94)


@pytest.mark.parametrize(
    ("job", "parameters"),
    [
        ("spectrum", FEW),
        ("countmap", {}),
        ("lightcurve", {}),
        ("stack", {"obs_id": ("1001", "1002"), "group": ("a: obs_id 1001", "b: obs_id 1002")}),
    ],
)
def test_the_same_work_gives_the_same_bytes(demo: Path, run_job: Runner, job: str, parameters: dict[str, Any]) -> None:
    first = run_job(job, demo, [1001, 1002], **parameters)
    second = run_job(job, demo, [1001, 1002], cache_dir=first.cache_dir, **parameters)
    for role, path in first.outputs.items():
        digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, second.outputs[role])}
        assert len(digests) == 1, role


def test_the_energy_range_is_kept_exactly(demo: Path, run_job: Runner) -> None:
    found = _document(run_job("spectrum", demo, [1003, 1004], energy=(1.3, 17.0), **FEW), "fit")
    assert found["energy_range_TeV"] == pytest.approx([1.3, 17.0])


def test_an_open_range_reaches_to_the_thresholds(demo: Path, run_job: Runner) -> None:
    summary = _document(run_job("countmap", demo, [1001], energy=(float("-inf"), 5.0), width=2.0), "summary")
    low, high = summary["energy_range_TeV"]
    assert 0.868 <= low < 0.868 * 10**0.1  # the next edge above LO_THRES
    assert high == pytest.approx(5.0)


def test_an_excluded_disk_takes_off_regions_away(demo: Path, run_job: Runner) -> None:
    opposite = (CRAB.ra, CRAB.dec + 1.0, 0.2)  # run 1001 points half a degree north of the source
    all_of_it = _document(run_job("spectrum", demo, [1001], **FEW), "fit")
    without = _document(run_job("spectrum", demo, [1001], exclude=opposite, **FEW), "fit")
    assert without["n_on"] == all_of_it["n_on"]
    assert without["alpha"] > all_of_it["alpha"]


def test_observations_of_no_use_are_named(demo: Path, run_job: Runner) -> None:
    context = run_job("spectrum", demo, [1001, 2001], position=(CRAB.ra, CRAB.dec), **FEW)
    found = _document(context, "fit")
    assert found["obs_ids"] == ["1001"]
    assert [item["obs_id"] for item in found["skipped"]] == ["2001"]
    assert "outside of the field of view" in found["skipped"][0]["reason"]


def test_the_centre_of_the_circle_is_the_source_when_targets_differ(demo: Path, run_job: Runner) -> None:
    context = run_job("countmap", demo, [1001, 2001], circle=(CRAB.ra, CRAB.dec, 180.0), width=2.0)
    assert _document(context, "summary")["position_deg"] == pytest.approx([CRAB.ra, CRAB.dec])


def test_workers_warm_up_without_data_and_know_nothing_of_the_web() -> None:
    program = (
        "import sys, analysis.countmap.worker, analysis.fit3d.worker, analysis.lightcurve.worker\n"
        "import analysis.spectrum.worker, analysis.stack.worker\n"
        "analysis.countmap.worker.warm_up()\n"
        "analysis.fit3d.worker.warm_up()\n"
        "analysis.lightcurve.worker.warm_up()\n"
        "analysis.spectrum.worker.warm_up()\n"
        "analysis.stack.worker.warm_up()\n"
        f"sys.exit(', '.join({set(WEB)!r} & set(sys.modules)) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert not finished.stdout


def test_declarations_do_not_load_gammapy() -> None:
    program = (
        "import sys, analysis.countmap.job, analysis.fit3d.job, analysis.lightcurve.job\n"
        "import analysis.spectrum.job, analysis.stack.job\n"
        "sys.exit('gammapy' in sys.modules or 'astropy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
