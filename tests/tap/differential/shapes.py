"""Generated shapes on the sphere, and what ADQL says of them, computed in other ways than the service does.

A polygon is made around a centre: directions from it in order, a distance for each. What is between the centre and the
edge in its direction is inside. Its area is the sum of triangles (L'Huilier), its centre of mass an integral over
directions. Separations are astropy's (Vincenty). All angles are in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.coordinates import angular_separation
from hypothesis import strategies as st
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
STEPS = 60
"""Points looked at on each edge."""


def unit(lon: float, lat: float) -> Vectors:
    a, b = np.radians([lon, lat])
    return np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])


def separation(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    return float(np.degrees(angular_separation(*np.radians([lon1, lat1, lon2, lat2]))))


def angles(a: Vectors, b: Vectors) -> Vectors:
    """Angles between all unit vectors of two lists, shape (a, b)."""
    chord = np.linalg.norm(a[:, None] - b[None], axis=2)
    return np.degrees(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


@dataclass(frozen=True)
class Circle:
    lon: float
    lat: float
    radius: float

    @property
    def text(self) -> str:
        return f"CIRCLE({self.lon!r}, {self.lat!r}, {self.radius!r})"

    @property
    def area(self) -> float:
        return float(4 * np.pi * np.sin(np.radians(self.radius) / 2) ** 2 * np.degrees(1) ** 2)

    @property
    def centroid(self) -> tuple[float, float]:
        return self.lon, self.lat

    def depth(self, points: Vectors) -> Vectors:
        """How far inside points are, negative outside."""
        return self.radius - angles(unit(self.lon, self.lat)[None], points)[0]

    @cached_property
    def boundary(self) -> Vectors:
        c = unit(self.lon, self.lat)
        east, north = _directions(c)
        turn = np.linspace(0, 2 * np.pi, 8 * STEPS)[:, None]
        r = np.radians(self.radius)
        return np.cos(r) * c + np.sin(r) * (np.cos(turn) * north + np.sin(turn) * east)

    @property
    def middle(self) -> Vectors:
        return unit(self.lon, self.lat)


@dataclass(frozen=True)
class Star:
    """A polygon by its centre and corners (direction from north to east, distance), each gap < 180 deg."""

    lon: float
    lat: float
    spokes: tuple[tuple[float, float], ...]
    clockwise: bool

    @cached_property
    def corners(self) -> Vectors:
        """Counter-clockwise as seen from outside the sphere: directions go down."""
        c = unit(self.lon, self.lat)
        east, north = _directions(c)
        turn, r = np.radians(np.array(self.spokes)).T
        made = np.cos(r)[:, None] * c + np.sin(r)[:, None] * (
            np.cos(turn)[:, None] * north + np.sin(turn)[:, None] * east
        )
        return np.array(made)

    @property
    def vertices(self) -> list[tuple[float, float]]:
        found = [
            (float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(z, np.hypot(x, y)))))
            for x, y, z in self.corners
        ]
        return found[::-1] if self.clockwise else found

    @property
    def text(self) -> str:
        return f"POLYGON({', '.join(repr(v) for vertex in self.vertices for v in vertex)})"

    @property
    def area(self) -> float:
        c = unit(self.lon, self.lat)
        total = 0.0
        for a, b in zip(self.corners, np.roll(self.corners, -1, axis=0), strict=True):
            sides = [2 * np.arcsin(np.linalg.norm(p - q) / 2) for p, q in ((a, b), (a, c), (b, c))]
            s = sum(sides) / 2
            product = np.tan(s / 2) * np.prod([np.tan(max(s - side, 0) / 2) for side in sides])
            total += 4 * np.arctan(np.sqrt(product))
        return float(total * np.degrees(1) ** 2)

    def reach(self, turn: Vectors) -> tuple[Vectors, Vectors]:
        """Distance of the boundary (radians) in directions (radians), and those directions as vectors."""
        c = unit(self.lon, self.lat)
        east, north = _directions(c)
        starts = np.radians([t for t, _ in self.spokes])
        edge = (np.searchsorted(starts, turn % (2 * np.pi), side="right") - 1) % len(starts)
        a, b = self.corners[edge], np.roll(self.corners, -1, axis=0)[edge]
        normal = np.cross(a, b)
        toward = np.cos(turn)[:, None] * north + np.sin(turn)[:, None] * east
        return np.arctan2(np.abs(normal @ c), np.abs((normal * toward).sum(1))), toward

    @property
    def centroid(self) -> tuple[float, float]:
        starts = np.radians([t for t, _ in self.spokes])
        gaps = (np.roll(starts, -1) - starts) % (2 * np.pi)
        nodes, weights = np.polynomial.legendre.leggauss(60)
        turn = (starts[:, None] + gaps[:, None] * (nodes + 1) / 2).ravel()
        weight = (gaps[:, None] / 2 * weights).ravel()
        far, toward = self.reach(turn)
        c = unit(self.lon, self.lat)
        along = (weight * np.sin(far) ** 2 / 2).sum() * c
        across = ((weight * (far / 2 - np.sin(2 * far) / 4))[:, None] * toward).sum(0)
        x, y, z = along + across
        return float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(z, np.hypot(x, y))))

    def depth(self, points: Vectors) -> Vectors:
        """How far inside points are, negative outside: to the nearest point that was looked at on the boundary."""
        c = unit(self.lon, self.lat)
        east, north = _directions(c)
        turn = np.arctan2(points @ east, points @ north)
        far, _ = self.reach(turn)
        inside = np.radians(angles(c[None], points)[0]) < far
        nearest = angles(points, self.boundary).min(1)
        return np.where(inside, nearest, -nearest)

    @cached_property
    def boundary(self) -> Vectors:
        step = np.linspace(0, 1, STEPS)[:, None]
        edges = [
            a * (1 - step) + b * step for a, b in zip(self.corners, np.roll(self.corners, -1, axis=0), strict=True)
        ]
        found = np.concatenate(edges)
        return np.array(found / np.linalg.norm(found, axis=1)[:, None])

    @property
    def middle(self) -> Vectors:
        return unit(self.lon, self.lat)


Shape = Circle | Star


def coarseness(shape: Shape) -> float:
    """Largest distance of two neighbours among the points looked at on a boundary."""
    steps = np.linalg.norm(np.diff(shape.boundary, axis=0), axis=1)
    return float(np.degrees(steps.max()))


def _directions(c: Vectors) -> tuple[Vectors, Vectors]:
    """East and north at a position (at a pole any two directions do)."""
    east = np.cross([0.0, 0.0, 1.0], c)
    if np.linalg.norm(east) < 1e-12:
        east = np.array([0.0, 1.0, 0.0])
    east = east / np.linalg.norm(east)
    return east, np.cross(c, east)


def _plain(angle: float) -> float:
    """Smaller angles are nothing on PostgreSQL, whose products must not underflow."""
    return 0.0 if abs(angle) < 1e-30 else angle


longitudes = st.floats(0, 360).map(_plain) | st.sampled_from([0.0, 360.0, 180.0, 1e-7, 359.9999999, 90.0])
latitudes = st.floats(-90, 90).map(_plain) | st.sampled_from([90.0, -90.0, 0.0, 89.999, -89.999, 45.0])
radii = st.floats(1e-3, 80) | st.sampled_from([1e-3, 0.1, 1.0, 10.0, 60.0])
circles = st.builds(Circle, longitudes, latitudes, radii | st.floats(80, 179.9))


@st.composite
def stars(draw: st.DrawFn) -> Star:
    """Convex and concave polygons, small and large, anywhere: over a pole, over the meridian of 0 deg."""
    count = draw(st.integers(3, 7))
    size = draw(radii)
    shifts = draw(st.lists(st.floats(0, 0.4), min_size=count, max_size=count))
    start = draw(st.floats(0, 1))
    turns = [360 * (i + shift + start * 0.5) / count for i, shift in enumerate(shifts)]
    distances = draw(st.lists(st.floats(0.15, 1), min_size=count, max_size=count))
    spokes = tuple((turn, size * distance) for turn, distance in zip(turns, distances, strict=True))
    return Star(draw(longitudes), draw(latitudes), spokes, draw(st.booleans()))


shapes = st.one_of(circles, stars())
