"""The functions of functions.sql for SQLite, from `vo.regions`; a geometry is a BLOB of little-endian doubles."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tap.engine.faults import ValueFault
from vo import regions


def pack(values: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def unpack(blob: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(blob) // 8}d", blob)


@lru_cache(maxsize=4096)
def _shape(blob: bytes) -> regions.Shape:
    return regions.from_array(unpack(blob))


@lru_cache(maxsize=4096)
def _box(blob: bytes) -> regions.Box:
    return regions.bounding_box(_shape(blob))


@lru_cache(maxsize=4096)
def _region(stcs: str) -> bytes | None:
    try:
        return pack(regions.to_array(regions.parse_stcs(stcs)))
    except ValueError:
        return None


def latitude(lat: float) -> float:
    if not -90 <= lat <= 90:
        raise ValueFault("range", "latitude must be within -90 and 90 deg")
    return lat


def _radius(radius: float) -> float:
    if not 0 <= radius <= 180:
        raise ValueFault("range", "radius must be within 0 and 180 deg")
    return radius


def longitude(lon: float) -> float:
    return lon if 0 <= lon <= 360 else lon % 360.0


def distance(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    return regions.distance(lon1, latitude(lat1), lon2, latitude(lat2))


def in_circle(lon: float, lat: float, centre_lon: float, centre_lat: float, radius: float) -> int:
    _radius(radius)
    return int(distance(lon, lat, centre_lon, centre_lat) <= radius)


def point(lon: float, lat: float) -> bytes:
    return pack((longitude(lon), latitude(lat)))


def circle(lon: float, lat: float, radius: float) -> bytes:
    return pack((longitude(lon), latitude(lat), _radius(radius)))


def cap(lon: float, lat: float, radius: float) -> bytes:
    """Circle for an index condition: any radius will do."""
    return pack((longitude(lon), latitude(lat), min(max(radius, 0.0), 180.0)))


def polygon(*coordinates: float) -> bytes:
    return pack(tuple(latitude(v) if i % 2 else longitude(v) for i, v in enumerate(coordinates)))


def box(lon: float, lat: float, width: float, height: float) -> bytes:
    if not (0 <= width <= 360 and 0 <= height <= 180):
        raise ValueFault("range", "width and height of a box must be within 0 and 360, 0 and 180 deg")
    west, east, south, north = lon - width / 2, lon + width / 2, lat - height / 2, lat + height / 2
    return polygon(west, south, east, south, east, north, west, north)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Polygons that vo.regions refuses are the user's fault."""

    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ValueError as error:
            raise ValueFault("range", str(error)) from None

    return call


def contains(outer: bytes, inner: bytes) -> int:
    return int(regions.contains(_shape(outer), _shape(inner)))


def intersects(a: bytes, b: bytes) -> int:
    return int(regions.intersects(_shape(a), _shape(b)))


def bound(blob: bytes, axis: int) -> float:
    """A side of the box of a geometry: 0 to 2 the lower, 3 to 5 the upper ones of x, y, z."""
    return _box(blob)[axis]


def area(blob: bytes) -> float:
    return regions.area(_shape(blob))


def centroid(blob: bytes) -> bytes:
    return pack(regions.to_array(regions.centroid(_shape(blob))))


def coordinate(blob: bytes, index: int) -> float:
    return float(unpack(blob)[index])


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "tap_distance": (4, distance),
    "tap_in_circle": (5, in_circle),
    "tap_point": (2, point),
    "tap_circle": (3, circle),
    "tap_cap": (3, cap),
    "tap_polygon": (-1, polygon),
    "tap_box": (4, box),
    "tap_region": (1, _region),
    "tap_contains": (2, _guarded(contains)),
    "tap_intersects": (2, _guarded(intersects)),
    "tap_bound": (2, _guarded(bound)),
    "tap_area": (1, _guarded(area)),
    "tap_centroid": (1, _guarded(centroid)),
    "tap_coordinate": (2, coordinate),
}
"""Name in SQL, number of arguments, function; arguments are never NULL."""
