"""Data of other instruments: responses in files of their own, no threshold in the header, responses of another kind."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from gammapy.estimators import FluxPointsEstimator
from gammapy.irf import EffectiveAreaTable2D
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel

from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import input_files
from uws.errors import UserJobError

GALACTIC_CENTRE = (266.417, -29.008)


def test_without_a_threshold_the_effective_area_sets_it(shared: Path, run_job: Runner) -> None:
    """CTA data challenge: events and responses lie in two files, LO_THRES is not given."""
    store = shared / "data" / "cta-1dc" / "index" / "gps"
    context = run_job("spectrum", store, [110380], position=GALACTIC_CENTRE, flux_points_per_decade=1)
    found = json.loads(context.outputs["fit"].read_text())
    (file,) = context.inputs["observations"]
    area = EffectiveAreaTable2D.read(file.metadata["files"]["aeff"], hdu=file.metadata["hdus"]["aeff"])
    pointing = SkyCoord(file.metadata["ra_pnt"], file.metadata["dec_pnt"], unit="deg")
    offset = pointing.separation(SkyCoord(*GALACTIC_CENTRE, unit="deg"))
    energy = np.geomspace(0.01, 100, 4001) * u.TeV
    values = area.evaluate(energy_true=energy, offset=offset)
    threshold = energy[values > 0.1 * values.max()][0].value
    low = found["energy_range_TeV"][0]
    assert threshold * 0.95 < low < threshold * 10**0.3  # the bins of the area's axis and of ours
    assert found["significance"] > 10
    assert found["parameters"][0]["value"] == pytest.approx(2.5, abs=0.5)


@dataclass(frozen=True, slots=True)
class PointLike:
    """Observations of the Crab Nebula with responses for an on region of `radius` deg (None: by energy)."""

    folder: str
    obs_ids: tuple[int, ...]
    radius: float | None


FACT = PointLike("fact-crab", (20131103103, 20131103104, 20131103105), 0.17320508)
MAGIC = PointLike("magic-rad-max", (5029747, 5029748), None)
CRAB = (83.633, 22.014)


@pytest.mark.parametrize("data", [FACT, MAGIC], ids=["FACT", "MAGIC"])
def test_point_like_responses_give_the_spectra_of_a_direct_script(
    shared: Path, run_job: Runner, data: PointLike, tmp_path: Path
) -> None:
    """Counts are equal, fluxes and their errors agree within 1 % of the errors; GADF, RAD_MAX and RAD_MAX_2D."""
    store = shared / "data" / data.folder
    options: dict[str, Any] = {"position": CRAB, "cache_dir": tmp_path}
    found = json.loads(run_job("spectrum", store, data.obs_ids, compare=False, **options).outputs["fit"].read_text())
    stacked = direct.point_like_spectra(store, data.obs_ids, SkyCoord(*CRAB, unit="deg"), data.radius).stack_reduce()
    model = PowerLawSpectralModel(index=2.5, amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV")
    direct.fit(stacked, model)
    counts = stacked.info_dict()
    assert (found["n_on"], found["n_off"]) == (counts["counts"], counts["counts_off"])
    assert found["on_radius_deg"] == (None if data.radius is None else pytest.approx(data.radius))
    for row in found["parameters"]:
        expected = model.parameters[row["name"]]
        assert row["value"] == pytest.approx(expected.value, abs=0.01 * expected.error), row["name"]
        assert row["error"] == pytest.approx(expected.error, rel=0.01, abs=0), row["name"]
    context = run_job("lightcurve", store, data.obs_ids, index=2.5, energy=(1.0, 10.0), **options)
    (night,) = json.loads(context.outputs["summary"].read_text())["bins"]
    stacked.models = [SkyModel(PowerLawSpectralModel(index=2.5, amplitude=model.amplitude.quantity), name="source")]
    estimator = FluxPointsEstimator(energy_edges=[1, 10] * u.TeV, source="source", selection_optional=[])
    (point,) = estimator.run([stacked]).to_table(sed_type="flux")
    assert night["flux"][0] == pytest.approx(point["flux"], abs=0.01 * point["flux_err"])
    assert night["flux_err"][0] == pytest.approx(point["flux_err"], rel=0.01, abs=0)


@pytest.mark.parametrize("data", [FACT, MAGIC], ids=["FACT", "MAGIC"])
def test_maps_need_responses_in_full_enclosure(shared: Path, run_job: Runner, data: PointLike) -> None:
    with pytest.raises(UserJobError, match=f"{data.obs_ids[0]} has point-like .* Choose spectrum, lightcurve or stack"):
        run_job("countmap", shared / "data" / data.folder, data.obs_ids, position=CRAB)


def test_responses_for_an_unknown_on_region_are_refused(shared: Path, run_job: Runner) -> None:
    store = shared / "data" / MAGIC.folder
    files = input_files(store, MAGIC.obs_ids)
    for file in files:
        del file.metadata["hdus"]["rad_max"]
    with pytest.raises(UserJobError, match=r"do not say for which on region they are valid \(RAD_MAX\): leave it out"):
        run_job("spectrum", store, MAGIC.obs_ids, files=files)


def test_on_regions_of_different_sizes_are_not_stacked(shared: Path, run_job: Runner, tmp_path: Path) -> None:
    store = shared / "data" / MAGIC.folder
    first, second = input_files(store, MAGIC.obs_ids)
    path = tmp_path / "fixed.fits"
    with fits.open(second.path) as hdulist:
        for hdu in hdulist[second.metadata["hdus"]["aeff"]], hdulist[second.metadata["hdus"]["edisp"]]:
            hdu.header["RAD_MAX"] = 0.2
        hdulist.writeto(path)
    del second.metadata["hdus"]["rad_max"]
    fixed = replace(second, path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(UserJobError, match=r"on regions of different sizes .* select those of one size"):
        run_job("spectrum", store, MAGIC.obs_ids, files=[first, fixed])
