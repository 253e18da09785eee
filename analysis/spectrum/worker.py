"""The job `spectrum`: reduce, stack, fit, compare, flux points, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.modeling.models import Models

from analysis.energy import safe_range
from analysis.onoff import models, points
from analysis.onoff.fit import Fitted, compare, count, fit, stack
from analysis.onoff.norms import flux_points
from analysis.onoff.reduction import Reducer, Reduction, reduce
from analysis.onoff.regions import on_radius
from analysis.outputs import title, write_ecsv, write_fits, write_json, write_models, write_png, write_zip
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from analysis.spectrum.job import JOB, SpectrumParameters
from analysis.spectrum.ogip import write_ogip
from analysis.spectrum.plot import spectrum_figure
from uws.context import JobContext


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(SpectrumParameters, context.parameters)
    files = context.inputs["observations"]
    position = source_position(parameters, files)
    reduction = reduce(files, Reducer(parameters, position), Stage(context, 0.0, 0.5))
    dataset = stack(reduction.datasets)
    context.progress(f"Fitting {models.words(parameters.model)}", 0.5)
    fitted = fit(dataset, parameters.model, parameters.reference_energy)
    document = fit_document(reduction, dataset, fitted, parameters, position)
    if parameters.compare:
        context.progress("Comparing models", 0.55)
        document["comparison"] = compare(dataset, fitted, parameters.reference_energy)
    context.progress("Computing flux points", 0.6)
    table, data = measure(dataset, fitted, parameters.flux_points_per_decade, title(files, "Spectrum"))
    context.progress("Writing results", 0.9)
    _write(context, reduction, document, fitted, table, data)


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    parameters = SpectrumParameters(obs_id=("sample",), position=(position.ra.deg, position.dec.deg))
    dataset = stack([Reducer(parameters, position).run(sample_observation())])
    fitted = fit(dataset, parameters.model, parameters.reference_energy)
    compare(dataset, fitted, parameters.reference_energy)
    _, data = measure(dataset, fitted, 2, "Warm-up")
    spectrum_figure(data).canvas.draw()


def fit_document(
    reduction: Reduction,
    dataset: SpectrumDatasetOnOff,
    fitted: Fitted,
    parameters: SpectrumParameters,
    position: SkyCoord,
) -> dict[str, Any]:
    """The result `fit`: parameters, covariance, statistic, counts, energies (TeV), observations."""
    rows, covariance = models.parameter_table(fitted.model.spectral_model)
    runs = [
        {
            "obs_id": single.obs_id,
            **asdict(count(single.dataset)),
            "livetime_s": single.livetime,
            "energy_range_TeV": safe_range(single.dataset),
            "offset_deg": single.offset,
        }
        for single in reduction.runs
    ]
    return {
        "model": fitted.name,
        "parameters": rows,
        "covariance": covariance,
        "stat": fitted.stat,
        "dof": fitted.dof,
        **asdict(count(dataset)),
        "livetime_s": reduction.livetime,
        "energy_range_TeV": safe_range(dataset),
        "obs_ids": reduction.obs_ids,
        "reference_energy_TeV": parameters.reference_energy,
        "position_deg": [float(position.ra.deg), float(position.dec.deg)],
        "on_radius_deg": on_radius(dataset),
        "statistic": "W-stat of the stacked observations",
        "runs": runs,
        "skipped": reduction.skipped,
    }


def measure(dataset: SpectrumDatasetOnOff, fitted: Fitted, per_decade: int, title: str) -> tuple[Table, dict[str, Any]]:
    """The table of flux points, and what a picture needs: points, fitted curve with its 68 % band, and counts."""
    model = fitted.model.spectral_model
    bounds = points.edges(dataset, per_decade)
    found = flux_points(dataset, bounds)
    low, high = cast(tuple[float, float], safe_range(dataset))
    axis = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    mask = dataset.mask_safe.data[:, 0, 0]
    data = {
        "title": title,
        "label": models.label(model, fitted.name),
        "units": {"energy": "TeV", "dnde": models.AMPLITUDE_UNIT, "e2dnde": points.ENERGY_FLUX_UNIT},
        "band": points.curve(models.band(model, low, min(high, float(bounds[-1])))),
        "counts": {
            "e_min": axis[:-1][mask],
            "e_max": axis[1:][mask],
            "n_on": dataset.counts.data[mask, 0, 0],
            "background": dataset.background.data[mask, 0, 0],
            "predicted": dataset.npred().data[mask, 0, 0],
        },
    }
    return points.table(found, dataset), data | points.drawn(found, model)


def _write(
    context: JobContext,
    reduction: Reduction,
    document: Mapping[str, Any],
    fitted: Fitted,
    table: Table,
    data: Mapping[str, Any],
) -> None:
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    write_json(paths["fit"], document)
    write_json(paths["plot_data"], data)
    write_png(spectrum_figure(dict(data)), paths["plot"])
    write_fits(paths["flux_points"], fits.HDUList([fits.PrimaryHDU(), points.hdu(table)]), context, JOB)
    write_ecsv(paths["flux_points_table"], table, context, JOB)
    write_models(paths["model"], Models([fitted.model]), context, JOB)
    write_zip(paths["ogip"], write_ogip(context, reduction))
    for role, path in paths.items():
        context.output(role, path)
