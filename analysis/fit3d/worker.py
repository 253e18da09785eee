"""The job `fit3d`: reduce, stack, fit, flux points, residuals, and the files that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from astropy.convolution import Tophat2DKernel
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import MapDataset
from gammapy.estimators import FluxPoints
from gammapy.maps import Map
from gammapy.modeling import Parameter
from gammapy.stats import CashCountsStatistic
from scipy.signal import fftconvolve

from analysis.energy import safe_range
from analysis.fit3d.fit import Fitted, fit
from analysis.fit3d.job import JOB, Fit3dParameters
from analysis.fit3d.plot import fit_figure
from analysis.fit3d.points import flux_points
from analysis.fit3d.reduction import Reduction, Stack, reduce
from analysis.maps.images import image_hdus
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore, store_of
from analysis.outputs import title, write_fits, write_json, write_png
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from uws.context import JobContext

RESIDUAL_RADIUS = 0.1
"""Degrees around each pixel over which the residual significance is computed."""

_IMAGES = {
    "counts": ("ct", "counts in each pixel"),
    "predicted": ("ct", "predicted counts in each pixel, of source and background"),
    "background": ("ct", "predicted counts of the background in each pixel"),
    "residual_excess": ("ct", "counts above the prediction within RADIUS of each pixel"),
    "residual": ("", "significance of that excess, Cash 1979"),
}


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(Fit3dParameters, context.parameters)
    files = context.inputs["observations"]
    position = source_position(parameters, files)
    reduction = reduce(files, parameters, position, store_of(context), Stage(context, 0.0, 0.5))
    context.progress("Fitting", 0.5)
    fitted = fit(reduction.dataset, parameters, position)
    context.progress("Computing flux points and residuals", 0.8)
    points = flux_points(fitted, parameters.flux_points_per_decade)
    images = predicted_images(reduction.dataset, fitted)
    context.progress("Writing results", 0.9)
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    write_json(paths["fit"], fit_document(reduction, fitted, parameters, position))
    parameter_table(fitted).write(paths["parameters"], format="ascii.ecsv")
    paths["model"].write_text(models_yaml(fitted), encoding="utf-8")
    maps = image_hdus(images, _IMAGES)
    for hdu in maps:
        hdu.header["RADIUS"] = (RESIDUAL_RADIUS, "[deg] of the residuals")
    write_fits(paths["maps"], maps, context, JOB)
    write_fits(paths["flux_points"], _flux_points_hdus(points), context, JOB)
    figure = fit_figure(images, fitted, points, RESIDUAL_RADIUS, title(files, "3D fit"))
    write_png(figure, paths["plot"])
    for role, path in paths.items():
        context.output(role, path)


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    parameters = Fit3dParameters(
        obs_id=("sample",), position=(position.ra.deg, position.dec.deg), width=2.0, binsz=0.1, free_position=False
    )
    stack = Stack(parameters, position, ArrayStore(Path(), limit=0))
    stack.add(Run("sample", {}, sample_observation))
    dataset = stack.dataset()
    fitted = fit(dataset, parameters, position)
    points = flux_points(fitted, 1)
    images = predicted_images(dataset, fitted)
    fit_figure(images, fitted, points, RESIDUAL_RADIUS, "Warm-up").canvas.draw()


def predicted_images(dataset: MapDataset, fitted: Fitted) -> dict[str, Map]:
    """Counts and predictions summed over the energies, and the significance of their difference, by name.

    The significance is that of `gammapy.estimators.ExcessMapEstimator` for counts above a known background.
    """
    mask = dataset.mask.data
    level = fitted.level[:, np.newaxis, np.newaxis]
    counts, background = (
        np.where(mask, cube, 0).sum(axis=0) for cube in (dataset.counts.data, level * dataset.background.data)
    )
    predicted = background.copy()
    predicted[fitted.place] += np.where(fitted.field.mask, fitted.signal, 0).sum(axis=0)
    geom = dataset.counts.geom.to_image()
    disk = Tophat2DKernel(RESIDUAL_RADIUS / geom.pixel_scales.deg.mean()).array > 0
    statistic = CashCountsStatistic(
        np.rint(fftconvolve(counts, disk, mode="same")), fftconvolve(predicted, disk, mode="same")
    )
    seen = mask.any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # pixels without any exposure
        residual = {"residual_excess": statistic.n_sig, "residual": statistic.sqrt_ts}
    images = {"counts": counts, "predicted": predicted, "background": background}
    images |= {name: np.where(seen, values, np.nan) for name, values in residual.items()}
    return {name: Map.from_geom(geom, data=values) for name, values in images.items()}


def fit_document(
    reduction: Reduction, fitted: Fitted, parameters: Fit3dParameters, position: SkyCoord
) -> dict[str, Any]:
    """The result `fit`: parameters, covariance, test statistic, convergence, counts, energies (TeV), observations."""
    dataset = reduction.dataset
    mask = dataset.mask.data
    counts = float(dataset.counts.data[mask].sum())
    level = fitted.level[:, np.newaxis, np.newaxis]
    background = float((level * dataset.background.data)[mask].sum())
    shape: Any = fitted.source.spatial_model
    return {
        "morphology": parameters.morphology,
        "model": parameters.model,
        "parameters": [
            {"name": name, "value": parameter.value, "error": parameter.error, "unit": parameter.unit.to_string("fits")}
            for name, parameter in zip(_names(fitted), fitted.free, strict=True)
        ],
        "covariance": fitted.covariance,
        "stat": fitted.stat,
        "ts": fitted.ts,
        "significance": fitted.ts**0.5,
        "converged": True,
        "evaluations": fitted.evaluations,
        "message": fitted.message,
        "position_deg": [shape.lon_0.value, shape.lat_0.value],
        "position_error_deg": [shape.lon_0.error, shape.lat_0.error],
        "start_position_deg": [float(position.ra.deg), float(position.dec.deg)],
        "extension_deg": shape.sigma.value if parameters.morphology == "gaussian" else 0.0,
        "reference_energy_TeV": parameters.reference_energy,
        "counts": round(counts),
        "predicted_background": background,
        "predicted_source": float(fitted.signal[fitted.field.mask].sum()),
        "livetime_s": sum(reduction.livetimes.values()),
        "energy_range_TeV": safe_range(dataset),
        "obs_ids": list(reduction.livetimes),
        "statistic": "Cash of the stacked observations, in pixels and energy bins",
        "runs": [
            {
                "obs_id": name,
                "livetime_s": livetime,
                "energy_range_TeV": reduction.energies[name],
                "background_norm": reduction.norms[name],
            }
            for name, livetime in reduction.livetimes.items()
        ],
        "skipped": reduction.skipped,
    }


def parameter_table(fitted: Fitted) -> Table:
    """All parameters of source and background, fitted and fixed."""
    rows = [
        (model.name, each.name, each.value, each.error, each.unit.to_string("fits"), not each.frozen)
        for model in fitted.models
        for each in model.parameters
    ]
    return Table(rows=rows, names=("model", "name", "value", "error", "unit", "fitted"))


def models_yaml(fitted: Fitted) -> str:
    """Source and background as `gammapy.modeling.models.Models.read` takes them, without the date of writing."""
    document = fitted.models.to_dict(full_output=True)
    for component in document["components"]:
        for part in (component.get("spatial"), component.get("spectral")):
            for parameter in part["parameters"] if part else ():
                parameter.pop("link", None)
    return str(yaml.safe_dump(document, sort_keys=False))


def _names(fitted: Fitted) -> list[str]:
    """Names of the fitted parameters, those of the background with `background_` before."""
    own: list[Parameter] = list(fitted.background.parameters)
    return [f"background_{p.name}" if any(p is other for other in own) else p.name for p in fitted.free]


def _flux_points_hdus(points: FluxPoints) -> fits.HDUList:
    """GADF flux points: one row a point, SED_TYPE = dnde."""
    hdu = fits.BinTableHDU(points.to_table(sed_type="dnde", format="gadf-sed"), name="FLUXPOINTS")
    for column in hdu.columns:
        if column.unit == "":
            column.unit = None
    return fits.HDUList([fits.PrimaryHDU(), hdu])
