"""The job `countmap`: reduce, sum, estimate the significance, and the files that show it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from gammapy.datasets import MapDatasetOnOff
from gammapy.estimators import ExcessMapEstimator
from gammapy.maps import Map

from analysis.countmap.job import JOB, CountmapParameters
from analysis.countmap.plot import map_figure
from analysis.countmap.reduction import Reduction, Summation, reduce
from analysis.maps.images import image_hdus
from analysis.maps.limits import EXPOSURE_UNIT
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore, store_of
from analysis.outputs import title, write_fits, write_json, write_png
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from uws.context import JobContext
from uws.errors import UserJobError


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(CountmapParameters, context.parameters)
    files = context.inputs["observations"]
    position = source_position(parameters, files)
    reduction = reduce(files, parameters, position, store_of(context), Stage(context, 0.0, 0.7))
    if not reduction.dataset.counts.data.any():
        raise UserJobError("There are no events in the map at the energies asked for.")
    context.progress("Computing significances", 0.7)
    maps = estimate(reduction, parameters)
    context.progress("Writing results", 0.8)
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    write_json(paths["summary"], summary(maps, reduction, parameters, position))
    write_fits(paths["maps"], hdus(maps, parameters), context, JOB)
    figure = map_figure(maps, reduction.outside, position, parameters.on_radius, title(files, "Count map"))
    write_png(figure, paths["plot"])
    for role, path in paths.items():
        context.output(role, path)


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    parameters = CountmapParameters(
        obs_id=("sample",), position=(position.ra.deg, position.dec.deg), width=2.0, binsz=0.05
    )
    summation = Summation(parameters, position, ArrayStore(Path(), limit=0))
    summation.add(Run("sample", {}, sample_observation))
    reduction = summation.result()
    maps = estimate(reduction, parameters)
    map_figure(maps, reduction.outside, position, parameters.on_radius, "Warm-up").canvas.draw()


def estimate(reduction: Reduction, parameters: CountmapParameters) -> dict[str, Map]:
    """Images by name.

    `counts` and `background` per pixel, `exposure` (cm2 s) at each; `on_counts`, `on_background`, `excess` and
    `significance` within `on_radius` around each pixel: after Li & Ma (1983, eq. 17) with rings, which also give
    `alpha`; else by the likelihood ratio for counts above a known background (Cash 1979). NaN where no observation has
    data.
    """
    dataset = reduction.dataset
    with_rings = isinstance(dataset, MapDatasetOnOff)
    estimator = ExcessMapEstimator(
        correlation_radius=parameters.on_radius * u.deg,
        selection_optional=["alpha"] if with_rings else [],
        correlate_off=False,
    )
    with np.errstate(invalid="ignore", divide="ignore"):  # pixels without any exposure
        found = estimator.run(dataset)
        background = dataset.background
    seen = dataset.mask_safe.data
    maps = {
        "counts": dataset.counts,
        "background": background,
        "exposure": reduction.exposure,
        "on_counts": found["counts"],
        "on_background": found["counts"] - found["npred_excess"],
        "excess": found["npred_excess"],
        "significance": found["sqrt_ts"],
    }
    if with_rings:
        maps["alpha"] = found["alpha"]
    return {
        name: Map.from_geom(image.geom.to_image(), data=np.where(seen, image.data, np.nan)[0])
        for name, image in maps.items()
    }


_IMAGES = {
    "counts": ("ct", "counts in each pixel"),
    "background": ("ct", "expected background counts in each pixel"),
    "exposure": (EXPOSURE_UNIT, "effective area times livetime, mean over the energies"),
    "on_counts": ("ct", "counts within ON_RAD of each pixel"),
    "excess": ("ct", "excess counts within ON_RAD of each pixel"),
    "significance": ("", "significance within ON_RAD of each pixel"),
    "alpha": ("", "ratio of on to off acceptance"),
}
_SIGNIFICANCE = {"ring": "Li and Ma 1983 eq. 17", "field-of-view": "Cash 1979, background known"}


def hdus(maps: Mapping[str, Map], parameters: CountmapParameters) -> fits.HDUList:
    """The images with what they were made with in their headers."""
    result = image_hdus(maps, _IMAGES)
    for hdu in result:
        hdu.header["ON_RAD"] = (parameters.on_radius, "[deg] radius of the on region")
        hdu.header["BKGMETH"] = (parameters.background, "where the background is from")
    result["SIGNIFICANCE"].header["STATIST"] = _SIGNIFICANCE[parameters.background]
    result["EXPOSURE"].header["INDEX"] = (parameters.index, "of the power law that weights the energies")
    return result


def summary(
    maps: Mapping[str, Map], reduction: Reduction, parameters: CountmapParameters, position: SkyCoord
) -> dict[str, Any]:
    """Counts in the on region at the source, the highest significance of the map, and what was used."""
    at_source = {name: float(np.squeeze(image.get_by_coord(position))) for name, image in maps.items()}
    if not np.isfinite(at_source["significance"]):
        raise UserJobError(
            "No background can be counted in the ring around the source: make ring_radius or ring_width larger, "
            "or exclusion_radius smaller."
            if parameters.background == "ring"
            else "No observation has data at the position of the source: make the energy range larger."
        )
    significance = maps["significance"]
    peak = np.unravel_index(np.nanargmax(significance.data), significance.data.shape)
    place = significance.geom.get_coord().skycoord[peak]
    return {
        "n_on": round(at_source["on_counts"]),
        "background": at_source["on_background"],
        "excess": at_source["excess"],
        "significance": at_source["significance"],
        "alpha": at_source.get("alpha"),
        "exposure_cm2_s": at_source["exposure"],
        "spectral_index": parameters.index,
        "livetime_s": sum(reduction.livetimes.values()),
        "energy_range_TeV": list(reduction.energy_range),
        "obs_ids": list(reduction.livetimes),
        "position_deg": [float(position.ra.deg), float(position.dec.deg)],
        "on_radius_deg": parameters.on_radius,
        "counts_in_map": round(float(np.nansum(maps["counts"].data))),
        "highest": {
            "significance": float(significance.data[peak]),
            "position_deg": [float(place.icrs.ra.deg), float(place.icrs.dec.deg)],
        },
        "background_method": parameters.background,
        "runs": [
            {
                "obs_id": name,
                "livetime_s": livetime,
                "energy_range_TeV": reduction.energies[name],
                "background_norm": reduction.norms.get(name),
            }
            for name, livetime in reduction.livetimes.items()
        ],
        "skipped": reduction.skipped,
    }
