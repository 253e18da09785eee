"""The search for the greatest likelihood: the method of Levenberg and Marquardt for Poisson counts.

Laurence and Chromy (Nature Methods 7, 338, 2010). Near the minimum, where what their curvature leaves out decides, it
is corrected by the change of the gradient over each step (Broyden, Fletcher, Goldfarb, Shanno). With derivatives this
needs ten to twenty evaluations, where a search without needs two hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from gammapy.modeling import Parameter

from analysis.fit3d.likelihood import Likelihood, Local

NEAR_ENOUGH = 1e-6
"""Expected distance of the statistic to its minimum at which the search ends: a thousandth of an error."""
NEAR = 1.0
"""Expected distance from which on the curvature is corrected."""
AT_A_KINK = 0.1
"""The largest such distance where no step gains anything: a point's image has kinks at the centres of pixels."""
MOST_STEPS = 100
_MOST_REFINEMENTS = 3
_WAY_TO_BOUND, _AT_BOUND = 0.9, 1e-4
"""Part of the way to a bound that one step may go, and distance at which it is reached, in parts of the range."""
_STIFFEST = 1e8
_SOFTEST = 1e-3
_ERROR_STEP = 0.01
"""Part of an error over which the second derivatives are taken."""
_LOOKS, _SAME_ERROR = 3, 0.03
"""How often such a step is looked for, and the part of an error that it may be wrong by."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where the statistic is least: values of the free parameters, what it is like there, and steps on the way."""

    values: np.ndarray
    local: Local
    steps: int

    @property
    def stat(self) -> float:
        return self.local.stat


class NoMinimumError(Exception):
    """The search did not end at a minimum; `stat` is the least value that it found."""

    def __init__(self, stat: float) -> None:
        super().__init__(stat)
        self.stat = stat


def minimum(likelihood: Likelihood) -> Minimum:
    """Search from the present values of the parameters, within their bounds.

    Raises NoMinimumError where the statistic has no finite value at the start, or the search comes to no end.
    """
    found = _minimum(likelihood)
    for _ in range(_MOST_REFINEMENTS):
        if not likelihood.refine():
            break
        again = _minimum(likelihood)
        found = replace(again, steps=found.steps + again.steps)
    return found


def _minimum(likelihood: Likelihood) -> Minimum:
    lowest, highest = _bounds(likelihood.free)
    values = np.array([parameter.value for parameter in likelihood.free])
    here = likelihood.at(values)
    if not np.isfinite(here.stat):
        raise NoMinimumError(here.stat)
    curvature, damping = here.curvature, _SOFTEST
    stuck, released = np.zeros(len(values), dtype=bool), np.inf
    for steps in count():
        if steps == MOST_STEPS:
            raise NoMinimumError(here.stat)
        held = _held(values, here.gradient, lowest, highest) | stuck
        distance = -0.5 * float(here.gradient @ _step(curvature, here.gradient, held, 0.0))
        if distance < NEAR_ENOUGH and stuck.any() and here.stat < released - NEAR_ENOUGH:
            # Since the others have moved, it may not be at its kink any more.
            stuck, released = np.zeros_like(stuck), here.stat
            continue
        if distance < NEAR_ENOUGH:
            break
        found = Local(np.inf, here.gradient, curvature)
        while not found.stat < here.stat and damping < _STIFFEST:
            step = _step(curvature, here.gradient, held, damping)
            there = np.clip(
                values + step, values - _WAY_TO_BOUND * (values - lowest), values + _WAY_TO_BOUND * (highest - values)
            )
            found = likelihood.at(there)
            damping = damping / 10 if found.stat < here.stat else max(10 * damping, _SOFTEST)
        if not found.stat < here.stat - NEAR_ENOUGH and distance < AT_A_KINK:
            break
        if not found.stat < here.stat:
            stuck, damping = stuck | _steepest(likelihood.has_kinks & ~held, here), _SOFTEST
            if np.all(stuck <= held):
                raise NoMinimumError(here.stat)
            continue
        if distance > NEAR:
            curvature = found.curvature
        else:
            curvature = _corrected(curvature, there - values, found.gradient - here.gradient)
        values, here = there, found
    _set(likelihood.free, values)
    return Minimum(values, here, steps)


