"""The functions of functions.sql for SQLite, from `vo.tmoc`; a coverage is a BLOB of pairs of 64-bit integers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from vo import tmoc
from vo.timescales import mjd_tcb, tcb_microseconds
from vo.tmoc import Ranges


def pack(ranges: Ranges) -> bytes:
    return struct.pack(f"<{2 * len(ranges)}q", *(limit for interval in ranges for limit in interval))


def unpack(blob: bytes) -> Ranges:
    limits = struct.unpack(f"<{len(blob) // 8}q", blob)
    return tuple(zip(limits[::2], limits[1::2], strict=True))


@lru_cache(maxsize=4096)
def decoded(text: str) -> bytes | None:
    """The coverage of a T-MOC; None for a text that is none."""
    try:
        return pack(tmoc.decode(text))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def interval(mjd1: float, mjd2: float) -> bytes:
    """From the one date (UTC) up to the other, at least a microsecond; nothing if the second is the earlier one."""
    start, stop = tcb_microseconds(mjd1), tcb_microseconds(mjd2)
    return pack(((start, max(stop, start + 1)),)) if start <= stop else b""


def bound(blob: bytes, end: int) -> float | None:
    """Start (0) or end (1) of a coverage as MJD in TCB; None if it is empty."""
    return mjd_tcb(struct.unpack("<q", blob[-8:] if end else blob[:8])[0]) if blob else None


def intersects(one: bytes, other: bytes) -> int:
    """1 if two coverages share a microsecond."""
    return int(tmoc.common(unpack(one), unpack(other)) > 0)


def common(one: bytes, other: bytes) -> float:
    """Seconds that two coverages share."""
    return tmoc.common(unpack(one), unpack(other)) / 1e6


def duration(blob: bytes) -> float:
    """Seconds that a coverage covers."""
    return sum(stop - start for start, stop in unpack(blob)) / 1e6


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "tap_tmoc": (1, decoded),
    "tap_interval": (2, interval),
    "tap_time_bound": (2, bound),
}
"""Name in SQL, number of arguments, function; arguments are never NULL."""
