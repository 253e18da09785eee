"""Four real runs on the Crab nebula: the workers find what a direct gammapy script finds."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints, FluxPointsEstimator
from gammapy.maps import Map
from gammapy.modeling.models import (
    ExpCutoffPowerLawSpectralModel,
    LogParabolaSpectralModel,
    Models,
    PowerLawSpectralModel,
    SkyModel,
    SpectralModel,
)
from matplotlib.image import imread

from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import RecordingContext
from tests.analysis.real import CRAB
from vo.version import version

RUNS, POSITION = list(CRAB.runs), CRAB.position


@pytest.fixture(scope="module")
def dataset(crab_spectra: Datasets) -> SpectrumDatasetOnOff:
    return crab_spectra.stack_reduce(name="stacked")


@pytest.fixture(scope="module", params=["power-law", "log-parabola", "exponential-cut-off"])
def spectrum(request: pytest.FixtureRequest, hess: Path, run_job: Runner, crab_cache: Path) -> RecordingContext:
    points = {"power-law": 5, "log-parabola": 2, "exponential-cut-off": 3}
    return run_job(
        "spectrum",
        hess,
        RUNS,
        cache_dir=crab_cache,
        model=request.param,
        flux_points_per_decade=points[request.param],
    )


@pytest.fixture(scope="module")
def countmap(hess: Path, run_job: Runner) -> RecordingContext:
    return run_job("countmap", hess, RUNS)


def _document(context: RecordingContext, role: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(context.outputs[role].read_text())
    return document


def _model(name: str) -> SpectralModel:
    if name == "exponential-cut-off":
        return ExpCutoffPowerLawSpectralModel(
            amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.2, lambda_="0.1 TeV-1"
        )
    if name == "log-parabola":
        return LogParabolaSpectralModel(amplitude="2e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.2, beta=0.2)
    return PowerLawSpectralModel(amplitude="2e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.2)


def test_parameters_are_those_of_a_direct_script(spectrum: RecordingContext, dataset: SpectrumDatasetOnOff) -> None:
    found = _document(spectrum, "fit")
    model = _model(found["model"])
    stat = direct.fit(dataset, model)
    free = [parameter for parameter in model.parameters if not parameter.frozen]
    assert [row["name"] for row in found["parameters"]] == [parameter.name.rstrip("_") for parameter in free]
    for row, parameter in zip(found["parameters"], free, strict=True):
        assert abs(row["value"] - parameter.value) < 0.01 * parameter.error, parameter.name
        assert row["error"] == pytest.approx(parameter.error, rel=0.01)
    units = {"amplitude": "cm-2 s-1 TeV-1", "lambda": "TeV-1"}
    assert [row["unit"] for row in found["parameters"]] == [units.get(row["name"], "") for row in found["parameters"]]
    errors = [row["error"] for row in found["parameters"]]
    assert np.sqrt(np.diag(found["covariance"])) == pytest.approx(errors)
    assert found["stat"] == pytest.approx(stat, abs=1e-3)


def test_counts_are_those_of_a_direct_script(spectrum: RecordingContext, dataset: SpectrumDatasetOnOff) -> None:
    found, expected = _document(spectrum, "fit"), dataset.info_dict()
    assert found["n_on"] == expected["counts"]
    assert found["n_off"] == expected["counts_off"]
    assert found["alpha"] == pytest.approx(expected["alpha"])
    assert found["significance"] == pytest.approx(expected["sqrt_ts"])
    assert found["livetime_s"] == pytest.approx(expected["livetime"].to_value("s"))
    assert found["obs_ids"] == [str(obs_id) for obs_id in RUNS]
    assert found["dof"] == dataset.mask_safe.data.sum() - len(found["parameters"])
    low, high = found["energy_range_TeV"]
    edges = dataset.counts.geom.axes["energy"].edges.value
    mask = dataset.mask_safe.data[:, 0, 0]
    assert (low, high) == pytest.approx((edges[:-1][mask].min(), edges[1:][mask].max()))
    assert sum(run["n_on"] for run in found["runs"]) == found["n_on"]


def test_the_crab_is_the_crab(hess: Path, spectrum: RecordingContext) -> None:
    """As H.E.S.S. measured it, within the errors (A&A 457, 899; table 5 and 6)."""
    found = {row["name"]: row for row in _document(spectrum, "fit")["parameters"]}
    if "lambda" in found:
        assert found["index"]["value"] == pytest.approx(2.39, abs=1.5 * found["index"]["error"])
        assert found["lambda"]["value"] == pytest.approx(1 / 14.3, abs=1.5 * found["lambda"]["error"])
    elif "index" in found:
        assert found["amplitude"]["value"] == pytest.approx(4.3e-11, abs=1.5 * found["amplitude"]["error"])
        assert found["index"]["value"] == pytest.approx(2.63, abs=1.5 * found["index"]["error"])
    else:
        assert found["alpha"]["value"] == pytest.approx(2.4, abs=1.5 * found["alpha"]["error"])
        assert found["beta"]["value"] > 0


def test_flux_points_lie_on_the_model(spectrum: RecordingContext) -> None:
    """GADF 0.3, flux points: SED_TYPE, required columns and units of a `dnde` table."""
    with fits.open(spectrum.outputs["flux_points"], checksum=True) as hdulist:
        header, table = hdulist[1].header, hdulist[1].data
        assert (header["SED_TYPE"], header["TUNIT4"]) == ("dnde", "TeV-1 s-1 cm-2")
        assert header["UL_CONF"] == pytest.approx(0.9545, abs=1e-4)
        rows = {name: np.asarray(table[name]) for name in table.names}
    assert set(rows) >= {"e_ref", "e_min", "e_max", "dnde", "dnde_err", "dnde_errp", "dnde_errn", "dnde_ul", "is_ul"}
    document = _document(spectrum, "fit")
    best = {row["name"]: row["value"] for row in document["parameters"]}
    energy, measured = rows["e_ref"], ~rows["is_ul"].astype(bool)
    exponent = best["index"] if "index" in best else best["alpha"] + best["beta"] * np.log(energy)
    expected = best["amplitude"] * energy**-exponent * np.exp(-best.get("lambda", 0) * energy)
    pulls = ((rows["dnde"] - expected) / rows["dnde_err"])[measured]
    assert measured.sum() >= 3
    assert np.mean(pulls**2) < 2.5
    assert np.all(rows["dnde_ul"][measured] > rows["dnde"][measured])
    assert rows["e_min"][0] == pytest.approx(document["energy_range_TeV"][0])
    points = _document(spectrum, "plot_data")["points"]
    assert points["e2dnde"] == pytest.approx(rows["dnde"] * energy**2 * 1.602176634)


@pytest.mark.parametrize("spectrum", ["log-parabola"], indirect=True)
def test_flux_points_are_those_of_gammapy(spectrum: RecordingContext, dataset: SpectrumDatasetOnOff) -> None:
    """GADF 0.3, flux points; gammapy reads them, profiles included."""
    table = Table.read(spectrum.outputs["flux_points"])
    direct.fit(dataset, _model("log-parabola"))
    edges = u.Quantity([*table["e_min"], table["e_max"][-1]], "TeV")
    estimator = FluxPointsEstimator(energy_edges=edges, source="source", selection_optional=["errn-errp", "ul"])
    expected = estimator.run([dataset]).to_table(sed_type="dnde", format="gadf-sed")
    measured = ~np.asarray(expected["is_ul"])
    assert measured.sum() >= 3
    assert np.array_equal(table["is_ul"], expected["is_ul"])
    for name in ("dnde", "dnde_err", "dnde_errn", "dnde_errp", "dnde_ul"):
        assert np.all(np.abs(table[name] - expected[name])[measured] < 0.01 * expected["dnde_err"][measured]), name
    assert table["dnde_ul"] == pytest.approx(np.asarray(expected["dnde_ul"]), rel=0.01)
    for name in ("ts", "stat", "stat_null"):
        assert table[name] == pytest.approx(np.asarray(expected[name]), abs=0.02), name
    read = FluxPoints.read(spectrum.outputs["flux_points"], reference_model=_model("log-parabola"))
    assert read.has_stat_profiles
    for row in table:
        at_one = row["stat_scan"][np.isclose(row["norm_scan"], 1)]
        assert row["stat"] - 1e-6 <= at_one.item()
        assert row["dloglike_scan"].max() == pytest.approx(0, abs=0.5)
        assert np.isclose(row["stat_scan"][row["norm_scan"] == 0], row["stat_null"])
    as_text = Table.read(spectrum.outputs["flux_points_table"])
    assert as_text["dnde"].quantity.to_value("TeV-1 cm-2 s-1") == pytest.approx(np.asarray(table["dnde"]))


@pytest.mark.parametrize("spectrum", ["power-law"], indirect=True)
def test_models_are_compared(spectrum: RecordingContext, dataset: SpectrumDatasetOnOff) -> None:
    """Akaike 1974 (10.1109/TAC.1974.1100705); Wilks 1938 for the likelihood ratio of nested models."""
    found = _document(spectrum, "fit")["comparison"]
    rows = {row["model"]: row for row in found["models"]}
    assert set(rows) == {"power-law", "log-parabola", "exponential-cut-off"}
    for name, row in rows.items():
        model = _model(name)
        stat = direct.fit(dataset, model)
        assert row["stat"] == pytest.approx(stat, abs=2e-3)
        assert row["aic"] == pytest.approx(stat + 2 * len(model.parameters.free_parameters), abs=2e-3)
    for name in ("log-parabola", "exponential-cut-off"):
        ts = rows["power-law"]["stat"] - rows[name]["stat"]
        assert rows[name]["ts"] == pytest.approx(ts)
        assert rows[name]["sigma"] == pytest.approx(np.sqrt(ts))
    assert found["preferred"] == min(rows, key=lambda name: rows[name]["aic"])
    assert rows[found["preferred"]]["delta_aic"] == 0


def test_the_model_is_read_by_gammapy(spectrum: RecordingContext) -> None:
    (model,) = Models.read(spectrum.outputs["model"])
    best = {row["name"]: row["value"] for row in _document(spectrum, "fit")["parameters"]}
    for parameter in model.parameters.free_parameters:
        assert parameter.value == pytest.approx(best[parameter.name.rstrip("_")])


def test_ogip_files_say_the_same(spectrum: RecordingContext, crab_spectra: Datasets, tmp_path: Path) -> None:
    """OGIP memos 92-002 and 92-007: energies in keV, areas in cm2, short QUALITY, all files there."""
    with zipfile.ZipFile(spectrum.outputs["ogip"]) as archive:
        archive.extractall(tmp_path)
    phas = [tmp_path / f"pha_obs{obs_id}.fits" for obs_id in RUNS]
    for path in phas:
        header, table = fits.getheader(path, "SPECTRUM"), fits.getdata(path, "SPECTRUM")
        assert (header["TELESCOP"], header["HDUCLAS1"]) == ("HESS", "SPECTRUM")
        assert table["QUALITY"].dtype.kind == "i"
        for key in ("BACKFILE", "RESPFILE", "ANCRFILE"):
            assert (tmp_path / header[key]).is_file()
        with fits.open(tmp_path / header["ANCRFILE"]) as arf, fits.open(tmp_path / header["RESPFILE"]) as rmf:
            assert [column.unit for column in arf["SPECRESP"].columns] == ["keV", "keV", "cm**2"]
            assert rmf["EBOUNDS"].columns["E_MIN"].unit == "keV"
            assert arf["SPECRESP"].data["ENERG_LO"][0] == pytest.approx(5e6)
    model = SkyModel(spectral_model=PowerLawSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", index=2.6))
    for path, expected in zip(phas, crab_spectra, strict=True):
        found = SpectrumDatasetOnOff.read(path)
        found.models = [model]
        predicted = expected.copy(name="expected")
        predicted.models = [model]
        assert found.stat_sum() == pytest.approx(predicted.stat_sum(), rel=1e-6)
        assert np.array_equal(found.mask_safe.data, expected.mask_safe.data)
        assert found.npred_signal().data == pytest.approx(predicted.npred_signal().data, rel=1e-5)
        assert found.info_dict()["livetime"].to_value("s") == pytest.approx(
            predicted.info_dict()["livetime"].to_value("s")
        )


def test_fits_files_say_where_they_come_from(spectrum: RecordingContext, countmap: RecordingContext) -> None:
    for path in (spectrum.outputs["flux_points"], countmap.outputs["maps"]):
        header = fits.getheader(path)
        assert header["CREATOR"].startswith("Distiller ")
        assert header["JOB_ID"] == "test-job"
        history = "\n".join(header["HISTORY"])
        assert f"Software distiller {version()}" in history
        assert "Software gammapy 2.1" in history
        for obs_id in RUNS:
            assert f"Input observations: ivo://test/store?r1/{obs_id}\nsha256 " in history


def test_maps_are_those_of_a_direct_script(countmap: RecordingContext, hess: Path) -> None:
    stacked, expected = direct.countmap(hess, RUNS, POSITION)
    with fits.open(countmap.outputs["maps"], checksum=True) as hdulist:
        found = {hdu.name.lower(): np.array(hdu.data) for hdu in hdulist}
        geom = Map.from_hdulist(hdulist, hdu="COUNTS").geom
    seen = stacked.mask_safe.data[0]
    assert np.nansum(found["counts"]) == stacked.counts.data[0][seen].sum()
    assert np.nansum(found["background"]) == pytest.approx(stacked.background.data[0][seen].sum(), rel=1e-5)
    assert found["significance"] == pytest.approx(expected["sqrt_ts"].data[0], abs=1e-3, nan_ok=True)
    assert found["excess"] == pytest.approx(expected["npred_excess"].data[0], abs=1e-2, nan_ok=True)
    assert geom.center_skydir.separation(POSITION).deg < 1e-9

    summary = _document(countmap, "summary")
    place = tuple(int(index[0]) for index in reversed(geom.to_image().coord_to_idx(POSITION)))
    assert summary["n_on"] == expected["counts"].data[0][place]
    assert summary["significance"] == pytest.approx(expected["sqrt_ts"].data[0][place])
    assert summary["n_on"] == pytest.approx(summary["background"] + summary["excess"])
    assert summary["significance"] > 30
    assert SkyCoord(*summary["highest"]["position_deg"], unit="deg").separation(POSITION).deg < 0.03


def test_progress_is_told_in_words_and_never_goes_back(spectrum: RecordingContext, countmap: RecordingContext) -> None:
    for context in (spectrum, countmap):
        messages, fractions = zip(*context.messages, strict=True)
        assert messages[1] == "Reducing run 23526 (2 of 4)"
        assert list(fractions) == sorted(fractions)
        assert fractions[0] == 0
        assert fractions[-1] < 1
    article = {"power-law": "a power law", "log-parabola": "a log parabola"}
    model = article.get(_document(spectrum, "fit")["model"], "an exponential cut-off")
    assert f"Fitting {model}" in [message for message, _ in spectrum.messages]


def test_pictures_are_pictures(spectrum: RecordingContext, countmap: RecordingContext) -> None:
    for context in (spectrum, countmap):
        pixels = imread(context.outputs["plot"])
        assert min(pixels.shape[:2]) > 600
        assert np.ptp(pixels[..., :3]) > 0.9
