"""Regions that events are selected by: circles, polygons, ranges of coordinates (SODA) and spatial MOCs.

All coordinates are degrees. Those of event lists in FK5 (J2000) are taken as ICRS, which is true to 0.1 arc seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from events.moc import Moc
from vo.regions import BOUNDARY, BOX_SLACK, Box, Circle, Polygon, bounding_box, format_stcs, separation, signed_distance

__all__ = ["Circle", "Moc", "Polygon", "Range", "SkyRegion", "box", "contains", "offsets", "text"]

_WHOLE_SKY: Box = (-2.0, -2.0, -2.0, 2.0, 2.0, 2.0)
_AT_ONCE = 2**18
"""Pairs of an event and an edge of a polygon that are looked at together: what bounds the memory."""
_SINGLE = 1e-5
"""Relative error of the squared half chord in single precision: a tenth of it is what rounding makes."""
_TINY = 1e-18
"""Squared half chord of 1e-7 degrees: for what is smaller, rounding in double precision may decide."""


@dataclass(frozen=True, slots=True)
class Range:
    """Longitudes and latitudes between two each, ends included (RANGE of SODA 1.0 section 3.3.3 and DALI).

    Infinite ends are open. A west limit above the east one goes through longitude 0. Raises ValueError.
    """

    west: float
    east: float
    south: float
    north: float

    def __post_init__(self) -> None:
        west, east = (0.0 if self.west == -math.inf else self.west), (360.0 if self.east == math.inf else self.east)
        south, north = max(self.south, -90.0), min(self.north, 90.0)
        if not (0 <= west <= 360 and 0 <= east <= 360):
            raise ValueError(f"the longitudes of a range lie within 0 and 360 deg, not {self.west:g} and {self.east:g}")
        if self.south not in (south, -math.inf) or self.north not in (north, math.inf) or not south <= north:
            raise ValueError(
                f"the latitudes of a range rise within -90 and 90 deg, not from {self.south:g} to {self.north:g}"
            )
        for name, value in (("west", west), ("east", east), ("south", south), ("north", north)):
            object.__setattr__(self, name, float(value))

    def contains(self, lon: NDArray[np.floating], lat: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether positions lie in it."""
        # In single precision a limit would be rounded too.
        lon, lat = np.mod(lon.astype(np.float64), 360.0), lat.astype(np.float64)
        if self.west <= self.east:
            # 360 is 0.
            within = ((lon >= self.west) & (lon <= self.east)) | (lon + 360.0 <= self.east)
        else:
            within = (lon >= self.west) | (lon <= self.east)
        return within & (lat >= self.south) & (lat <= self.north)


SkyRegion = Circle | Polygon | Range | Moc


def contains(region: SkyRegion, lon: NDArray[np.floating], lat: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether positions, taken as float64, lie in a region, its boundary included."""
    if isinstance(region, Range | Moc):
        return region.contains(lon, lat)
    if isinstance(region, Circle):
        return _in_circle(region, lon, lat)
    found = np.zeros(len(lon), dtype=bool)
    step = max(1, _AT_ONCE // len(region.vertices))
    for start in range(0, len(lon), step):
        part = slice(start, start + step)
        distance = signed_distance(region, lon[part].astype(np.float64), lat[part].astype(np.float64))
        found[part] = distance <= math.degrees(BOUNDARY)
    return found


def _in_circle(circle: Circle, lon: NDArray[np.floating], lat: NDArray[np.floating]) -> NDArray[np.bool_]:
    """A first look in single precision decides all but what is on the edge, at a fifth of the time.

    Differences are made in double precision, and angles from the nearest pole and the short way round: so each factor
    is known to some 1e-7 of itself, and with them the squared half chord.
    """
    half = np.float32(math.pi / 360)
    lat_ = lat.astype(np.float64)
    dlon = np.subtract(lon, circle.lon, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        dlon -= 360.0 * np.rint(dlon / 360.0)
        sin_dlon = np.sin(dlon.astype(np.float32) * half)
        sin_dlat = np.sin((lat_ - circle.lat).astype(np.float32) * half)
        rough = np.sin((90.0 - np.abs(lat_)).astype(np.float32) * (2 * half))
    rough *= np.float32(math.cos(math.radians(circle.lat)))
    rough *= sin_dlon * sin_dlon
    rough += sin_dlat * sin_dlat
    limit = math.sin(math.radians(circle.radius) / 2) ** 2
    inside = rough <= limit
    edge = (np.abs(rough - limit) <= _SINGLE * limit + _TINY).nonzero()[0]
    if len(edge):
        inside[edge] = separation(lon[edge], lat[edge], circle.lon, circle.lat) <= circle.radius
    return inside


def box(region: SkyRegion) -> Box:
    """A box on the unit sphere that holds the region."""
    if isinstance(region, Moc):
        return _WHOLE_SKY
    if isinstance(region, Range):
        low, high = math.sin(math.radians(region.south)), math.sin(math.radians(region.north))
        return (-2.0, -2.0, low - BOX_SLACK, 2.0, 2.0, high + BOX_SLACK)
    return bounding_box(region)


def offsets(regions: Sequence[SkyRegion], lon: float, lat: float) -> tuple[float, float] | None:
    """Least and largest distance (degrees) of the points of the regions from a position; None where it is not known:
    without regions, for ranges and MOCs, and for what reaches beyond 90 degrees."""
    spans = []
    for region in regions:
        if isinstance(region, Circle):
            apart = float(separation(region.lon, region.lat, lon, lat))
            spans.append((max(0.0, apart - region.radius), apart + region.radius))
        elif isinstance(region, Polygon):
            vertices = np.array(region.vertices)
            corners = separation(vertices[:, 0], vertices[:, 1], lon, lat)
            spans.append((max(0.0, float(signed_distance(region, lon, lat))), float(corners.max())))
        else:
            return None
    if not spans or max(high for _, high in spans) > 90:
        return None
    return min(low for low, _ in spans), max(high for _, high in spans)


def text(region: SkyRegion) -> str:
    """One text for one region: STC-S of circles and polygons, SODA's RANGE, and the ASCII MOC."""
    if isinstance(region, Moc):
        return f"MOC {region.text()}"
    if isinstance(region, Range):
        return "RANGE " + " ".join(repr(v) for v in (region.west, region.east, region.south, region.north))
    return format_stcs(region)
