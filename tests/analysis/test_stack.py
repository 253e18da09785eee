"""Stacked spectra of groups: what a direct fit finds, tests of agreement, groups as text, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import Datasets
from gammapy.estimators import FluxPoints
from gammapy.modeling import Fit
from gammapy.modeling.models import Models, PowerLawSpectralModel, SkyModel
from matplotlib.image import imread
from pydantic import ValidationError
from scipy.stats import chi2

from analysis.stack.groups import Group, group, text_of
from analysis.stack.job import StackParameters
from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext
from tests.analysis.real import CRAB, PKS_2155
from tests.examples import NIGHTLY
from uws.errors import UserJobError

PERIODS = ("first: time 53343 53345", "second: time 53345 53349")


def _summary(context: RecordingContext) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs["summary"].read_text())
    return document


def _same(rows: list[dict[str, Any]], model: PowerLawSpectralModel) -> None:
    for row in rows:
        parameter = model.parameters[row["name"]]
        assert abs(row["value"] - parameter.value) < 0.01 * parameter.error, row["name"]
        assert row["error"] == pytest.approx(parameter.error, rel=0.02)


def test_periods_are_fitted_and_compared_as_gammapy_does(hess: Path, run_job: Runner, crab_spectra: Datasets) -> None:
    context = run_job("stack", hess, CRAB.runs, group=PERIODS)
    summary = _summary(context)
    periods = {"first": crab_spectra[:2], "second": crab_spectra[2:]}
    halves = [Datasets(each).stack_reduce(name=name) for name, each in periods.items()]
    stats = []
    for row, dataset in zip(summary["groups"], halves, strict=True):
        model = PowerLawSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.6)
        stats.append(direct.fit(dataset, model))
        _same(row["parameters"], model)
    common = PowerLawSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.6)
    both = Datasets(halves)
    both.models = [SkyModel(spectral_model=common, name="source")]
    result = Fit(optimize_opts={"tol": 0.01}).run(both)
    found = summary["agreement"]["spectrum"]
    assert found["ts"] == pytest.approx(result.total_stat - sum(stats), abs=0.02)
    assert found["ts_dof"] == 2
    assert found["p_value"] == pytest.approx(chi2.sf(found["ts"], 2))
    assert found["agree"] is bool(found["p_value"] >= 0.05)
    _same(found["common"], common)
    shape = summary["agreement"]["shape"]
    assert 0 <= shape["ts"] <= found["ts"] + 0.01
    assert shape["ts_dof"] == 1
    assert [row["name"] for row in shape["common"]] == ["index"]

    table = Table.read(context.outputs["comparison"])
    assert list(table["name"]) == ["first", "second"]
    assert list(table["index"]) == pytest.approx([row["parameters"][0]["value"] for row in summary["groups"]])
    assert list(Table.read(context.outputs["comparison_table"])["n_on"]) == list(table["n_on"])
    assert Models.read(context.outputs["models"]).names == ["first", "second"]
    with fits.open(context.outputs["flux_points"]) as hdulist:
        assert [hdu.header["GROUP"] for hdu in hdulist[1:]] == ["first", "second"]
        points = Table.read(hdulist[1])
    assert FluxPoints.from_table(points, reference_model=common).has_stat_profiles
    assert min(imread(context.outputs["plot"]).shape[:2]) > 500
    data = json.loads(context.outputs["plot_data"].read_text())
    assert (data["kind"], [series["name"] for series in data["series"]]) == ("comparison", ["first", "second"])
    assert data["series"][0]["points"]["e_ref"] == pytest.approx(list(points["e_ref"]))
    energy = data["reference"]["energy"] * u.TeV
    assert data["reference"]["e2dnde"] == pytest.approx(
        list((energy**2 * common(energy)).to_value("erg cm-2 s-1")), rel=0.01
    )


def test_two_sources_differ(hess: Path, run_job: Runner) -> None:
    """With two runs each, and every night with all of them."""
    runs = {target: target.runs if NIGHTLY else target.runs[-2:] for target in (CRAB, PKS_2155)}
    groups = tuple(f"{target.name}: obs_id {' '.join(map(str, each))}" for target, each in runs.items())
    context = run_job("stack", hess, [obs_id for each in runs.values() for obs_id in each], group=groups)
    summary = _summary(context)
    for row, (target, each) in zip(summary["groups"], runs.items(), strict=True):
        dataset = direct.spectra(hess, each, target.position).stack_reduce(name=target.name)
        model = PowerLawSpectralModel(amplitude="1e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.6)
        direct.fit(dataset, model)
        _same(row["parameters"], model)
    assert not summary["agreement"]["spectrum"]["agree"]
    assert summary["agreement"]["spectrum"]["sigma"] > 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: obs_id 1 2,3", Group("a", ("1", "2", "3"))),
        ("a:time 1 2", Group("a", time=(1.0, 2.0))),
        ("Mrk 421 (high): time 1 +Inf ; obs_id 1;", Group("Mrk 421 (high)", ("1",), (1.0, float("inf")))),
        ("b: position 83.5 -22", Group("b", position=(83.5, -22.0))),
        ("c: obs_id ivo://a/b?r1/1", Group("c", ("ivo://a/b?r1/1",))),
    ],
)
def test_groups_are_read_and_written(text: str, expected: Group) -> None:
    assert group(text) == expected
    assert group(text_of(expected)) == expected


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (("a: obs_id 1",), "at least two groups, not 1"),
        (("a: obs_id 1", "a: obs_id 2"), "two groups are named 'a'"),
        (("obs_id 1", "b: obs_id 2"), "written as NAME: conditions"),
        (("a:", "b: obs_id 2"), "'a' has no condition"),
        (("a: runs 1", "b: obs_id 2"), "a condition 'runs'; there are obs_id, time and position"),
        (("a: time 2 1", "b: obs_id 2"), "the time of the group 'a': the interval is upside down"),
        (("a: position 400 1", "b: obs_id 2"), "the position of the group 'a': right ascension"),
        (("a: obs_id 1; obs_id 3", "b: obs_id 2"), "has obs_id twice"),
        (("a: time 1 2", "b: time 2 3"), "select observations"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(groups: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StackParameters(group=groups)


def test_observations_named_in_groups_are_selected() -> None:
    groups = ("a: obs_id 1 2", "b: obs_id 2 3; time 1 2")
    assert StackParameters(group=groups).obs_id == ("1", "2", "3")
    assert StackParameters(group=groups, circle=(1.0, 2.0, 3.0)).obs_id == ()


@pytest.mark.parametrize(
    ("obs_ids", "groups", "message"),
    [
        ([1001], ("a: time 50000 50001", "b: obs_id 1001"), "Group a: None of the observations can be used. 1001: it"),
        ([1001, 1002], ("a: obs_id 1001", "b: obs_id 1003"), "Group b: Observation 1003 is not among those"),
        ([1001, 1002], ("a: obs_id 1001", "b: obs_id 1001 1002"), "a and b share events of observation 1001"),
        ([1001, 3001], ("a: obs_id 1001", "b: obs_id 3001; position 45.5 -24.3"), "Group b: "),
    ],
)
def test_a_comparison_in_vain_says_why(
    demo: Path, run_job: Runner, obs_ids: list[int], groups: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserJobError) as caught:
        run_job("stack", demo, obs_ids, group=groups, circle=(83.6, 22.0, 180.0))
    assert message in caught.value.message