def covariance(likelihood: Likelihood, found: Minimum) -> np.ndarray:
    """Covariance of the free parameters: twice the inverse of the second derivatives, which are differences of
    gradients. Raises NoMinimumError where it is none.

    Over short steps; but by parameters with kinks, whose gradient jumps, over an error to both sides.
    """
    if not np.all(np.diag(found.local.curvature) > 0):
        raise NoMinimumError(found.stat)
    kinks = likelihood.has_kinks
    errors = np.sqrt(np.diag(_inverse(found.local.curvature)))
    result = _covariance(likelihood, found, errors * np.where(kinks, 1, _ERROR_STEP), kinks)
    if result is None and kinks.any():  # not so wide a minimum
        result = _covariance(likelihood, found, errors * _ERROR_STEP, np.zeros_like(kinks))
        kinks = np.zeros_like(kinks)
    if result is None:
        raise NoMinimumError(found.stat)
    # The errors that are the steps over kinks have to be looked for.
    for _ in range(_LOOKS):
        before, errors = errors, np.sqrt(np.diag(result))
        if np.allclose(errors[kinks], before[kinks], rtol=_SAME_ERROR, atol=0):
            break
        closer = _covariance(likelihood, found, errors * np.where(kinks, 1, _ERROR_STEP), kinks)
        if closer is None:
            break
        result = closer
    return result


def _covariance(likelihood: Likelihood, found: Minimum, steps: np.ndarray, kinks: np.ndarray) -> np.ndarray | None:
    """Covariance by second derivatives over `steps`, to both sides by those with `kinks`; None where it is none."""
    rows = []
    for number, step in enumerate(steps):
        offset = np.zeros_like(found.values)
        offset[number] = step
        above = likelihood.at(found.values + offset)
        row = (above.gradient - found.local.gradient) / step
        if kinks[number]:
            below = likelihood.at(found.values - offset)
            row = (above.gradient - below.gradient) / (2 * step)
            row[number] = (above.stat + below.stat - 2 * found.stat) / step**2
        if not np.isfinite(above.stat):
            row[:] = np.nan  # a step to where there is no likelihood
        rows.append(row)
    _set(likelihood.free, found.values)
    second = (np.array(rows) + np.array(rows).T) / 2
    scale = np.sqrt(np.diag(found.local.curvature))
    if not np.all(np.isfinite(second)) or np.linalg.eigvalsh(second / np.outer(scale, scale))[0] <= 0:
        return None
    return _inverse(second)


def _inverse(second: np.ndarray) -> np.ndarray:
    """Twice the inverse of second derivatives, of parameters of whatever size."""
    scale = np.sqrt(np.abs(np.diag(second)))
    result: np.ndarray = 2 * np.linalg.pinv(second / np.outer(scale, scale)) / np.outer(scale, scale)
    return result


def _held(values: np.ndarray, gradient: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Which parameters are at a bound that they would pass."""
    near = _AT_BOUND * np.where(np.isfinite(highest - lowest), highest - lowest, 0)
    return ((values - lowest <= near) & (gradient > 0)) | ((highest - values <= near) & (gradient < 0))


def _steepest(candidates: np.ndarray, here: Local) -> np.ndarray:
    """Which of the candidates has the largest gradient, in its error; none if there are none."""
    slopes = np.where(candidates, np.abs(here.gradient) / np.sqrt(np.diag(here.curvature)), -1)
    result: np.ndarray = candidates & (slopes == slopes.max())
    return result


def _step(curvature: np.ndarray, gradient: np.ndarray, held: np.ndarray, damping: float) -> np.ndarray:
    """The step to the minimum of a parabola, the shorter the larger the damping; 0 for parameters that are held."""
    free = ~held
    matrix = curvature[np.ix_(free, free)]
    scale = np.sqrt(np.diag(matrix))
    scale = np.where(scale > 0, scale, 1.0)
    matrix = matrix / np.outer(scale, scale) + (damping + 1e-12) * np.eye(len(scale))
    result = np.zeros_like(gradient)
    result[free] = np.linalg.solve(matrix, -gradient[free] / scale) / scale
    return result


def _corrected(curvature: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The curvature that agrees with the change of the gradient over a step."""
    along = float(step @ change)
    if along <= 0:
        return curvature
    bent = curvature @ step
    return curvature - np.outer(bent, bent) / float(step @ bent) + np.outer(change, change) / along


def _bounds(parameters: Sequence[Parameter]) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values."""
    lowest, highest = (np.array([getattr(parameter, name) for parameter in parameters]) for name in ("min", "max"))
    return np.where(np.isnan(lowest), -np.inf, lowest), np.where(np.isnan(highest), np.inf, highest)


def _set(parameters: Sequence[Parameter], values: np.ndarray) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.value = value
