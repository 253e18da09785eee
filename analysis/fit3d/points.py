"""Flux points of a source whose position and extension, and whose background, are known from a fit to maps.

Between two edges the model spectrum is multiplied by a norm, the only free parameter. As the maps of predicted signal
and background do not change, its likelihood is a function of one number, and is searched as such.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from astropy import units as u
from astropy.table import Table
from gammapy.estimators import FluxPoints
from gammapy.modeling.models import SkyModel
from scipy.optimize import brentq

from analysis.energy import BINS_PER_DECADE
from analysis.fit3d.fit import Fitted

_UL_SIGMA = 2.0
_COLUMNS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "sqrt_ts", "stat", "stat_null")


def flux_points(fitted: Fitted, per_decade: int) -> FluxPoints:
    """Flux points of the fitted source, with errors and upper limits at two sigma."""
    field, source = fitted.field, fitted.source
    background = field.background * fitted.level[:, np.newaxis, np.newaxis]
    places = _places(field.counts, field.mask, per_decade)
    rows = []
    for first, stop in pairwise(places):
        inside = field.mask[first:stop] & (fitted.signal[first:stop] > 0)
        arrays = (cube[first:stop][inside] for cube in (field.counts, fitted.signal, background))
        rows.append({**NormLikelihood(*arrays).estimate(), "npred": float(fitted.signal[first:stop][inside].sum())})
    axis = field.energy
    edges = axis.edges[places]
    table = Table({name: [row[name] for row in rows] for name in _COLUMNS})
    table["e_min"], table["e_max"] = edges[:-1], edges[1:]
    table["e_ref"] = np.sqrt(edges[:-1] * edges[1:])
    for quantity in ("dnde", "flux", "eflux", "e2dnde"):
        table[f"ref_{quantity}"] = _reference(source, quantity, edges)
    table["is_ul"] = np.array([row["sqrt_ts"] < _UL_SIGMA for row in rows])
    table.meta |= {"SED_TYPE": "likelihood", "UL_CONF": 0.9544997, "n_sigma": 1, "n_sigma_ul": _UL_SIGMA}
    return FluxPoints.from_table(table, sed_type="likelihood", format="gadf-sed", reference_model=source)


class NormLikelihood:
    """Likelihood of the factor that a predicted signal is multiplied by, for counts in pixels (flat arrays).

    The statistic is that of Cash (1979), -2 ln L without its constant.
    """

    def __init__(self, counts: np.ndarray, signal: np.ndarray, background: np.ndarray) -> None:
        # Below it a pixel would have a negative expectation.
        self.lowest = -0.999 * float(np.min(background / signal)) if len(signal) else 0.0
        self.total_signal, self.total_background = float(signal.sum()), float(background.sum())
        # Pixels without counts matter by these sums only.
        seen = counts > 0
        self.counts, self.signal, self.background = counts[seen], signal[seen], background[seen]

    def stat(self, norm: float) -> float:
        """The statistic."""
        logarithms = np.log(norm * self.signal + self.background)
        return 2 * (norm * self.total_signal + self.total_background - float(self.counts @ logarithms))

    def slope(self, norm: float) -> float:
        """Half of its derivative, which increases with the norm."""
        return self.total_signal - float(self.counts @ (self.signal / (norm * self.signal + self.background)))

    def estimate(self) -> dict[str, float]:
        """Best norm with symmetric and asymmetric errors, upper limit, test statistic; NaN without any signal."""
        if not self.total_signal > 0:
            return dict.fromkeys(_COLUMNS, np.nan)
        norm = self._best()
        best, null = self.stat(norm), self.stat(0.0)
        predicted = norm * self.signal + self.background
        information = float((self.counts * (self.signal / predicted) ** 2).sum())
        ts = max(null - best, 0.0)
        return {
            "norm": norm,
            "norm_err": information**-0.5 if information > 0 else np.nan,
            "norm_errn": norm - self._crossing(norm, best + 1, downwards=True),
            "norm_errp": self._crossing(norm, best + 1) - norm,
            "norm_ul": self._crossing(norm, best + _UL_SIGMA**2),
            "ts": ts,
            "sqrt_ts": float(np.copysign(np.sqrt(ts), norm)),
            "stat": best,
            "stat_null": null,
        }

    def _best(self) -> float:
        if self.slope(self.lowest) >= 0:
            return self.lowest
        return float(brentq(self.slope, self.lowest, self._upwards(self.slope, 1.0), rtol=1e-6))

    def _crossing(self, norm: float, level: float, downwards: bool = False) -> float:
        """Where the statistic reaches a level beyond the best norm; NaN if it does not."""

        def excess(value: float) -> float:
            return self.stat(value) - level

        if downwards:
            if norm <= self.lowest or excess(self.lowest) < 0:
                return np.nan
            return float(brentq(excess, self.lowest, norm, rtol=1e-6))
        return float(brentq(excess, norm, self._upwards(excess, norm + 1.0), rtol=1e-6))

    @staticmethod
    def _upwards(function: Callable[[float], float], value: float) -> float:
        """A value, at or above the given one, at which a function that grows is positive."""
        step = max(abs(value), 1.0)
        while function(value) <= 0:
            value, step = value + step, 2 * step
        return value


def _places(counts: np.ndarray, mask: np.ndarray, per_decade: int) -> np.ndarray:
    """Edges of the flux points: whole bins, up to the highest energy with an event."""
    seen = np.nonzero((counts * mask).any(axis=(1, 2)))[0]
    last = int(seen[-1]) + 1 if len(seen) else len(counts)
    step = BINS_PER_DECADE / per_decade
    places = np.unique(np.round(np.arange(0, last, step)).astype(int))
    if last - places[-1] < step / 2 and len(places) > 1:
        places = places[:-1]
    return np.append(places, last)


def _reference(source: SkyModel, quantity: str, edges: u.Quantity) -> u.Quantity:
    spectrum = source.spectral_model
    middle = np.sqrt(edges[:-1] * edges[1:])
    if quantity == "flux":
        return spectrum.integral(edges[:-1], edges[1:]).to("cm-2 s-1")
    if quantity == "eflux":
        return spectrum.energy_flux(edges[:-1], edges[1:]).to("TeV cm-2 s-1")
    if quantity == "e2dnde":
        return (middle**2 * spectrum(middle)).to("TeV cm-2 s-1")
    return spectrum(middle).to("cm-2 s-1 TeV-1")
