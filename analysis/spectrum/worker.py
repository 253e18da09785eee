"""The job `spectrum`: reduce, stack, fit, flux points, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints
from gammapy.modeling.models import SpectralModel

from analysis.energy import safe_range
from analysis.outputs import title, write_fits, write_json, write_png, write_zip
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from analysis.spectrum.fit import (
    AMPLITUDE_UNIT,
    Fitted,
    band,
    count,
    fit,
    flux_point_edges,
    flux_points,
    parameter_table,
    stack,
)
from analysis.spectrum.job import JOB, SpectrumParameters
from analysis.spectrum.ogip import write_ogip
from analysis.spectrum.plot import spectrum_figure
from analysis.spectrum.reduction import Reducer, Reduction, livetime, reduce
from uws.context import JobContext

_ENERGY_FLUX_UNIT = "erg cm-2 s-1"


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(SpectrumParameters, context.parameters)
    files = context.inputs["observations"]
    position = source_position(parameters, files)
    reduction = reduce(files, parameters, position, Stage(context, 0.0, 0.5))
    dataset = stack(list(reduction.datasets.values()))
    context.progress(f"Fitting a {parameters.model.replace('-', ' ')}", 0.5)
    fitted = fit(dataset, parameters)
    context.progress("Computing flux points", 0.6)
    data = plot_data(dataset, fitted, parameters, title(files, "Spectrum"))
    points = flux_points(dataset, flux_point_edges(dataset, parameters.flux_points_per_decade))
    data |= _points(points, fitted.model.spectral_model)
    context.progress("Writing results", 0.9)
    _write(context, reduction, dataset, fitted, points, data, position)


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    parameters = SpectrumParameters(obs_id=("sample",), position=(position.ra.deg, position.dec.deg))
    dataset = stack([Reducer(parameters, position).run(sample_observation())])
    fitted = fit(dataset, parameters)
    data = plot_data(dataset, fitted, parameters, "Warm-up")
    points = flux_points(dataset, flux_point_edges(dataset, 2))
    data |= _points(points, fitted.model.spectral_model)
    spectrum_figure(data).canvas.draw()


def fit_document(
    reduction: Reduction,
    dataset: SpectrumDatasetOnOff,
    fitted: Fitted,
    parameters: SpectrumParameters,
    position: SkyCoord,
) -> dict[str, Any]:
    """The result `fit`: parameters, covariance, statistic, counts, energies (TeV), observations."""
    rows, covariance = parameter_table(fitted.model.spectral_model)
    total = count(dataset)
    runs = [
        {
            "obs_id": obs_id,
            **asdict(count(single)),
            "livetime_s": livetime(single),
            "energy_range_TeV": safe_range(single),
            "offset_deg": reduction.offsets[obs_id],
        }
        for obs_id, single in reduction.datasets.items()
    ]
    return {
        "model": parameters.model,
        "parameters": rows,
        "covariance": covariance,
        "stat": fitted.stat,
        "dof": fitted.dof,
        **asdict(total),
        "livetime_s": sum(item["livetime_s"] for item in runs),
        "energy_range_TeV": safe_range(dataset),
        "obs_ids": list(reduction.datasets),
        "reference_energy_TeV": parameters.reference_energy,
        "position_deg": [float(position.ra.deg), float(position.dec.deg)],
        "on_radius_deg": parameters.on_radius,
        "statistic": "W-stat of the stacked observations",
        "runs": runs,
        "skipped": reduction.skipped,
    }


def plot_data(
    dataset: SpectrumDatasetOnOff, fitted: Fitted, parameters: SpectrumParameters, title: str
) -> dict[str, Any]:
    """What a plot needs besides the flux points: the fitted curve with its 68 % band, and the counts."""
    low, high = cast(tuple[float, float], safe_range(dataset))
    edges = flux_point_edges(dataset, parameters.flux_points_per_decade).to_value("TeV")
    curve = band(fitted.model.spectral_model, low, min(high, float(edges[-1])))
    energy = curve["energy"]
    factor = energy**2 * u.Unit("TeV").to("erg")
    axis = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    mask = dataset.mask_safe.data[:, 0, 0]
    return {
        "title": title,
        "label": _label(fitted.model.spectral_model, parameters),
        "units": {"energy": "TeV", "dnde": AMPLITUDE_UNIT, "e2dnde": _ENERGY_FLUX_UNIT},
        "band": {
            **curve,
            "e2dnde": factor * curve["dnde"],
            "low": factor * np.maximum(curve["dnde_low"], 0),
            "high": factor * curve["dnde_high"],
        },
        "counts": {
            "e_min": axis[:-1][mask],
            "e_max": axis[1:][mask],
            "n_on": dataset.counts.data[mask, 0, 0],
            "background": dataset.background.data[mask, 0, 0],
            "predicted": dataset.npred().data[mask, 0, 0],
        },
    }


def _points(points: FluxPoints, model: SpectralModel) -> dict[str, Any]:
    table = points.to_table(sed_type="e2dnde", format="gadf-sed")
    columns: dict[str, Any] = {name: table[name].quantity.to_value("TeV") for name in ("e_ref", "e_min", "e_max")}
    for name in ("e2dnde", "e2dnde_err", "e2dnde_errn", "e2dnde_errp", "e2dnde_ul"):
        columns[name] = table[name].quantity.to_value(_ENERGY_FLUX_UNIT)
    reference = table["e_ref"].quantity
    expected = (reference**2 * model(reference)).to_value(_ENERGY_FLUX_UNIT)
    difference = columns["e2dnde"] - expected
    error = np.where(difference > 0, columns["e2dnde_errn"], columns["e2dnde_errp"])
    columns["residual"] = np.divide(difference, error, out=np.full_like(difference, np.nan), where=error > 0)
    columns["sqrt_ts"] = np.asarray(table["sqrt_ts"])
    columns["is_ul"] = np.asarray(table["is_ul"])
    return {"points": columns, "ul_confidence": float(table.meta["UL_CONF"])}


def _write(
    context: JobContext,
    reduction: Reduction,
    dataset: SpectrumDatasetOnOff,
    fitted: Fitted,
    points: FluxPoints,
    data: Mapping[str, Any],
    position: SkyCoord,
) -> None:
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    parameters = cast(SpectrumParameters, context.parameters)
    write_json(paths["fit"], fit_document(reduction, dataset, fitted, parameters, position))
    write_json(paths["plot_data"], data)
    write_png(spectrum_figure(dict(data)), paths["plot"])
    write_fits(paths["flux_points"], _flux_points_hdus(points), context, JOB)
    write_zip(paths["ogip"], write_ogip(context, reduction))
    for role, path in paths.items():
        context.output(role, path)


def _flux_points_hdus(points: FluxPoints) -> fits.HDUList:
    """GADF flux points: one row a point, SED_TYPE = dnde."""
    table: Table = points.to_table(sed_type="dnde", format="gadf-sed")
    for name in ("counts", "npred", "npred_excess"):  # gammapy has a further axis here, for several datasets
        table[name] = np.asarray(table[name])[:, 0]
    hdu = fits.BinTableHDU(table, name="FLUXPOINTS")
    for column in hdu.columns:
        if column.unit == "":
            column.unit = None
    return fits.HDUList([fits.PrimaryHDU(), hdu])


def _label(model: SpectralModel, parameters: SpectrumParameters) -> str:
    if parameters.model == "log-parabola":
        return (
            f"Log-parabola: α = {model.alpha.value:.2f} ± {model.alpha.error:.2f}, "
            f"β = {model.beta.value:.2f} ± {model.beta.error:.2f}"
        )
    return f"Power law: Γ = {model.index.value:.2f} ± {model.index.error:.2f}"
