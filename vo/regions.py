"""Regions on the sky: points, circles and polygons with great-circle edges; STC-S and DALI text; exact predicates.

All longitudes and latitudes are degrees in one system (ICRS here). A polygon is closed implicitly and is the smaller of
the two areas that its edges bound, whatever the order of its vertices (DALI 1.1 section 3.3.6 wants them
counter-clockwise; STC-S texts in the field come in both orders).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float, float, float]
"""Bounding box on the unit sphere: x_min, y_min, z_min, x_max, y_max, z_max."""

BOUNDARY = 1e-12
"""Points nearer than this (radians) to the edge of a polygon lie on it."""
_PAIRS = 1_000_000
"""Pairs of edges looked at together: some ten MB."""
BOX_SLACK = 1e-12
"""Boxes are larger by this, so that rounding never loses what an exact predicate would find."""


def _check_latitude(lat: float) -> None:
    if not -90 <= lat <= 90:
        raise ValueError(f"latitude must be within -90 and 90 deg, not {lat:g}")


def _longitude(lon: float) -> float:
    """Longitude within 0 and 360 (DALI 1.2 reduces it)."""
    if not math.isfinite(lon):
        raise ValueError(f"longitude must be a finite number, not {lon:g}")
    return lon if 0 <= lon <= 360 else lon % 360.0


@dataclass(frozen=True, slots=True)
class Point:
    lon: float
    lat: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lon", _longitude(self.lon))
        _check_latitude(self.lat)


@dataclass(frozen=True, slots=True)
class Circle:
    """A cap: everything within `radius` of the centre."""

    lon: float
    lat: float
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lon", _longitude(self.lon))
        _check_latitude(self.lat)
        if not 0 <= self.radius <= 180:
            raise ValueError(f"radius must be within 0 and 180 deg, not {self.radius:g}")


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon of at least three different vertices, (lon, lat) each."""

    vertices: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.vertices) < 3:
            raise ValueError(f"a polygon has at least 3 vertices, not {len(self.vertices)}")
        for _, lat in self.vertices:
            _check_latitude(lat)
        object.__setattr__(self, "vertices", tuple((_longitude(lon), lat) for lon, lat in self.vertices))


Shape = Point | Circle | Polygon

# --- text and arrays --------------------------------------------------------------------------------------------------

