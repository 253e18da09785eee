"""Flux of a fixed spectral shape in an energy range of an on-off spectrum, with errors and limits from its likelihood.

The same estimate as that of gammapy's FluxEstimator, of the W-stat as a function of the one free factor `norm`; since
what a shape predicts is proportional to it, no model needs to be evaluated again, and a point takes milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from astropy import units as u
from astropy.table import Table
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints
from gammapy.modeling.models import SkyModel
from gammapy.stats import wstat
from scipy.optimize import brentq, minimize_scalar

N_SIGMA_UL = 2.0
"""Upper limits are where -2 ln L is the square of this above its minimum: 95.4 % confidence."""
UL_CONFIDENCE = math.erf(N_SIGMA_UL / math.sqrt(2))
_MOST_DOUBLINGS = 60
_IMPOSSIBLE = 1e300
"""The statistic of a bin with events where none are possible: the sum of many bins is a number too."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts and prediction of the bins in an energy range (TeV): `signal` is that of the model, for `norm` 1."""

    energies: tuple[float, float]
    n_on: np.ndarray
    n_off: np.ndarray
    alpha: np.ndarray
    signal: np.ndarray

    def stat(self, norms: float | np.ndarray) -> np.ndarray:
        """W-stat (-2 ln L; XSPEC manual, appendix B, Poisson data with Poisson background) for each of the norms."""
        factor = np.atleast_1d(np.asarray(norms, dtype=float))[:, np.newaxis]
        bins = wstat(n_on=self.n_on, n_off=self.n_off, alpha=self.alpha, mu_sig=factor * self.signal)
        return np.asarray(np.nan_to_num(bins, posinf=_IMPOSSIBLE).sum(axis=1))

    @property
    def background(self) -> float:
        """Events expected from background in the on region."""
        return float((self.alpha * self.n_off).sum())


@dataclass(frozen=True, slots=True)
class Norm:
    """The flux in units of the model's. Errors are 1 sigma: from the curvature, and down and up from the profile."""

    value: float
    err: float
    errn: float
    errp: float
    ul: float
    stat: float
    stat_null: float

    @property
    def ts(self) -> float:
        """-2 ln of the likelihood ratio of no flux to this one."""
        return self.stat_null - self.stat

    @property
    def sqrt_ts(self) -> float:
        return math.copysign(math.sqrt(max(self.ts, 0.0)), self.value)


def profile(dataset: SpectrumDatasetOnOff, low: float, high: float) -> Profile:
    """The safe bins of a dataset, which carries its model, whose centres lie between two energies (TeV)."""
    centre = dataset.counts.geom.axes["energy"].center.to_value("TeV")
    used = dataset.mask_safe.data[:, 0, 0] & (centre > low) & (centre < high)
    maps = (dataset.counts, dataset.counts_off, dataset.alpha, dataset.npred_signal())
    return Profile((low, high), *(np.asarray(m.data[:, 0, 0][used], dtype=float) for m in maps))


def norm(bins: Profile) -> Norm | None:
    """The most likely flux; None where the model predicts no event. Without events it is 0, and only `ul` is known."""
    expected = float(bins.signal.sum())
    if not expected > 0:
        return None
    n_on = float(bins.n_on.sum())
    scale = math.sqrt(n_on + float((bins.alpha**2 * bins.n_off).sum()) + 1) / expected
    null = float(bins.stat(0.0)[0])
    if n_on == 0:
        best, least = 0.0, null
    else:
        start = (n_on - bins.background) / expected
        found = minimize_scalar(lambda x: float(bins.stat(x)[0]), bracket=(start - scale, start + scale))
        best, least = float(found.x), float(found.fun)

    def above(delta: float) -> Callable[[float], float]:
        return lambda x: float(bins.stat(x)[0]) - least - delta

    limit = _crossing(above(N_SIGMA_UL**2), best, scale)
    if n_on == 0:
        return Norm(best, math.nan, math.nan, math.nan, limit, least, null)
    errp = _crossing(above(1), best, scale) - best
    errn = best - _crossing(above(1), best, -scale)
    return Norm(best, _curvature_error(bins, best, errp), errn, errp, limit, least, null)


def _crossing(function: Callable[[float], float], start: float, step: float) -> float:
    """Where a function that is negative at `start` becomes positive in the direction of `step`; NaN if nowhere."""
    for _ in range(_MOST_DOUBLINGS):
        if function(start + step) > 0:
            return float(brentq(function, start, start + step, xtol=1e-10 * abs(step)))
        step *= 2
    return math.nan


def _curvature_error(bins: Profile, best: float, errp: float) -> float:
    step = 0.1 * errp
    below, here, above = bins.stat(np.array([best - step, best, best + step]))
    curvature = (below - 2 * here + above) / step**2
    return math.sqrt(2 / curvature) if curvature > 0 else math.nan


def flux_points(dataset: SpectrumDatasetOnOff, edges: Sequence[float] | np.ndarray) -> FluxPoints:
    """Flux points of the dataset's model between the edges (TeV), with asymmetric errors and upper limits."""
    (model,) = dataset.models
    return points_of([profile(dataset, low, high) for low, high in pairwise(edges)], model)


def points_of(profiles: Sequence[Profile], model: SkyModel) -> FluxPoints:
    """The same of given profiles, whose energy ranges follow each other."""
    spectral = model.spectral_model
    low, high = (np.array([p.energies[end] for p in profiles]) * u.TeV for end in (0, 1))
    reference = np.sqrt(low * high)
    made = Table({"e_ref": reference, "e_min": low, "e_max": high})
    made["ref_dnde"] = spectral(reference).to("TeV-1 s-1 cm-2")
    made["ref_flux"] = spectral.integral(low, high).to("s-1 cm-2")
    made["ref_eflux"] = spectral.energy_flux(low, high).to("TeV s-1 cm-2")
    found = [norm(p) for p in profiles]
    for name, attribute in _COLUMNS.items():
        made[name] = [math.nan if one is None else getattr(one, attribute) for one in found]
    made["success"] = [one is not None for one in found]
    made.meta |= {"SED_TYPE": "likelihood", "UL_CONF": round(UL_CONFIDENCE, 7)}
    return FluxPoints.from_table(made, sed_type="likelihood", format="gadf-sed", reference_model=model)


_COLUMNS = {
    "norm": "value",
    "norm_err": "err",
    "norm_errn": "errn",
    "norm_errp": "errp",
    "norm_ul": "ul",
    "ts": "ts",
    "sqrt_ts": "sqrt_ts",
    "stat": "stat",
    "stat_null": "stat_null",
}
"""Columns of gammapy's flux points and what they hold."""
