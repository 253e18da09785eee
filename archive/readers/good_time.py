"""Good time intervals of any table: MJD in UTC, time coverage, and their sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from archive.readers.fitsfile import column
from archive.readers.mjdref import TimeReference, tcb_microseconds, utc_mjd
from archive.readers.records import Refused

_EARLIEST, _LATEST = 15020.0, 88070.0
"""MJD of the years 1900 and 2100."""


@dataclass(frozen=True, slots=True)
class GoodTime:
    """Good time intervals: MJD in UTC, microseconds of TCB since JD 0, and their sum in seconds."""

    utc: tuple[tuple[float, float], ...]
    tcb: tuple[tuple[int, int], ...]
    ontime: float


def read_intervals(hdu: fits.BinTableHDU, reference: TimeReference) -> GoodTime:
    """The intervals of a table with START and STOP: at least one, sorted, without overlap; else `Refused`."""
    start = column(hdu, ("START",), "GTI").ravel()
    stop = column(hdu, ("STOP",), "GTI").ravel()
    if start.size == 0:
        raise Refused("the GTI table is empty: there is no good time")
    if not (np.all(np.isfinite(start)) and np.all(np.isfinite(stop))):
        raise Refused("the GTI table has values that are not finite")
    if np.any(stop <= start):
        raise Refused("a good time interval ends before it starts")
    if np.any(start[1:] < stop[:-1]):
        raise Refused("the good time intervals overlap or are not sorted")
    return good_time(start, stop, reference)


def good_time(start: np.ndarray, stop: np.ndarray, reference: TimeReference) -> GoodTime:
    """Intervals that were checked, sorted, in the unit of the reference. `Refused` for years that no calendar has."""
    first, last = (reference.day + float(t) * reference.seconds_a_unit / 86400 for t in (start[0], stop[-1]))
    if not _EARLIEST < first < last < _LATEST:
        raise Refused(f"its times, MJD {first:g} to {last:g}, are not of this time")
    begin, end = reference.time(start), reference.time(stop)
    utc = tuple((float(a), float(b)) for a, b in zip(utc_mjd(begin), utc_mjd(end), strict=True))
    tcb = tuple((int(a), int(b)) for a, b in zip(tcb_microseconds(begin), tcb_microseconds(end), strict=True))
    return GoodTime(utc, tcb, float(np.sum(stop - start) * reference.seconds_a_unit))
