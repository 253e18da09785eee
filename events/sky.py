"""Regions that events are selected by: circles, polygons, ranges of coordinates (SODA) and spatial MOCs."""

from __future__ import annotations

from dataclasses import dataclass

from vo.regions import Circle, Polygon


@dataclass(frozen=True, slots=True)
class Range:
    """Longitudes and latitudes between two each, ends included, in degrees (SODA 1.0 section 3.3.3, RANGE).

    A west limit above the east one goes through 0. Open ends are -inf and inf.
    """

    west: float
    east: float
    south: float
    north: float


@dataclass(frozen=True, slots=True)
class Moc:
    """A spatial coverage: half-open ranges of HEALPix cells of order 29, nested, sorted and apart (MOC 2.0)."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Moc:
        """The coverage that an ASCII or JSON MOC tells. Raises ValueError."""
        raise NotImplementedError


SkyRegion = Circle | Polygon | Range | Moc
