"""HEALPix in the nested scheme (Górski et al. 2005, ApJ 622, 759), as functions.sql has it for PostgreSQL."""

from __future__ import annotations

import math

from tap.engine.faults import ValueFault
from tap.geometry.sqlite import latitude, longitude, pack

MAX_ORDER = 29
"""At which an index still fits in 64 bits."""
_POLAR = 2 / 3
"""|sin(latitude)| above which a pixel is in a polar cap."""
_RING_OF_FACE = (2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4)
_LONGITUDE_OF_FACE = (1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7)
_SPREAD = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def index(order: int, lon: float, lat: float) -> int:
    """Number of the pixel with a position (degrees) in it."""
    nside = 1 << _order(order)
    if not math.isfinite(lon):
        raise ValueFault("range", "longitude must be a finite number")
    z = math.sin(math.radians(latitude(lat)))
    quarter = math.fmod(longitude(lon), 360.0) / 90.0
    if abs(z) <= _POLAR:
        middle, slope = nside * (0.5 + quarter), nside * (z * 0.75)
        jp, jm = int(middle - slope), int(middle + slope)
        row, column = jp >> order, jm >> order
        face = row | 4 if row == column else row if row < column else column + 8
        x, y = jm & (nside - 1), nside - (jp & (nside - 1)) - 1
    else:
        face = int(quarter)
        along = quarter - face
        # The cosine keeps the digits that 1 - |z| loses near the pole.
        width = nside * math.cos(math.radians(lat)) / math.sqrt((1 + abs(z)) / 3)
        jp, jm = min(int(along * width), nside - 1), min(int((1 - along) * width), nside - 1)
        x, y = (nside - jm - 1, nside - jp - 1) if z > 0 else (jp, jm)
        face += 0 if z > 0 else 8
    return (face << 2 * order) + _spread(x) + 2 * _spread(y)


def center(order: int, pixel: int) -> bytes:
    """Centre of a pixel, as a point."""
    nside = 1 << _order(order)
    if not 0 <= pixel < 12 * nside * nside:
        raise ValueFault("range", f"a HEALPix index of order {order} is within 0 and {12 * nside * nside - 1}")
    face, rest = divmod(pixel, nside * nside)
    x, y = _gather(rest), _gather(rest >> 1)
    ring = _RING_OF_FACE[face] * nside - x - y - 1
    if nside <= ring <= 3 * nside:
        across = nside
        lat = math.degrees(math.asin((2 * nside - ring) * 2 / (3 * nside)))
    else:
        across = ring if ring < nside else 4 * nside - ring
        cap = across / nside * (across / nside) / 3
        lat = math.degrees(math.atan2(1 - cap, math.sqrt(cap * (2 - cap)))) * (1 if ring < nside else -1)
    step = _LONGITUDE_OF_FACE[face] * across + x - y
    if step < 0:
        step += 8 * across
    return pack((45.0 * step / across, lat))


def _order(order: int) -> int:
    if not 0 <= order <= MAX_ORDER:
        raise ValueFault("range", f"the order of a HEALPix grid must be within 0 and {MAX_ORDER}")
    return order


def _spread(bits: int) -> int:
    """The bits at even places."""
    for shift, mask in _SPREAD:
        bits = (bits | (bits << shift)) & mask
    return bits


def _gather(bits: int) -> int:
    """The bits at even places, put together."""
    bits &= _SPREAD[-1][1]
    for (shift, _), mask in zip(reversed(_SPREAD), (*[m for _, m in _SPREAD[-2::-1]], 0xFFFFFFFF), strict=True):
        bits = (bits | (bits >> shift)) & mask
    return bits
