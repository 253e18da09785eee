"""Where observations look and when they were made, beside the regions and times of a selection of events."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archive.models import Observation
from archive.sia2.sky import range_polygons
from events.selection import Selection
from events.sky import Moc, Range, SkyRegion
from vo.healpix import MAX_ORDER, cells
from vo.regions import Circle, Polygon, intersects

FloatArray = NDArray[np.float64]
_CELL = 58.6
"""Side (deg) of a HEALPix cell of order 0."""
_FINENESS = (1, 8, 32)
"""Cells in the radius of a field, tried one after the other."""
_SMALLEST = 1e-3
"""deg: fields are not looked at more closely."""


def is_touched(observation: Observation, selection: Selection) -> bool:
    """Whether field of view and time of an observation have something in common with those of a selection.

    Of an observation without a known field of view or time it is supposed, and of a MOC that is no more than a tenth of
    the radius away from the field of view.
    """
    return _in_field(observation, selection.regions) and _in_time(observation, selection.times)


def _in_field(observation: Observation, regions: Sequence[SkyRegion]) -> bool:
    if not regions or observation.ra_pnt is None or observation.dec_pnt is None or observation.fov_radius is None:
        return True
    field = Circle(observation.ra_pnt, observation.dec_pnt, observation.fov_radius)
    return any(_meets(region, field) for region in regions)


def _meets(region: SkyRegion, field: Circle) -> bool:
    """Whether a region reaches into a field of view."""
    if isinstance(region, Circle | Polygon):
        return intersects(region, field)
    if isinstance(region, Moc):
        return _coverage_meets(region, field)
    return _range_meets(region, field)


def _coverage_meets(coverage: Moc, field: Circle) -> bool:
    """By cells that cover the field, large ones first: most fields are far from a coverage, or deep in it."""
    radius = max(field.radius, _SMALLEST)
    for fineness in _FINENESS:
        order = min(max(math.ceil(math.log2(_CELL * fineness / radius)), 0), MAX_ORDER)
        size = _CELL / 2**order
        # So dense, and so far beyond the edge, that every cell with a part in the field holds a point.
        distance, lon, lat = _points(field, radius + 1.5 * size, size / 4)
        if coverage.contains(lon, lat)[distance <= field.radius].any():
            return True
        first = np.unique(cells(lon, lat, order)) << 2 * (MAX_ORDER - order)
        if not coverage.meets(first, first + (1 << 2 * (MAX_ORDER - order)) - 1).any():
            return False
    return True


def _points(field: Circle, reach: float, step: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points around the centre of a field, nowhere further apart than a step: distance, longitude, latitude (deg)."""
    number = math.ceil(min(reach, 180.0) / step)
    axis = np.linspace(-number * step, number * step, 2 * number + 1)
    distance = np.hypot(axis, axis[:, None])
    x, y = (grid[distance <= min(reach, 180.0)] for grid in np.meshgrid(axis, axis))
    away, towards, south = np.radians(np.hypot(x, y)), np.arctan2(x, y), math.radians(field.lat)
    sine = math.sin(south) * np.cos(away) + math.cos(south) * np.sin(away) * np.cos(towards)
    lat = np.arcsin(np.clip(sine, -1.0, 1.0))
    east = np.sin(towards) * np.sin(away) * math.cos(south)
    lon = field.lon + np.degrees(np.arctan2(east, np.cos(away) - math.sin(south) * sine))
    return np.degrees(away), lon, np.degrees(lat)


def _range_meets(region: Range, field: Circle) -> bool:
    if (region.west, region.east) == (0, 360):
        return field.lat + field.radius >= region.south and field.lat - field.radius <= region.north
    outlines = range_polygons(region.west, region.east, region.south, region.north)
    return any(intersects(outline, field) for outline in outlines)


def _in_time(observation: Observation, times: Sequence[tuple[float, float]]) -> bool:
    first, last = observation.t_start, observation.t_stop
    if not times or first is None or last is None:
        return True
    return any(start <= last and stop >= first for start, stop in times)