_FRAMES = {"ICRS", "FK5", "J2000", "UNKNOWNFRAME"}
_IGNORED = {
    "BARYCENTER", "GEOCENTER", "HELIOCENTER", "TOPOCENTER", "LSR", "LSRK", "LSRD", "GALACTIC_CENTER", "RELOCATABLE",
    "UNKNOWNREFPOS", "SPHERICAL2", "CARTESIAN2",
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def parse_stcs(text: str) -> Shape:
    """The shape that an STC-S text such as `CIRCLE ICRS 83.63 22.01 2.5` or `POLYGON ICRS …` means.

    Frame and reference position may be missing; frames that would need a transformation, unions and other shapes are
    refused. Source: STC-S 1.33 (IVOA Note 2009). Raises ValueError.
    """
    words = text.split()
    if not words:
        raise ValueError("the region is empty")
    kind, rest = words[0].upper(), words[1:]
    while rest and not _NUMBER.match(rest[0]):
        word = rest.pop(0).upper()
        if word not in _FRAMES and word not in _IGNORED:
            raise ValueError(f"{word!r} is not understood in the region {text!r}")
    for word in rest:
        if not _NUMBER.match(word):
            raise ValueError(f"{word!r} is not a number in the region {text!r}")
    values = [float(word) for word in rest]
    if kind == "POSITION" and len(values) == 2:
        return Point(*values)
    if kind == "CIRCLE" and len(values) == 3:
        return Circle(*values)
    if kind == "POLYGON" and len(values) >= 6 and len(values) % 2 == 0:
        return from_array(values)
    if kind not in ("POSITION", "CIRCLE", "POLYGON"):
        raise ValueError(f"{words[0]!r} is no known shape (POSITION, CIRCLE, POLYGON)")
    raise ValueError(f"{len(values)} numbers do not make a {kind}")


def format_stcs(shape: Shape) -> str:
    """STC-S text of a shape in ICRS; numbers round-trip."""
    kind = {Point: "POSITION", Circle: "CIRCLE", Polygon: "POLYGON"}[type(shape)]
    return f"{kind} ICRS {' '.join(_number(value) for value in to_array(shape))}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def from_array(values: Sequence[float]) -> Shape:
    """The shape of a DALI array: 2 numbers are a point, 3 a circle, 6 or more a polygon (DALI 1.1 section 3.3).

    Raises ValueError.
    """
    if len(values) == 2:
        return Point(values[0], values[1])
    if len(values) == 3:
        return Circle(values[0], values[1], values[2])
    if len(values) >= 6 and len(values) % 2 == 0:
        return Polygon(tuple(zip(values[::2], values[1::2], strict=True)))
    raise ValueError(f"{len(values)} numbers are no point, circle or polygon")


def to_array(shape: Shape) -> tuple[float, ...]:
    """DALI array of a shape: the inverse of `from_array`."""
    if isinstance(shape, Point):
        return (shape.lon, shape.lat)
    if isinstance(shape, Circle):
        return (shape.lon, shape.lat, shape.radius)
    return tuple(value for vertex in shape.vertices for value in vertex)


def parse_dali(text: str) -> Shape:
    """The shape of a DALI text: numbers separated by spaces, after an optional word `circle`, `polygon` or `point`
    (the `shape` xtype of DALI 1.2). Raises ValueError."""
    words = text.split()
    kind = words.pop(0).lower() if words and words[0].isalpha() else None
    if kind not in (None, "point", "circle", "polygon"):
        raise ValueError(f"{kind!r} is no known shape (point, circle, polygon)")
    for word in words:
        if not _NUMBER.match(word):
            raise ValueError(f"{word!r} is not a number in the region {text!r}")
    shape = from_array([float(word) for word in words])
    if kind is not None and kind != type(shape).__name__.lower():
        raise ValueError(f"{len(words)} numbers do not make a {kind}")
    return shape


# --- the unit sphere --------------------------------------------------------------------------------------------------


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors of positions in degrees; shape (..., 3)."""
    lon_, lat_ = np.radians(lon), np.radians(lat)
    cos_lat = np.cos(lat_)
    return np.stack([cos_lat * np.cos(lon_), cos_lat * np.sin(lon_), np.sin(lat_) + np.zeros_like(lon_)], axis=-1)


def position_columns(ra: float | None, dec: float | None) -> tuple[float | None, float | None, float | None]:
    """Values of the hidden columns x, y, z of an indexed position; all None if a coordinate is None."""
    if ra is None or dec is None:
        return (None, None, None)
    x, y, z = unit_vectors(ra, dec)
    return (float(x), float(y), float(z))


def region_box(stcs: str | None) -> Box | tuple[None, None, None, None, None, None]:
    """Values of the hidden box columns of an indexed region given as STC-S text; all None for None.

    Raises ValueError for a text that is no region.
    """
    return (None,) * 6 if stcs is None else bounding_box(parse_stcs(stcs))


def bounding_box(shape: Shape) -> Box:
    """Smallest box on the unit sphere around a shape (larger by `BOX_SLACK`)."""
    if isinstance(shape, Polygon):
        low, high = (side.tolist() for side in _polygon_box(shape))
    else:
        radius = math.radians(shape.radius) if isinstance(shape, Circle) else 0.0
        lon, lat = math.radians(shape.lon), math.radians(shape.lat)
        centre = (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
        angles = [math.acos(min(max(c, -1.0), 1.0)) for c in centre]
        low = [min(math.cos(min(a + radius, math.pi)), c) for a, c in zip(angles, centre, strict=True)]
        high = [max(math.cos(max(a - radius, 0.0)), c) for a, c in zip(angles, centre, strict=True)]
    x0, y0, z0 = (side - BOX_SLACK for side in low)
    x1, y1, z1 = (side + BOX_SLACK for side in high)
    return (x0, y0, z0, x1, y1, z1)


def check_area(shape: Shape) -> None:
    """Raises ValueError for a polygon that is no area: with fewer than three different vertices, or with edges that
    cross each other, of which nobody could say what is inside. Asked of what users write; what an archive has is taken
    as it is.
    """
    if isinstance(shape, Polygon):
        edges = _edges(shape.vertices)
        if _edges_cross(edges, edges):
            raise ValueError("edges of the polygon cross each other: give its vertices in the order along its boundary")


def _polygon_box(polygon: Polygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    edges = _edges(polygon.vertices)
    low, high = edges.start.min(axis=0), edges.start.max(axis=0)
    for axis in range(3):
        # Where a great circle comes nearest to the axis, if that point lies on the edge.
        extreme = -edges.normal * edges.normal[:, axis : axis + 1]
        extreme[:, axis] += 1
        length = np.linalg.norm(extreme, axis=1)
        extreme = extreme[length > 1e-9] / length[length > 1e-9, None]
        forward, backward = edges.forward[length > 1e-9], edges.backward[length > 1e-9]
        for sign in (1, -1):
            on_edge = ((sign * extreme * forward).sum(1) >= 0) & ((sign * extreme * backward).sum(1) >= 0)
            if on_edge.any():
                values = sign * extreme[on_edge, axis]
                low[axis], high[axis] = min(low[axis], values.min()), max(high[axis], values.max())
            pole = np.zeros(3)
            pole[axis] = sign
            if _signed_distance(edges, pole[None])[0] <= BOUNDARY:
                low[axis], high[axis] = min(low[axis], sign), max(high[axis], sign)
    return low, high


def separation(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> NDArray[np.float64]:
    """Great-circle distance in degrees, accurate for tiny and for nearly antipodal separations."""
    lon1_, lat1_, lon2_, lat2_ = (np.asarray(v, dtype=float) for v in (lon1, lat1, lon2, lat2))
    # Differences of degrees: neighbours would lose digits in radians.
    dlon, dlat = np.radians(lon2_ - lon1_) / 2, np.radians(lat2_ - lat1_) / 2
    phi1, phi2 = np.radians(lat1_), np.radians(lat2_)
    cosines = np.cos(phi1) * np.cos(phi2)
    near = np.sin(dlat) ** 2 + cosines * np.sin(dlon) ** 2
    far = np.sin((phi2 + phi1) / 2) ** 2 + cosines * np.cos(dlon) ** 2
    return np.degrees(2 * np.arctan2(np.sqrt(near), np.sqrt(far)))


def distance(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """`separation` of two positions, for callers that have single numbers."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    dlon, dlat = math.radians(lon2 - lon1) / 2, math.radians(lat2 - lat1) / 2
    cosines = math.cos(phi1) * math.cos(phi2)
    near = math.sin(dlat) ** 2 + cosines * math.sin(dlon) ** 2
    far = math.sin((phi2 + phi1) / 2) ** 2 + cosines * math.cos(dlon) ** 2
    return math.degrees(2 * math.atan2(math.sqrt(near), math.sqrt(far)))


# --- polygons ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Edges:
    """A polygon made ready: unit vectors in the order that has the area on the left, and planes of its edges."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    normal: NDArray[np.float64]
    forward: NDArray[np.float64]
    """In the plane of the edge, at its start, along it."""
    backward: NDArray[np.float64]
    """In the plane of the edge, at its end, against it."""
    convex: NDArray[np.bool_]
    """Whether the edges turn left at the start of each."""
    area: float
    """Steradians."""


@lru_cache(maxsize=4096)
def _edges(vertices: tuple[tuple[float, float], ...]) -> _Edges:
    lon, lat = np.array(vertices, dtype=float).T
    start = unit_vectors(lon, lat)
    start = start[np.linalg.norm(start - np.roll(start, 1, axis=0), axis=1) > BOUNDARY]
    if len(start) < 3:
        raise ValueError("a polygon has at least 3 different vertices")
    area = _left_area(start)
    if area < 0:
        start, area = start[::-1], -area
    end = np.roll(start, -1, axis=0)
    # (a-b) x (a+b) = 2 a x b, without the cancellation of short edges.
    normal = np.cross(start - end, start + end)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    if (length < 1e-11).any():
        raise ValueError("two neighbouring vertices of the polygon are antipodal")
    normal = normal / length
    convex = (np.roll(normal, 1, axis=0) * end).sum(1) >= 0
    return _Edges(start, end, normal, np.cross(normal, start), np.cross(end, normal), convex, area)


def _left_area(start: NDArray[np.float64]) -> float:
    """Area left of the edges in steradians, within -2 pi and 2 pi: negative if the other side is the smaller one."""
    a, b, c = start[0], start[1:-1], start[2:]
    triple = (np.cross(b, c) * a).sum(1)
    total = float((2 * np.arctan2(triple, 1 + (b * a).sum(1) + (b * c).sum(1) + (c * a).sum(1))).sum())
    return math.remainder(total, 4 * math.pi)


def _signed_distance(edges: _Edges, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each unit vector to the boundary in radians, negative inside.

    The way to the nearest point of the boundary crosses no edge, so that point tells the side: an edge by its plane, a
    vertex by the planes of both its edges.
    """
    side = points @ edges.normal.T
    beside = (points @ edges.forward.T > 0) & (points @ edges.backward.T > 0)
    to_edge = np.where(beside, np.arcsin(np.clip(np.abs(side), 0, 1)), np.inf)
    chord = np.linalg.norm(points[:, None, :] - edges.start[None], axis=2)
    to_vertex = 2 * np.arcsin(np.clip(chord / 2, 0, 1))
    row = np.arange(len(points))
    edge, vertex = to_edge.argmin(1), to_vertex.argmin(1)
    left_of_next, left_of_previous = side[row, vertex] > 0, side[row, vertex - 1] > 0
    in_wedge = np.where(edges.convex[vertex], left_of_next & left_of_previous, left_of_next | left_of_previous)
    at_edge = to_edge[row, edge] <= to_vertex[row, vertex]
    inside = np.where(at_edge, side[row, edge] > 0, in_wedge)
    nearest = np.minimum(to_edge[row, edge], to_vertex[row, vertex])
    return np.where(inside, -nearest, nearest)


def signed_distance(polygon: Polygon, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Distance in degrees of positions to the boundary of a polygon, negative inside; shape of `lon`."""
    vectors = unit_vectors(lon, lat)
    return np.degrees(_signed_distance(_edges(polygon.vertices), vectors.reshape(-1, 3))).reshape(vectors.shape[:-1])


def _to_boundary(polygon: Polygon, point: Any) -> float:
    return float(_signed_distance(_edges(polygon.vertices), point[None])[0])


def _edges_cross(a: _Edges, b: _Edges) -> bool:
    """Whether an edge of one properly crosses an edge of the other; touching (within `BOUNDARY`) is no crossing."""
    step = max(1, _PAIRS // len(b.start))
    for first in range(0, len(a.start), step):
        some = slice(first, first + step)
        b_start, b_end = (_side(a.normal[some], ends) for ends in (b.start, b.end))  # [edge of a, edge of b]
        a_start, a_end = (_side(b.normal, ends[some]).T for ends in (a.start, a.end))
        if ((b_start * b_end < 0) & (a_start * a_end < 0) & (b_end * a_start > 0)).any():
            return True
    return False


def _side(normals: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int8]:
    """On which side of each plane (first axis) each point lies (second): 1, -1, or 0 on it."""
    distance = normals @ points.T
    return (distance > BOUNDARY).astype(np.int8) - (distance < -BOUNDARY)


# --- predicates -------------------------------------------------------------------------------------------------------


def _vector(shape: Point | Circle) -> NDArray[np.float64]:
    return unit_vectors(shape.lon, shape.lat)


def contains(outer: Shape, inner: Shape) -> bool:
    """Whether `inner` lies in `outer`, boundary included."""
    if isinstance(outer, Point):
        return isinstance(inner, Point) and distance(inner.lon, inner.lat, outer.lon, outer.lat) == 0
    if isinstance(outer, Circle):
        if isinstance(inner, Polygon):
            # The cap's complement is a cap around the antipode.
            to_antipode = _to_boundary(inner, -_vector(outer))
            return to_antipode >= math.radians(180 - outer.radius) - BOUNDARY
        radius = inner.radius if isinstance(inner, Circle) else 0.0
        apart = distance(inner.lon, inner.lat, outer.lon, outer.lat)
        return outer.radius >= 180 or apart + radius <= outer.radius
    if isinstance(inner, Polygon):
        return _polygon_in_polygon(_edges(inner.vertices), _edges(outer.vertices))
    radius = math.radians(inner.radius) if isinstance(inner, Circle) else 0.0
    return _to_boundary(outer, _vector(inner)) <= BOUNDARY - radius


def _polygon_in_polygon(inner: _Edges, outer: _Edges) -> bool:
    if (_signed_distance(outer, inner.start) > BOUNDARY).any() or _edges_cross(inner, outer):
        return False
    if (_signed_distance(inner, outer.start) < -BOUNDARY).any():
        return False
    # Edges may still run outside between points where they touch: look between all touching points.
    for start, end, normal in zip(inner.start, inner.end, inner.normal, strict=True):
        touching = [
            v
            for v in outer.start
            if abs(v @ normal) <= BOUNDARY and np.cross(normal, start) @ v > 0 and np.cross(end, normal) @ v > 0
        ]
        stops = [start, *sorted(touching, key=lambda v: float(np.linalg.norm(v - start))), end]
        middles = np.array([p + q for p, q in pairwise(stops)])
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
        if (_signed_distance(outer, middles) > BOUNDARY).any():
            return False
    return True


def intersects(a: Shape, b: Shape) -> bool:
    """Whether two shapes have a point in common, boundaries included."""
    if isinstance(a, Polygon) and isinstance(b, Polygon):
        edges_a, edges_b = _edges(a.vertices), _edges(b.vertices)
        return (
            bool((_signed_distance(edges_a, edges_b.start) <= BOUNDARY).any())
            or bool((_signed_distance(edges_b, edges_a.start) <= BOUNDARY).any())
            or _edges_cross(edges_a, edges_b)
        )
    if isinstance(a, Polygon):
        assert not isinstance(b, Polygon)
        radius = math.radians(b.radius) if isinstance(b, Circle) else 0.0
        return _to_boundary(a, _vector(b)) <= radius + BOUNDARY
    if isinstance(b, Polygon):
        return intersects(b, a)
    reach = sum(s.radius for s in (a, b) if isinstance(s, Circle))
    return distance(a.lon, a.lat, b.lon, b.lat) <= reach


def area(shape: Shape) -> float:
    """Area in square degrees; 0 for a point."""
    if isinstance(shape, Point):
        return 0.0
    if isinstance(shape, Circle):
        steradians = 4 * math.pi * math.sin(math.radians(shape.radius) / 2) ** 2
    else:
        steradians = _edges(shape.vertices).area
    return steradians * (180 / math.pi) ** 2


def centroid(shape: Shape) -> Point:
    """Centre of mass of the area, on the sphere; the point itself, the centre of a circle."""
    if not isinstance(shape, Polygon):
        return Point(shape.lon, shape.lat)
    edges = _edges(shape.vertices)
    chord = np.linalg.norm(edges.end - edges.start, axis=1)
    x, y, z = (edges.normal * (2 * np.arcsin(np.clip(chord / 2, 0, 1)))[:, None]).sum(0)
    return Point(math.degrees(math.atan2(y, x)) % 360, math.degrees(math.atan2(z, math.hypot(x, y))))
