"""The job `lightcurve`: reduce, fix the spectral shape, measure the flux in each time bin, test whether it varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from gammapy.data import GTI
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints
from gammapy.maps import MapAxis, TimeMapAxis
from gammapy.modeling.models import Models, SkyModel

from analysis.energy import ENERGY_MAX, ENERGY_MIN, reconstructed_axis, safe_range
from analysis.lightcurve.bins import TimeBin, time_bins
from analysis.lightcurve.job import JOB, LightcurveParameters
from analysis.lightcurve.plot import lightcurve_figure
from analysis.lightcurve.variability import variability
from analysis.onoff import models
from analysis.onoff.fit import SOURCE, count, fit, stack
from analysis.onoff.norms import UL_CONFIDENCE, norm, points_of, profile
from analysis.onoff.points import hdu
from analysis.onoff.reduction import Reducer, Reduction, Run, reduce
from analysis.onoff.regions import on_radius
from analysis.outputs import title, write_ecsv, write_fits, write_json, write_models, write_png
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from uws.context import JobContext
from uws.errors import UserJobError

FLUX_UNIT = "cm-2 s-1"


@dataclass(frozen=True, slots=True)
class Lightcurve:
    """What was measured: `edges` of the energy ranges in TeV; `tests` has one entry for each of them."""

    bins: list[TimeBin]
    model: SkyModel
    edges: np.ndarray
    points: FluxPoints
    tests: list[dict[str, Any]]


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(LightcurveParameters, context.parameters)
    files = context.inputs["observations"]
    position = source_position(parameters, files)
    reducer = Reducer(parameters, position, energy_axis(parameters))
    reduction = reduce(files, reducer, Stage(context, 0.0, 0.7), parameters.bins)
    context.progress("Finding the spectral shape", 0.7)
    whole = stack(reduction.datasets)
    model = shape(whole, parameters)
    context.progress("Measuring fluxes", 0.8)
    found = measure(reduction.runs, model, parameters)
    context.progress("Writing results", 0.9)
    document = summary(reduction, whole, found, parameters, position)
    _write(context, found, document, plot_data(found, title(files, "Light curve")))


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    parameters = LightcurveParameters(obs_id=("sample",), position=(position.ra.deg, position.dec.deg))
    dataset = Reducer(parameters, position, energy_axis(parameters)).run(sample_observation())
    single = Run("sample", dataset, 0.5, "unknown", "unknown", None)
    found = measure([single], shape(stack([dataset]), parameters), parameters)
    lightcurve_figure(plot_data(found, "Warm-up")).canvas.draw()


def energy_axis(parameters: LightcurveParameters) -> MapAxis:
    """Reconstructed energies with an edge at each of the energies where the range is divided."""
    axis = reconstructed_axis(parameters.energy)
    edges = np.union1d(axis.edges.to_value("TeV"), parameters.energy_split)
    if edges[0] < axis.edges[0].to_value("TeV") or edges[-1] > axis.edges[-1].to_value("TeV"):
        raise UserJobError(
            f"energy_split lies outside of {ENERGY_MIN:g} to {ENERGY_MAX:g} TeV, where data can be analysed."
        )
    return MapAxis.from_energy_edges(edges, unit="TeV", name="energy") if parameters.energy_split else axis


def shape(whole: SpectrumDatasetOnOff, parameters: LightcurveParameters) -> SkyModel:
    """The model whose shape all bins share, fitted to all of them together or of the given index.

    Raises UserJobError when it cannot be fitted.
    """
    if parameters.index is None:
        try:
            return fit(whole, parameters.model, parameters.reference_energy).model
        except UserJobError as error:
            raise UserJobError(f"{error.message} A spectral shape can be given with `index`.") from error
    spectral = models.start("power-law", parameters.reference_energy)
    spectral.index.value, spectral.index.frozen = parameters.index, True
    model = SkyModel(spectral_model=spectral, name=SOURCE)
    whole.models = [model]
    found = norm(profile(whole, 0.0, np.inf))
    if found is not None and found.value > 0:
        spectral.amplitude.error = spectral.amplitude.value * found.err
        spectral.amplitude.value *= found.value
    return model


def energy_edges(runs: Sequence[Run], parameters: LightcurveParameters) -> np.ndarray:
    """Edges (TeV) of the ranges of the fluxes: as asked, or from the highest of the runs' safe thresholds."""
    low, high = parameters.energy or (0.0, ENERGY_MAX)
    if low < ENERGY_MIN:
        low = max(energies[0] for run in runs if (energies := safe_range(run.dataset)) is not None)
    edges = np.array([low, *parameters.energy_split, min(high, ENERGY_MAX)])
    if not (np.diff(edges) > 0).all():
        raise UserJobError(
            f"The first of the energies in energy_split is below {low:.3g} TeV, the highest safe threshold of the "
            "observations: take it out, or give `energy`."
        )
    return edges


