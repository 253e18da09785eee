"""The grid of sky and energy on which maps are made, such that what was made once serves again.

The sky grid is fixed by the source position; observations are reduced on the part of it that they see. Energies are
cut at the same edges whatever range is asked for, except for the limits themselves, which are kept as they are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.maps import MapAxis, WcsGeom

from analysis.energy import BINS_PER_DECADE, ENERGY_MAX, ENERGY_MIN
from uws.errors import UserJobError

Bin = tuple[float, float]
"""Lower and upper energy, TeV."""

_SAME = 1e-6
"""Relative difference below which two energies are one."""


@dataclass(frozen=True, slots=True)
class SkyGrid:
    """Pixels of `binsz` around `position`, `width` wide; events within `offset_max` of the pointing. All in degrees."""

    position: SkyCoord
    width: float
    binsz: float
    offset_max: float

    @property
    def pixels(self) -> int:
        """Pixels along a side."""
        return round(self.width / self.binsz)

    def image(self) -> WcsGeom:
        """The whole grid, in gnomonic projection."""
        return WcsGeom.create(skydir=self.position, width=self.width, binsz=self.binsz, proj="TAN", frame="icrs")

    def seen_from(self, pointing: SkyCoord) -> WcsGeom:
        """The part of the grid around a pointing direction, with its place in the grid (`cutout_info`)."""
        return self.image().cutout(position=pointing, width=2 * self.offset_max * u.deg, mode="trim")

    def description(self) -> dict[str, float]:
        """What pixels depend on, as plain values."""
        return {
            "ra": float(self.position.icrs.ra.deg),
            "dec": float(self.position.icrs.dec.deg),
            "width": self.width,
            "binsz": self.binsz,
            "offset_max": self.offset_max,
        }


def energy_edges(interval: tuple[float, float] | None) -> np.ndarray:
    """Edges (TeV) from the asked lower to the asked upper limit, ten per decade at fixed energies in between.

    Open ends reach to ENERGY_MIN and ENERGY_MAX. Raises UserJobError when nothing of the interval lies between them.
    """
    low, high = (ENERGY_MIN, ENERGY_MAX) if interval is None else interval
    low, high = max(low, ENERGY_MIN), min(high, ENERGY_MAX)
    if not low < high:
        raise UserJobError(
            f"The energy range has no extent between {ENERGY_MIN:g} and {ENERGY_MAX:g} TeV, where data can be analysed."
        )
    fixed = _fixed_edges()
    inner = fixed[(fixed > low * (1 + _SAME)) & (fixed < high * (1 - _SAME))]
    return np.array([_fixed_or(low, fixed), *inner, _fixed_or(high, fixed)])


@cache
def _fixed_edges() -> np.ndarray:
    count = round(math.log10(ENERGY_MAX / ENERGY_MIN) * BINS_PER_DECADE)
    edges: np.ndarray = MapAxis.from_energy_bounds(ENERGY_MIN, ENERGY_MAX, nbin=count, unit="TeV").edges.value
    return edges


def _fixed_or(energy: float, fixed: np.ndarray) -> float:
    nearest = fixed[np.argmin(np.abs(fixed - energy))]
    return float(nearest if math.isclose(nearest, energy, rel_tol=_SAME) else energy)


def bins_of(edges: Sequence[float] | np.ndarray) -> list[Bin]:
    """The bins between neighbouring edges."""
    return [(float(low), float(high)) for low, high in pairwise(edges)]


def wholes_of(bins: Sequence[Bin]) -> list[Bin]:
    """The bins between fixed edges that bins between edges of `energy_edges` are or lie in."""
    fixed = _fixed_edges()
    places = np.searchsorted(fixed, [low for low, _ in bins], side="right") - 1
    return [(float(fixed[place]), float(fixed[place + 1])) for place in places]


def axis_of(bins: Sequence[Bin], name: str = "energy") -> tuple[MapAxis, np.ndarray]:
    """Energy axis that has all of `bins` (sorted, without overlap), and their places on it.

    Where they are not neighbours, what lies between them is a bin of the axis too.
    """
    edges = sorted({energy for single in bins for energy in single})
    places = np.searchsorted(edges, [low for low, _ in bins])
    return MapAxis.from_energy_edges(edges, unit="TeV", name=name), places
