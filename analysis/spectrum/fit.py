"""Fits a spectral model to the stacked on-off spectrum and derives its flux points and band.

All observations are stacked before the fit. The statistic for on-off counts (W-stat) is biased where off bins are
empty, which single runs often have at high energies, and the time for the fit does not grow with the number of runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints, FluxPointsEstimator
from gammapy.modeling import Fit
from gammapy.modeling.models import LogParabolaSpectralModel, PowerLawSpectralModel, SkyModel, SpectralModel
from gammapy.stats import WStatCountsStatistic

from analysis.energy import BINS_PER_DECADE, safe_range
from analysis.spectrum.job import SpectrumParameters
from uws.errors import UserJobError

AMPLITUDE_UNIT = "cm-2 s-1 TeV-1"


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts in the energies used: background is the expectation in the on region, significance after Li & Ma."""

    n_on: int
    n_off: int
    alpha: float
    background: float
    excess: float
    significance: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of the fit; `model` carries best values and covariance."""

    model: SkyModel
    stat: float
    dof: int


def stack(datasets: list[SpectrumDatasetOnOff]) -> SpectrumDatasetOnOff:
    """Sum of the on-off spectra, each within its own safe energy range."""
    return Datasets(datasets).stack_reduce(name="stacked")


def count(dataset: SpectrumDatasetOnOff) -> Counts:
    """Counts of a dataset within its mask."""
    mask = dataset.mask_safe.data
    n_on = float(dataset.counts.data[mask].sum())
    n_off = float(dataset.counts_off.data[mask].sum())
    background = float(dataset.background.data[mask].sum())
    alpha = background / n_off if n_off > 0 else float(np.mean(dataset.alpha.data[mask]))
    statistic = WStatCountsStatistic(n_on=n_on, n_off=n_off, alpha=alpha)
    return Counts(
        n_on=round(n_on),
        n_off=round(n_off),
        alpha=alpha,
        background=background,
        excess=n_on - background,
        significance=float(np.squeeze(statistic.sqrt_ts)),
    )


def fit(dataset: SpectrumDatasetOnOff, parameters: SpectrumParameters) -> Fitted:
    """Fit the model that `parameters` asks for.

    Raises UserJobError when there are no events or no signal, and when the fit or its errors do not converge.
    """
    counts = count(dataset)
    low, high = safe_range(dataset) or (np.nan, np.nan)
    if counts.n_on == 0:
        raise UserJobError(f"There are no events in the on region from {low:.3g} to {high:.3g} TeV.")
    name = parameters.model.replace("-", " ")
    seen = (
        f"{counts.n_on} events in the on region from {low:.3g} to {high:.3g} TeV, "
        f"{counts.background:.1f} expected from background, {counts.significance:.1f} sigma"
    )
    model = SkyModel(spectral_model=_start(parameters), name="source")
    dof = int(dataset.mask_safe.data.sum()) - len(model.parameters.free_parameters)
    if dof < 0:
        raise UserJobError(
            f"There are fewer energy bins from {low:.3g} to {high:.3g} TeV than a {name} has parameters."
        )
    dataset.models = [model]
    predicted = float(dataset.npred_signal().data[dataset.mask_safe.data].sum())
    if predicted > 0:
        model.spectral_model.amplitude.value *= max(counts.excess, 1.0) / predicted
    result = Fit(optimize_opts={"tol": 1e-3}).run([dataset])
    values = [*model.spectral_model.parameters.value, *np.diag(model.spectral_model.covariance.data)]
    if not result.success or not np.all(np.isfinite([result.total_stat, *values])):
        raise UserJobError(f"The fit of a {name} did not converge: {seen}.")
    if model.spectral_model.amplitude.value <= 0:
        raise UserJobError(f"There is no signal to fit a {name} to: {seen}.")
    return Fitted(model=model, stat=float(result.total_stat), dof=dof)


def _start(parameters: SpectrumParameters) -> SpectralModel:
    amplitude, reference = 1e-12 * u.Unit(AMPLITUDE_UNIT), parameters.reference_energy * u.TeV
    if parameters.model == "log-parabola":
        return LogParabolaSpectralModel(amplitude=amplitude, reference=reference, alpha=2.5, beta=0.1)
    return PowerLawSpectralModel(amplitude=amplitude, reference=reference, index=2.5)


def flux_point_edges(dataset: SpectrumDatasetOnOff, per_decade: int) -> u.Quantity:
    """Edges of the flux points: whole bins from the safe threshold to the highest energy with an event."""
    mask = dataset.mask_safe.data[:, 0, 0]
    inside = np.nonzero(mask)[0]
    seen = np.nonzero(mask & (dataset.counts.data[:, 0, 0] > 0))[0]
    first, last = int(inside[0]), int(seen[-1]) + 1
    step = BINS_PER_DECADE / per_decade
    numbers = np.unique(np.round(np.arange(first, last, step)).astype(int))
    if last - numbers[-1] >= step / 2 or len(numbers) == 1:
        numbers = np.append(numbers, last)
    else:
        numbers[-1] = last
    return dataset.counts.geom.axes["energy"].edges[numbers]


def flux_points(dataset: SpectrumDatasetOnOff, edges: u.Quantity) -> FluxPoints:
    """Flux points with asymmetric errors and upper limits at two sigma, around the fitted model of the dataset."""
    estimator = FluxPointsEstimator(energy_edges=edges, source="source", selection_optional=["errn-errp", "ul"])
    return estimator.run([dataset])


def band(model: SpectralModel, low: float, high: float, number: int = 80) -> dict[str, np.ndarray]:
    """Best fit and its 68 % band: `energy` in TeV; `dnde`, `dnde_low` and `dnde_high` in cm-2 s-1 TeV-1.

    The band is sampled from the covariance with a fixed seed, so that it is the same each time.
    """
    energy = np.geomspace(low, high, number) * u.TeV
    median, below, above = model.evaluate_error(energy, random_state=42)
    return {
        "energy": energy.value,
        "dnde": model(energy).to_value(AMPLITUDE_UNIT),
        "dnde_low": (median - below).to_value(AMPLITUDE_UNIT),
        "dnde_high": (median + above).to_value(AMPLITUDE_UNIT),
    }


def parameter_table(model: SpectralModel) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Free parameters with errors and units, and their covariance matrix in the same order."""
    free = [parameter for parameter in model.parameters if not parameter.frozen]
    rows = [
        {
            "name": parameter.name,
            "value": float(parameter.value),
            "error": float(parameter.error),
            "unit": AMPLITUDE_UNIT if parameter.name == "amplitude" else "",
        }
        for parameter in free
    ]
    covariance = model.covariance.get_subcovariance(free).data
    return rows, [[float(value) for value in row] for row in np.atleast_2d(covariance)]
