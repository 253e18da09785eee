"""Geometry functions with generated shapes: poles, 0/360, tiny and huge circles, concave polygons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tap.differential.databases import Databases
from tests.tap.differential.shapes import (
    Circle,
    Shape,
    Star,
    circles,
    coarseness,
    latitudes,
    longitudes,
    separation,
    shapes,
    stars,
    unit,
)

pytestmark = pytest.mark.django_db

SMALL = 1e-5
"""Rounding of the area and the centre of mass of polygons of a thousandth of a degree, whose edges nearly cancel."""


@examples(60, 1500)
@given(lon1=longitudes, lat1=latitudes, lon2=longitudes, lat2=latitudes, near=st.none() | st.floats(1e-14, 1e-6))
def test_distance(databases: Databases, lon1: float, lat1: float, lon2: float, lat2: float, near: float | None) -> None:
    """ADQL 2.1 section 4.2.16: great circles, exact for neighbours and for antipodes."""
    if near is not None:
        lon2, lat2 = (lon1 + near) % 360, min(max(lat1 + near, -90.0), 90.0)
    points = f"{lon1!r}, {lat1!r}, {lon2!r}, {lat2!r}"
    ((found, same, there),) = databases.rows(
        f"SELECT TOP 1 DISTANCE({points}), DISTANCE(POINT({lon1!r}, {lat1!r}), POINT({lon2!r}, {lat2!r})), "
        f"DISTANCE({lon2!r}, {lat2!r}, {lon1!r}, {lat1!r}) FROM diff.a"
    )
    assert found == same == pytest.approx(there, rel=1e-12, abs=1e-14)
    assert found == pytest.approx(separation(lon1, lat1, lon2, lat2), rel=1e-12, abs=1e-13)


@examples(60, 2000)
@given(shape=shapes, lon=longitudes, lat=latitudes, away=st.none() | st.floats(0, 2))
def test_points(databases: Databases, shape: Shape, lon: float, lat: float, away: float | None) -> None:
    """ADQL 2.1 sections 4.2.12 and 4.2.17: INTERSECTS with a point is CONTAINS; area and centre of mass."""
    if away is not None and isinstance(shape, Star):
        # On the way from the centre to a corner, and beyond it.
        lon, lat = (float(v) for v in _way(shape, away))
    depth = float(shape.depth(unit(lon, lat)[None])[0])
    assume(abs(depth) > 1e-9 if isinstance(shape, Circle) else abs(depth) > 1e-7)
    point = f"POINT({lon!r}, {lat!r})"
    x, y = shape.centroid
    ((inside, meets, met, area, away_from_centre),) = databases.rows(
        f"SELECT TOP 1 CONTAINS({point}, {shape.text}), INTERSECTS({point}, {shape.text}), "
        f"INTERSECTS({shape.text}, {point}), AREA({shape.text}), "
        f"ROUND(DISTANCE(CENTROID({shape.text}), POINT({x!r}, {y!r})), 5) FROM diff.a",
        rounding=SMALL,
    )
    assert inside == meets == met == int(depth > 0)
    assert area == pytest.approx(shape.area, rel=SMALL, abs=1e-11)
    assert away_from_centre == 0


def _way(star: Star, away: float) -> tuple[float, float]:
    x, y, z = star.middle * (1 - away) + star.corners[0] * away
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


@examples(60, 2000)
@given(a=stars() | circles, b=stars() | circles, near=st.none() | st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_pairs(databases: Databases, a: Shape, b: Shape, near: tuple[float, float] | None) -> None:
    """CONTAINS is not symmetric, INTERSECTS is; shapes that nearly touch are left out."""
    if near is not None:
        lat = min(max(a.lat + near[1] * 30, -90.0), 90.0)
        lon = (a.lon + near[0] * 30) % 360
        b = Circle(lon, lat, b.radius) if isinstance(b, Circle) else Star(lon, lat, b.spokes, b.clockwise)
    ours, theirs = a.depth(b.boundary), b.depth(a.boundary)
    margin = 2 * max(coarseness(a), coarseness(b))
    nearest = min(np.abs(ours).min(), np.abs(theirs).min())
    crossing = (ours.max() > 0 > ours.min()) or (theirs.max() > 0 > theirs.min())
    assume(nearest > margin or max(_crossed(ours), _crossed(theirs)) > margin)
    b_in_a = not crossing and ours.min() > 0 and _holds(a, b)
    a_in_b = not crossing and theirs.min() > 0 and _holds(b, a)
    meet = crossing or ours.min() > 0 or theirs.min() > 0
    found = databases.rows(
        f"SELECT TOP 1 CONTAINS({b.text}, {a.text}), CONTAINS({a.text}, {b.text}), "
        f"INTERSECTS({a.text}, {b.text}), INTERSECTS({b.text}, {a.text}) FROM diff.a"
    )
    assert found == [(int(b_in_a), int(a_in_b), int(meet), int(meet))], (a.text, b.text)


def _crossed(depth: np.ndarray) -> float:
    """How far a boundary goes into a shape and out of it, the smaller of both."""
    return float(min(depth.max(), -depth.min()))


def _holds(outer: Shape, inner: Shape) -> bool:
    """Whether what is inside of a boundary within `outer` is too, and not the rest of the sphere around `outer`."""
    beyond = -outer.middle
    return bool(inner.depth(beyond[None])[0] < 0 or outer.depth(beyond[None])[0] > 0)
