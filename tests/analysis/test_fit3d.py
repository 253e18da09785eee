"""Fits to maps of real runs find what a direct gammapy script finds, and what cannot be fitted is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import MapDataset
from gammapy.estimators import FluxPointsEstimator
from gammapy.maps import MapAxis, WcsGeom
from gammapy.modeling.models import Models, PowerLawSpectralModel
from matplotlib.image import imread
from pydantic import ValidationError

from analysis.fit3d.job import Fit3dParameters
from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext
from tests.analysis.real import CRAB, PKS_2155, Target
from tests.examples import NIGHTLY
from uws.errors import UserJobError

COARSE: dict[str, Any] = {"width": 2.5, "binsz": 0.05, "energy": (1.0, 10.0), "flux_points_per_decade": 2}


@pytest.fixture(scope="module")
def crab(hess: Path, run_job: Runner) -> RecordingContext:
    return run_job("fit3d", hess, CRAB.runs, **COARSE)


def _document(context: RecordingContext) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs["fit"].read_text())
    return document


def _direct(store: Path, target: Target, runs: Sequence[int], energy: MapAxis, index: float) -> MapDataset:
    """The maps of COARSE at other energies, stacked and fitted by gammapy alone."""
    geom = WcsGeom.create(skydir=target.position, width=2.5, binsz=0.05, proj="TAN", frame="icrs", axes=[energy])
    dataset = direct.field_of_view(store, runs, geom, target.position, nodes=0.5)
    spectrum = PowerLawSpectralModel(amplitude="5e-12 cm-2 s-1 TeV-1", index=index, reference="1 TeV")
    _, converged = direct.fit3d(dataset, spectrum, target.position)
    assert converged
    return dataset


def _check(found: dict[str, Any], dataset: MapDataset) -> None:
    """Values and errors within 1 % of the errors, and the same counts."""
    for row in found["parameters"]:
        parameter = dataset.models.parameters[row["name"].removeprefix("background_")]
        assert abs(row["value"] - parameter.value) < 0.01 * parameter.error, row["name"]
        assert row["error"] == pytest.approx(parameter.error, rel=0.01), row["name"]
    assert found["counts"] == dataset.counts.data[dataset.mask_safe.data].sum()
    assert np.sqrt(np.diag(found["covariance"])) == pytest.approx([row["error"] for row in found["parameters"]])


def test_a_fit_is_that_of_a_direct_script(crab: RecordingContext, hess: Path) -> None:
    """Parameters and flux points at energies at which all runs have data."""
    axis = MapAxis.from_energy_bounds(1, 10, nbin=10, unit="TeV", name="energy")
    dataset = _direct(hess, CRAB, CRAB.runs, axis, 2.6)
    _check(_document(crab), dataset)

    points = Table.read(crab.outputs["flux_points"], hdu=1)
    edges = np.append(points["e_min"], points["e_max"][-1]) * u.TeV
    estimator = FluxPointsEstimator(energy_edges=edges, source="source", selection_optional=["ul"])
    expected = estimator.run([dataset]).to_table(sed_type="dnde")
    error = expected["dnde_err"].quantity.value
    assert np.all(np.abs(points["dnde"] - expected["dnde"].quantity.value) < 0.02 * error)
    assert np.asarray(points["dnde_ul"]) == pytest.approx(expected["dnde_ul"].quantity.value, rel=0.01)


def test_a_fit_across_thresholds_is_that_of_a_direct_script(hess: Path, run_job: Runner) -> None:
    """Runs that begin at different energies: a weak source with two runs, and every night with all of them."""
    runs = PKS_2155.runs if NIGHTLY else PKS_2155.runs[:: len(PKS_2155.runs) - 1]
    found = _document(run_job("fit3d", hess, runs, **COARSE | {"energy": None}))
    assert len({run["energy_range_TeV"][0] for run in found["runs"]}) > 1
    axis = MapAxis.from_energy_bounds(0.1, 100, nbin=10, per_decade=True, unit="TeV", name="energy")
    _check(found, _direct(hess, PKS_2155, runs, axis, 3.3))


def test_the_results_of_a_fit_agree_with_each_other(crab: RecordingContext) -> None:
    """GADF 0.3, flux points: SED_TYPE and units of a `dnde` table; models that gammapy reads; a picture."""
    found = _document(crab)
    values = {row["name"]: row["value"] for row in found["parameters"]}
    assert SkyCoord(*found["position_deg"], unit="deg").separation(CRAB.position).deg < 0.02
    assert found["converged"]
    assert found["significance"] > 30
    models = Models.read(crab.outputs["model"])
    assert models["source"].spectral_model.index.value == values["index"]
    table = Table.read(crab.outputs["parameters"])
    assert dict(zip(table["name"], table["value"], strict=True))["amplitude"] == values["amplitude"]
    header = fits.getheader(crab.outputs["flux_points"], 1)
    assert (header["SED_TYPE"], header["TUNIT4"]) == ("dnde", "TeV-1 s-1 cm-2")
    with fits.open(crab.outputs["maps"], checksum=True) as hdulist:
        images = {hdu.name.lower(): np.array(hdu.data) for hdu in hdulist}
    assert images["counts"].sum() == found["counts"]
    assert images["predicted"].sum() == pytest.approx(
        found["predicted_source"] + found["predicted_background"], rel=1e-4
    )
    assert np.nanmax(np.abs(images["residual"])) < 6
    assert np.nanstd(images["residual"]) == pytest.approx(1, abs=0.1)
    assert min(imread(crab.outputs["plot"]).shape[:2]) > 600


def test_a_cached_fit_is_the_same(crab: RecordingContext, hess: Path, run_job: Runner) -> None:
    again = run_job("fit3d", hess, CRAB.runs, cache_dir=crab.cache_dir, **COARSE)
    for role, path in crab.outputs.items():
        assert path.read_bytes() == again.outputs[role].read_bytes(), role


IN_VAIN: list[tuple[list[int], dict[str, Any], str]] = [
    (
        [3001],
        {"position": (45.2, -24.0), "free_position": False, "energy": (1.0, 10.0)},
        "There is no signal to fit a point with power law to: 317 events in the map from 1 to 10 TeV",
    ),
    ([1001], {"energy": (60.0, 90.0)}, "no events outside of the excluded disks"),
    ([1001], {"energy": (1.0, 1.1)}, "fewer energy bins from 1 to 1.1 TeV than a point with power law has parameters"),
    ([1001], {"position": (10.0, 22.0)}, "outside of the field of view"),
    ([1001, 1002], {"morphology": "gaussian"}, "the extension went to zero"),
]


@pytest.mark.parametrize(("obs_ids", "parameters", "reason"), IN_VAIN)
def test_a_fit_in_vain_says_why(
    demo: Path, run_job: Runner, obs_ids: list[int], parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserJobError) as caught:
        run_job("fit3d", demo, obs_ids, width=2.4, binsz=0.08, **parameters)
    assert reason in caught.value.message


@pytest.mark.parametrize(
    "values",
    [
        {"width": 6, "binsz": 0.01},
        {"width": 0.5},
        {"morphology": "gaussian", "extension": 1.5},
        {"position": (83.6, 22.0), "exclude": (83.7, 22.0, 0.2)},
        {"morphology": "disk"},
    ],
)
def test_contradictory_parameters_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fit3dParameters(obs_id=("1",), **values)
