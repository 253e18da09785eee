"""Fits spectral models to stacked on-off spectra, and compares models.

All observations are stacked before the fit. The statistic for on-off counts (W-stat) is biased where off bins are
empty, which single runs often have at high energies, and the time for the fit does not grow with the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.modeling import Fit, FitResult
from gammapy.modeling.models import SkyModel
from gammapy.stats import WStatCountsStatistic
from scipy.stats import chi2, norm

from analysis.energy import safe_range
from analysis.onoff import models
from analysis.onoff.parameters import ModelName
from uws.errors import UserJobError

SOURCE = "source"
"""Name of the fitted model."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts in the energies used: background is the expectation in the on region, significance after Li & Ma."""

    n_on: int
    n_off: int
    alpha: float
    background: float
    excess: float
    significance: float

    def words(self, energies: tuple[float, float] | None) -> str:
        """The counts as a clause of a message; energies in TeV."""
        low, high = energies or (np.nan, np.nan)
        return (
            f"{self.n_on} events in the on region from {low:.3g} to {high:.3g} TeV, "
            f"{self.background:.1f} expected from background, {self.significance:.1f} sigma"
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of a fit; `model` carries best values and covariance, `stat` is the W-stat, -2 ln L."""

    name: ModelName
    model: SkyModel
    stat: float
    dof: int

    @property
    def n_free(self) -> int:
        return len(self.model.parameters.free_parameters)


def stack(datasets: Sequence[SpectrumDatasetOnOff], name: str = "stacked") -> SpectrumDatasetOnOff:
    """Sum of the on-off spectra, each within its own safe energy range."""
    return Datasets(datasets).stack_reduce(name=name)


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


def fit(dataset: SpectrumDatasetOnOff, name: ModelName, reference: float) -> Fitted:
    """Fit a model with its amplitude at `reference` (TeV); the dataset carries it afterwards.

    Raises UserJobError when there are no events or no signal, and when the fit or its errors do not converge.
    """
    counts = count(dataset)
    low, high = safe_range(dataset) or (np.nan, np.nan)
    if counts.n_on == 0:
        raise UserJobError(
            f"There are no events in the on region from {low:.3g} to {high:.3g} TeV: "
            "select more observations or a wider energy range."
        )
    model = SkyModel(spectral_model=models.start(name, reference), name=SOURCE)
    dof = int(dataset.mask_safe.data.sum()) - len(model.parameters.free_parameters)
    if dof < 0:
        raise UserJobError(
            f"There are fewer energy bins from {low:.3g} to {high:.3g} TeV than {models.words(name)} has parameters: "
            "make the energy range wider or choose a simpler model."
        )
    dataset.models = [model]
    scale_to_excess(dataset, counts)
    result = minimise([dataset])
    values = [*model.spectral_model.parameters.value, *np.diag(model.spectral_model.covariance.data)]
    if not result.success or not np.all(np.isfinite([result.total_stat, *values])):
        raise UserJobError(
            f"The fit of {models.words(name)} did not converge: {counts.words((low, high))}. "
            "Choose a simpler model, or select more observations or another energy range."
        )
    if model.spectral_model.amplitude.value <= 0:
        raise UserJobError(f"There is no signal to fit {models.words(name)} to: {counts.words((low, high))}.")
    return Fitted(name=name, model=model, stat=float(result.total_stat), dof=dof)


def minimise(datasets: Sequence[SpectrumDatasetOnOff]) -> FitResult:
    """Fit the models of the datasets, and their errors. A fit that goes astray says so by its result."""
    with np.errstate(all="ignore"):
        return Fit(optimize_opts={"tol": 1e-3}).run(datasets)


def scale_to_excess(dataset: SpectrumDatasetOnOff, counts: Counts) -> None:
    """Set the amplitude of the dataset's model so that it predicts the measured excess, or one event without any."""
    predicted = float(dataset.npred_signal().data[dataset.mask_safe.data].sum())
    if predicted > 0:
        dataset.models[0].spectral_model.amplitude.value *= max(counts.excess, 1.0) / predicted


def compare(dataset: SpectrumDatasetOnOff, fitted: Fitted, reference: float) -> dict[str, Any]:
    """All models against the power law, which the others contain, and by Akaike's criterion.

    `ts` is twice the gain in log-likelihood over the power law, `sigma` the significance of that gain for one more
    parameter (Wilks' theorem). `preferred` has the lowest `aic`. A model whose fit does not converge has only the
    reason. The dataset carries the fitted model afterwards, as before.
    """
    rows: list[dict[str, Any]] = []
    for name in models.NAMES:
        try:
            found = fitted if name == fitted.name else fit(dataset.copy(name=dataset.name), name, reference)
        except UserJobError as error:
            rows.append({"model": name, "converged": False, "reason": error.message})
            continue
        parameters, _ = models.parameter_table(found.model.spectral_model)
        rows.append(
            {
                "model": name,
                "converged": True,
                "stat": found.stat,
                "dof": found.dof,
                "aic": found.stat + 2 * found.n_free,
                "parameters": parameters,
            }
        )
    converged = [row for row in rows if row["converged"]]
    best = min(converged, key=lambda row: float(row["aic"]))
    simple = next((row for row in converged if row["model"] == "power-law"), None)
    for row in converged:
        row["delta_aic"] = row["aic"] - best["aic"]
        if simple is not None and row is not simple:
            row |= likelihood_ratio(simple["stat"] - row["stat"], simple["dof"] - row["dof"])
    return {"models": rows, "preferred": best["model"]}


def likelihood_ratio(ts: float, dof: int) -> dict[str, float]:
    """`ts`, its `p_value` as chi-square of `ts_dof` degrees of freedom (Wilks' theorem), and two-sided `sigma`."""
    probability = float(chi2.sf(max(ts, 0.0), dof))
    return {"ts": ts, "ts_dof": dof, "p_value": probability, "sigma": float(norm.isf(probability / 2))}
