"""Cells of HEALPix in the nested scheme: where positions lie. Orders 0 to 29, coordinates in degrees.

Source: Gorski et al. 2005, ApJ 622, 759, sections 4 and 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ORDER = 29


def cells(lon: ArrayLike, lat: ArrayLike, order: int = MAX_ORDER) -> NDArray[np.int64]:
    """The nested cells of that order that hold the positions; shape of `lon`. Positions that are not finite get -1."""
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"the order of HEALPix cells is 0 to {MAX_ORDER}, not {order}")
    lon_, lat_ = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    known = np.isfinite(lon_) & np.isfinite(lat_)
    if not known.all():
        found = np.full(lon_.shape, -1, dtype=np.int64)
        found[known] = cells(lon_[known], lat_[known], order)
        return found
    nside = 1 << order
    quarter = np.mod(lon_, 360.0) / 90.0
    quarter = np.where(quarter >= 4.0, 0.0, quarter)
    z, cos_lat = np.sin(np.radians(lat_)), np.cos(np.radians(lat_))
    face, x, y = np.where(np.abs(z) <= 2 / 3, _equatorial(quarter, z, order), _polar(quarter, z, cos_lat, nside))
    found = (face << (2 * order)) + _spread(x) + (_spread(y) << 1)
    return np.asarray(found, dtype=np.int64)


def _equatorial(quarter: NDArray[np.float64], z: NDArray[np.float64], order: int) -> NDArray[np.int64]:
    """Face, and x and y within it, of positions between the polar caps."""
    nside = 1 << order
    along, across = nside * (0.5 + quarter), nside * 0.75 * z
    ascending = np.floor(along - across).astype(np.int64)
    descending = np.floor(along + across).astype(np.int64)
    up, down = ascending >> order, descending >> order
    face = np.where(up == down, (up & 3) + 4, np.where(up < down, up & 3, (down & 3) + 8))
    return np.stack([face, descending & (nside - 1), nside - 1 - (ascending & (nside - 1))])


def _polar(
    quarter: NDArray[np.float64], z: NDArray[np.float64], cos_lat: NDArray[np.float64], nside: int
) -> NDArray[np.int64]:
    """The same of positions in the polar caps."""
    corner = np.minimum(quarter.astype(np.int64), 3)
    part = quarter - corner
    # sqrt(3 (1 - |z|)), which keeps its digits near the poles.
    from_pole = nside * cos_lat / np.sqrt((1.0 + np.abs(z)) / 3.0)
    ascending = np.minimum((part * from_pole).astype(np.int64), nside - 1)
    descending = np.minimum(((1.0 - part) * from_pole).astype(np.int64), nside - 1)
    north = z > 0
    face = np.where(north, corner, corner + 8)
    x = np.where(north, nside - 1 - descending, ascending)
    y = np.where(north, nside - 1 - ascending, descending)
    return np.stack([face, x, y])


def _spread(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bits of numbers below 2**29 at every other place."""
    spread = values
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        spread = (spread | (spread << shift)) & mask
    return spread
