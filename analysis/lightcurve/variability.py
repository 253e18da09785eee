"""Does a source vary? Tests of fluxes in time bins against a constant one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

from analysis.onoff.fit import likelihood_ratio
from analysis.onoff.norms import Norm, Profile, norm


def joined(profiles: Sequence[Profile]) -> Profile:
    """The bins of all together: their likelihood is that of a flux which is the same in all of them."""
    names = ("n_on", "n_off", "alpha", "signal")
    return Profile(profiles[0].energies, *(np.concatenate([getattr(p, name) for p in profiles]) for name in names))


def variability(profiles: Sequence[Profile], unit: float) -> dict[str, Any]:
    """Tests of one energy range; `unit` is the flux (cm-2 s-1) of the model, norm 1.

    `flux` is the most likely constant flux. `likelihood_ratio`: the fluxes of all bins against it, which holds for few
    events, too. `chi2`: the fluxes about their weighted mean by their errors from the curvature, of the `n_chi2` bins
    that have one. `fractional_variability`: the excess variance (Vaughan et al. 2003, MNRAS 345, 1271, equations 10 and
    B2), None where the fluxes scatter less than their errors. All tests are None for fewer than two bins.
    """
    pairs = [(p, found) for p in profiles if (found := norm(p)) is not None]
    constant = norm(joined([p for p, _ in pairs])) if pairs else None
    document: dict[str, Any] = {
        "n_bins": len(pairs),
        "flux": constant and unit * constant.value,
        "flux_err": constant and unit * constant.err,
        "likelihood_ratio": None,
        "chi2": None,
        "fractional_variability": None,
    }
    if constant is None or len(pairs) < 2:
        return document
    ratio = likelihood_ratio(constant.stat - sum(found.stat for _, found in pairs), len(pairs) - 1)
    return document | {"likelihood_ratio": ratio} | _by_errors([found for _, found in pairs])


def _by_errors(norms: Sequence[Norm]) -> dict[str, Any]:
    known = [n for n in norms if math.isfinite(n.err) and n.err > 0]
    if len(known) < 2:
        return {}
    value, variance = np.array([n.value for n in known]), np.array([n.err for n in known]) ** 2
    mean = float((value / variance).sum() / (1 / variance).sum())
    total, dof = float(((value - mean) ** 2 / variance).sum()), len(known) - 1
    return {
        "chi2": {"chi2": total, "dof": dof, "n_chi2": len(known), "p_value": float(chi2.sf(total, dof))},
        "fractional_variability": _fractional(value, variance),
    }


def _fractional(value: np.ndarray, variance: np.ndarray) -> dict[str, float] | None:
    mean, noise, number = float(value.mean()), float(variance.mean()), len(value)
    excess = float(value.var(ddof=1)) - noise
    if excess <= 0 or mean <= 0:
        return None
    found = math.sqrt(excess) / mean
    first = math.sqrt(1 / (2 * number)) * noise / (mean**2 * found)
    second = math.sqrt(noise / number) / mean
    return {"value": found, "err": math.hypot(first, second)}
