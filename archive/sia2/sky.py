"""POS of SIA 2.0 (section 2.1.1) as a condition on `s_region`: circles, polygons and ranges of coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tap.adql.tree import Predicate
from tap.conditions import all_of, any_of, intersecting, known
from vo.dali import circle, number, polygon
from vo.errors import UsageFault
from vo.regions import Circle, Polygon, check_area

REGION = "s_region"
TOLERANCE = 1e-3
"""Degrees by which the great circles that stand for the parallels of a range may leave them, and the least extent of a
range: a thinner one is made that wide, so that it has an area."""
_WIDEST = 90.0
"""Degrees of longitude in one polygon; it must be smaller than half the sky."""
MAX_POSITIONS, MAX_NUMBERS = 100, 10_000
"""Most positions of a request, and most numbers in them: translating so many takes about two seconds."""


def check_amount(positions: Sequence[str]) -> None:
    """Raises UsageFault for more positions than a request may have."""
    if len(positions) > MAX_POSITIONS or sum(len(text.split()) for text in positions) > MAX_NUMBERS:
        raise UsageFault(
            f"POS: at most {MAX_POSITIONS} positions with {MAX_NUMBERS} numbers in all; upload a table to /tap for more"
        )


def position(text: str) -> Predicate:
    """The region of an observation has a point in common with a shape (ICRS deg). Raises UsageFault.

    A range with its first longitude above the second goes across 0.
    """
    kind, _, values = text.strip().partition(" ")
    if kind.upper() == "CIRCLE":
        return intersecting(REGION, Circle(*circle(values)))
    if kind.upper() == "POLYGON":
        return intersecting(REGION, _area(Polygon(polygon(values))))
    if kind.upper() == "RANGE":
        return _range(*range_limits(values))
    raise UsageFault(f"a position is CIRCLE, RANGE or POLYGON with numbers after it, not {text[:60]!r}")


def _area(shape: Polygon) -> Polygon:
    """The polygon, if it is one. Raises UsageFault."""
    try:
        check_area(shape)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    return shape


def range_limits(text: str) -> tuple[float, float, float, float]:
    """Two longitudes and two latitudes; an infinite one is the end of the scale. Raises UsageFault."""
    values = [number(word) for word in text.split()]
    if len(values) != 4:
        raise UsageFault(f"RANGE takes 4 numbers: two longitudes, two latitudes; not {len(values)}")
    ends = ((0.0, 360.0), (0.0, 360.0), (-90.0, 90.0), (-90.0, 90.0))
    for index, (value, (low, high)) in enumerate(zip(values, ends, strict=True)):
        if math.isinf(value):
            values[index] = high if value > 0 else low
        elif not low <= value <= high:
            axis = "longitude" if high == 360 else "latitude"
            raise UsageFault(f"{axis} must be within {low:g} and {high:g} deg, not {value:g}")
    west, east, south, north = values
    if south > north:
        raise UsageFault(f"the range of latitudes is upside down: {south:g} is above {north:g}")
    return west, east, south, north


def _range(west: float, east: float, south: float, north: float) -> Predicate:
    if (west, east) == (0, 360):
        return _band(south, north)
    return any_of([intersecting(REGION, polygon) for polygon in range_polygons(west, east, south, north)])


def range_polygons(west: float, east: float, south: float, north: float) -> list[Polygon]:
    """Polygons that make up a range of coordinates which does not go all the way around, to `TOLERANCE`."""
    width = (east - west) % 360
    if width < TOLERANCE:
        west, width = west - TOLERANCE / 2, TOLERANCE
    if north - south < TOLERANCE:
        south, north = max(south - TOLERANCE / 2, -90.0), min(north + TOLERANCE / 2, 90.0)
    count = math.ceil(width / _WIDEST)
    step = width / count
    return [Polygon(tuple(_outline(west + i * step, step, south, north))) for i in range(count)]


def _band(south: float, north: float) -> Predicate:
    """All longitudes. A region hangs together: if it reaches as far south and as far north as the band, it meets it."""
    conditions = [known(REGION)]
    if south > -90:
        conditions.append(intersecting(REGION, Circle(0, 90, 90 - south)))
    if north < 90:
        conditions.append(intersecting(REGION, Circle(0, -90, 90 + north)))
    return all_of(conditions)


def _outline(west: float, width: float, south: float, north: float) -> Iterator[tuple[float, float]]:
    """Vertices of the polygon of a range, counter-clockwise as seen from inside the sphere."""
    middle = [(south + north) / 2] if north - south > 90 else []
    yield from ((west + offset, south) for offset in _parallel(width, south))
    yield from ((west + width, lat) for lat in middle)
    yield from ((west + offset, north) for offset in reversed(_parallel(width, north)))
    yield from ((west, lat) for lat in middle)


def _parallel(width: float, lat: float) -> list[float]:
    """Longitudes along a parallel, from 0, between which great circles leave it by `TOLERANCE` at most.

    Half way, the great circle is at the latitude whose tangent is tan(lat) / cos(half the distance in longitude).
    """
    lat = abs(lat)
    if lat == 90:
        return [0.0]
    farthest = min(lat + TOLERANCE, 90.0)
    ratio = math.tan(math.radians(lat)) / math.tan(math.radians(farthest))
    count = max(1, math.ceil(width / math.degrees(2 * math.acos(ratio))))
    return [width * i / count for i in range(count + 1)]
