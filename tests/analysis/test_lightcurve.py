"""Light curves of real and invented runs: what gammapy finds, time bins, tests of variability, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from gammapy.datasets import Datasets
from gammapy.estimators import FluxPoints, LightCurveEstimator
from gammapy.estimators.utils import compute_lightcurve_fvar
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel
from gammapy.stats import wstat
from matplotlib.image import imread
from pydantic import ValidationError

from analysis.lightcurve.bins import night
from analysis.lightcurve.job import LightcurveParameters
from analysis.lightcurve.variability import variability
from analysis.onoff.norms import Profile, norm
from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext
from tests.analysis.real import CRAB, PKS_2155, Target
from tests.examples import NIGHTLY
from uws.errors import UserJobError

NIGHTS = {CRAB: [(0, 1), (2,), (3,)], PKS_2155: [(0, 1, 2), (3, 4, 5)]}
"""Numbers of the runs of each night."""


def _summary(context: RecordingContext) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs["summary"].read_text())
    return document


@pytest.mark.parametrize("target", [CRAB, PKS_2155] if NIGHTLY else [CRAB], ids=lambda target: target.name)
def test_fluxes_are_those_of_gammapy(
    hess: Path, run_job: Runner, crab_cache: Path, crab_spectra: Datasets, target: Target
) -> None:
    context = run_job("lightcurve", hess, target.runs, cache_dir=crab_cache)
    datasets = crab_spectra if target is CRAB else direct.spectra(hess, target.runs, target.position)
    model = PowerLawSpectralModel(amplitude="2e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.6)
    direct.fit(datasets.stack_reduce(name="all"), model)
    nights = Datasets(
        [
            Datasets([datasets[number] for number in members]).stack_reduce(name=f"night{members[0]}")
            for members in NIGHTS[target]
        ]
    )
    nights.models = [SkyModel(spectral_model=model, name="source")]
    summary = _summary(context)
    edges = summary["energy_edges_TeV"] * u.TeV
    estimator = LightCurveEstimator(energy_edges=edges, source="source", selection_optional=["errn-errp", "ul"])
    expected = estimator.run(nights)
    rows = expected.to_table(format="lightcurve", sed_type="flux")
    table = Table.read(context.outputs["lightcurve"], hdu="FLUXPOINTS")
    for name in ("flux", "flux_err", "flux_errn", "flux_errp", "flux_ul"):
        found = table[name].quantity.to_value("cm-2 s-1")[:, 0]
        assert np.all(np.abs(found - rows[name][:, 0]) < 0.01 * rows["flux_err"][:, 0]), name
    assert np.asarray(table["time_min"]) == pytest.approx(np.asarray(rows["time_min"]), abs=1e-8)
    assert np.asarray(table["time_max"]) == pytest.approx(np.asarray(rows["time_max"]), abs=1e-8)
    fvar = compute_lightcurve_fvar(expected)
    found_fvar = summary["variability"][0]["fractional_variability"]
    if found_fvar is not None:
        assert found_fvar["value"] == pytest.approx(fvar["fvar"].item(), rel=0.01)
    read = FluxPoints.read(context.outputs["lightcurve"], format="lightcurve")
    assert read.geom.axes["time"].nbin == len(NIGHTS[target])
    assert read.n_sigma_ul == pytest.approx(2, abs=1e-3)
    assert min(imread(context.outputs["plot"]).shape[:2]) > 500


def test_runs_in_two_energy_ranges(demo: Path, run_job: Runner) -> None:
    context = run_job("lightcurve", demo, [1001, 1002, 1003], binning="run", energy=(1.0, 50.0), energy_split=(3.0,))
    summary = _summary(context)
    assert summary["energy_edges_TeV"] == pytest.approx([1, 3, 50])
    assert [item["obs_ids"] for item in summary["bins"]] == [["1001"], ["1002"], ["1003"]]
    assert len(summary["variability"]) == 2
    table = Table.read(context.outputs["lightcurve_table"])
    flux = table["flux"].quantity.to_value("cm-2 s-1")
    assert flux.shape == (3, 2)
    assert np.all(flux[:, 0] > flux[:, 1])
    true = PowerLawSpectralModel(index=2.55, amplitude="3.8e-11 cm-2 s-1 TeV-1", reference="1 TeV")
    expected = [true.integral(low * u.TeV, high * u.TeV).to_value("cm-2 s-1") for low, high in ((1, 3), (3, 50))]
    assert np.all(np.abs(flux - expected) < 4 * table["flux_err"].quantity.to_value("cm-2 s-1"))
    series = json.loads(context.outputs["plot_data"].read_text())["series"]
    assert [len(item["flux"]) for item in series] == [3, 3]
    assert series[0]["flux"] == pytest.approx(list(flux[:, 0]))


def test_given_bins_cut_runs_and_an_index_needs_no_signal(demo: Path, run_job: Runner) -> None:
    """2021-11-05T22:40 is MJD 59523.94444; the run lasts 1680 s."""
    middle = 59523.94444 + 840 / 86400
    bins = ((59523.0, middle), (middle, 59524.0), (59530.0, 59531.0))
    context = run_job("lightcurve", demo, [3001, 1001], binning="given", bins=bins, index=2.5, position=(45.5, -24.3))
    summary = _summary(context)
    assert [item["obs_id"] for item in summary["skipped"]] == ["1001"]
    assert "not taken in any of the times given" in summary["skipped"][0]["reason"]
    assert summary["shape"] == "given"
    assert [item["time_mjd_utc"] for item in summary["bins"]] == [list(bins[0]), list(bins[1])]
    halves = [item["livetime_s"] for item in summary["bins"]]
    assert halves == pytest.approx([0.94 * 840] * 2, rel=2e-3)
    assert summary["parameters"][0]["name"] == "amplitude"
    for item in summary["bins"]:
        assert item["is_ul"] == [True]
        assert item["flux_ul"][0] > 0


@pytest.mark.parametrize(
    ("time", "longitude", "evening"),
    [
        ((59523.94, 59523.96), 16.5, 59523),
        ((59524.05, 59524.07), 16.5, 59523),
        ((59524.05, 59524.07), None, 59523),
        ((59524.40, 59524.42), -110.9, 59523),
        ((59524.40, 59524.42), 138.0, 59524),
        ((59524.55, 59524.57), None, 59524),
    ],
)
def test_a_night_ends_at_noon(time: tuple[float, float], longitude: float | None, evening: int) -> None:
    assert night(SimpleNamespace(time=time, longitude=longitude)) == evening  # type: ignore[arg-type]


def _profile(n_on: int, n_off: int = 100, alpha: float = 0.1, signal: float = 50) -> Profile:
    return Profile((1, 10), *(np.array([value], dtype=float) for value in (n_on, n_off, alpha, signal)))


def test_a_constant_source_is_constant_and_a_flare_is_none() -> None:
    quiet = variability([_profile(n) for n in (58, 63, 60, 59)], unit=1e-11)
    assert quiet["likelihood_ratio"]["p_value"] > 0.5
    assert quiet["chi2"]["p_value"] > 0.5
    assert quiet["fractional_variability"] is None
    assert quiet["flux"] == pytest.approx(1e-11, rel=0.02)
    flare = variability([_profile(n) for n in (58, 163, 60, 59)], unit=1e-11)
    assert flare["likelihood_ratio"]["p_value"] < 1e-8
    assert flare["likelihood_ratio"]["ts_dof"] == flare["chi2"]["dof"] == 3
    values = np.array([48, 153, 50, 49]) / 50
    noise = np.mean([found.err**2 for n in (58, 163, 60, 59) if (found := norm(_profile(n)))])
    expected = np.sqrt(values.var(ddof=1) - noise) / values.mean()
    assert flare["fractional_variability"]["value"] == pytest.approx(expected, rel=1e-3)


def test_one_bin_says_nothing_of_variability() -> None:
    found = variability([_profile(60)], unit=1e-11)
    assert found["likelihood_ratio"] is found["chi2"] is found["fractional_variability"] is None
    assert found["flux"] == pytest.approx(1e-11)


def test_without_events_there_is_a_limit() -> None:
    """W-stat without counts is twice the expectation: the limit is where that is four."""
    found = norm(replace(_profile(0), n_off=np.zeros(1)))
    assert found is not None
    assert (found.value, found.ts) == (0, 0)
    assert found.ul == pytest.approx(2 / 50)
    assert norm(_profile(10, signal=0)) is None


def test_errors_are_where_the_likelihood_falls() -> None:
    bins = _profile(25, 130, 0.1, 10)
    found = norm(bins)
    assert found is not None
    assert found.value == pytest.approx(1.2, abs=1e-6)
    for value, delta in ((found.value - found.errn, 1), (found.value + found.errp, 1), (found.ul, 4)):
        assert wstat(25, 130, 0.1, 10 * value) - found.stat == pytest.approx(delta, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"binning": "given"}, "binning=given with `bins`"),
        ({"bins": ("1 2",)}, "binning=given"),
        ({"binning": "given", "bins": ("2 2",)}, "time between them"),
        ({"binning": "given", "bins": ("-Inf 2",)}, "time between them"),
        ({"binning": "given", "bins": ("1 3", "2 4")}, "none overlap another"),
        ({"index": 2.5, "model": "log-parabola"}, "not of model=log-parabola"),
        ({"energy_split": (3.0, 2.0)}, "do not rise"),
        ({"energy_split": (3.0,), "energy": "5 10"}, "outside of the energy range"),
    ],
)
def test_contradictory_parameters_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LightcurveParameters(obs_id=("1",), **values)


@pytest.mark.parametrize(
    ("obs_ids", "parameters", "message"),
    [
        ([3001], {"position": (45.8, -24.3), "model": "log-parabola"}, "can be given with `index`"),
        ([1001], {"binning": "given", "bins": ((50000.0, 50001.0),)}, "not taken in any of the times given"),
        ([1001], {"energy_split": (0.5,)}, "energy_split is below"),
        ([1001], {"energy_split": (500.0,)}, "energy_split lies outside"),
    ],
)
def test_a_light_curve_in_vain_says_why(
    demo: Path, run_job: Runner, obs_ids: list[int], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserJobError, match=message):
        run_job("lightcurve", demo, obs_ids, **parameters)