def measure(runs: Sequence[Run], model: SkyModel, parameters: LightcurveParameters) -> Lightcurve:
    """Fluxes of all time bins and energy ranges, and the tests of each range."""
    bins = time_bins(runs, parameters)
    edges = energy_edges(runs, parameters)
    ranges = [(float(low), float(high)) for low, high in pairwise(edges)]
    profiles = []
    for each in bins:
        each.dataset.models = [model]
        profiles.append([profile(each.dataset, low, high) for low, high in ranges])
    if not any(p.signal.sum() > 0 for row in profiles for p in row):
        raise UserJobError(f"No data lie between {edges[0]:.3g} and {edges[-1]:.3g} TeV: make the energy range wider.")
    times = [Time(each.time, format="mjd", scale="utc").tt for each in bins]
    axis = TimeMapAxis.from_gti(GTI.from_time_intervals(times))
    points = FluxPoints.from_stack([points_of(row, model) for row in profiles], axis=axis)
    tests = []
    for number, (low, high) in enumerate(ranges):
        unit = float(model.spectral_model.integral(low * u.TeV, high * u.TeV).to_value(FLUX_UNIT))
        tests.append({"energy_TeV": [low, high], **variability([row[number] for row in profiles], unit)})
    return Lightcurve(bins, model, edges, points, tests)


def table(found: Lightcurve) -> Table:
    """gammapy's light curve: a row for each time bin (MJD, TT), with an element for each energy range.

    Added are the livetime (s), the events in the on region and those expected there from background.
    """
    made: Table = found.points.to_table(format="lightcurve", sed_type="flux")
    made.meta |= {"SED_TYPE": "flux", "UL_CONF": round(UL_CONFIDENCE, 7)}
    counts = [count(each.dataset) for each in found.bins]
    made["livetime"] = [each.livetime for each in found.bins] * u.s
    made["n_on"] = [each.n_on for each in counts]
    made["background"] = [each.background for each in counts]
    return made


def summary(
    reduction: Reduction,
    whole: SpectrumDatasetOnOff,
    found: Lightcurve,
    parameters: LightcurveParameters,
    position: SkyCoord,
) -> dict[str, Any]:
    """The result `summary`: tests, shape, counts and fluxes (cm-2 s-1; one for each energy range) of each bin."""
    rows, covariance = models.parameter_table(found.model.spectral_model)
    columns = table(found)
    bins = [
        {
            "time_mjd_utc": list(each.time),
            "obs_ids": each.obs_ids,
            "livetime_s": each.livetime,
            **asdict(count(each.dataset)),
            **{
                name: np.asarray(columns[name][number])
                for name in ("flux", "flux_err", "flux_errn", "flux_errp", "flux_ul", "sqrt_ts", "is_ul")
            },
        }
        for number, each in enumerate(found.bins)
    ]
    return {
        "binning": parameters.binning,
        "energy_edges_TeV": found.edges,
        "variability": found.tests,
        "bins": bins,
        "model": parameters.model,
        "shape": "fitted to all observations" if parameters.index is None else "given",
        "index": None if parameters.index is None else parameters.index,
        "parameters": rows,
        "covariance": covariance,
        "reference_energy_TeV": parameters.reference_energy,
        "ul_confidence": UL_CONFIDENCE,
        **asdict(count(whole)),
        "livetime_s": reduction.livetime,
        "energy_range_TeV": [float(found.edges[0]), float(found.edges[-1])],
        "obs_ids": reduction.obs_ids,
        "position_deg": [float(position.ra.deg), float(position.dec.deg)],
        "on_radius_deg": on_radius(whole),
        "skipped": reduction.skipped,
    }


def plot_data(found: Lightcurve, title: str) -> dict[str, Any]:
    """What a plot needs: a series for each energy range, times in MJD (UTC), fluxes in cm-2 s-1."""
    columns = found.points.to_table(format="lightcurve", sed_type="flux")
    names = ("flux", "flux_errn", "flux_errp", "flux_ul", "is_ul")
    return {
        "kind": "lightcurve",
        "title": title,
        "units": {"time": "MJD (UTC)", "flux": FLUX_UNIT},
        "ul_confidence": UL_CONFIDENCE,
        "series": [
            {
                "label": f"{test['energy_TeV'][0]:.3g}–{test['energy_TeV'][1]:.3g} TeV",
                "t_min": [each.time[0] for each in found.bins],
                "t_max": [each.time[1] for each in found.bins],
                **{name: np.asarray(columns[name][:, number]) for name in names},
                "constant": test["flux"],
            }
            for number, test in enumerate(found.tests)
        ],
    }


def _write(context: JobContext, found: Lightcurve, document: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    made = table(found)
    write_fits(paths["lightcurve"], fits.HDUList([fits.PrimaryHDU(), hdu(made)]), context, JOB)
    write_ecsv(paths["lightcurve_table"], made, context, JOB)
    write_json(paths["summary"], document)
    write_models(paths["model"], Models([found.model]), context, JOB)
    write_png(lightcurve_figure(dict(data)), paths["plot"])
    write_json(paths["plot_data"], data)
    for role, path in paths.items():
        context.output(role, path)
