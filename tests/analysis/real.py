"""Real runs that the analyses are tested with, of the public H.E.S.S. data release."""

from __future__ import annotations

from dataclasses import dataclass

from astropy.coordinates import SkyCoord


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A source, where the runs' RA_OBJ and DEC_OBJ have it, and the runs on it."""

    name: str
    position: SkyCoord
    runs: tuple[int, ...]


CRAB = Target("Crab Nebula", SkyCoord(83.633333333333, 22.014444444444, unit="deg"), (23523, 23526, 23559, 23592))
PKS_2155 = Target(
    "PKS 2155-304",
    SkyCoord(329.71666666667, -30.225555555556, unit="deg"),
    (47802, 47803, 47804, 47827, 47828, 47829),
)
