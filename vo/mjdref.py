"""Times of FITS tables: values after a zero point MJDREFI + MJDREFF in a time scale, and what they are in others.

GADF 0.3, "Time": MJDREFI, MJDREFF and TIMESYS are mandatory; a missing TIMEUNIT means seconds. Values in UTC count days
of 86400 s, as MJD does.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.time import Time
from astropy.utils import iers
from erfa import ErfaWarning  # type: ignore[import-untyped]

SCALES = ("tt", "utc", "tai", "tdb", "tcb", "tcg")
_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "d": 86400.0, "day": 86400.0, "days": 86400.0}
_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class TimeReference:
    """A zero point (MJD, whole days and the rest), a time scale of `SCALES` and the seconds of a unit of the values."""

    day: float
    fraction: float
    scale: str
    seconds_a_unit: float = 1.0

    @classmethod
    def from_header(cls, header: Mapping[str, Any], what: str) -> TimeReference:
        """The reference that a header declares. Raises ValueError when it does not."""
        missing = [key for key in ("MJDREFI", "MJDREFF", "TIMESYS") if header.get(key) in (None, "")]
        if missing:
            raise ValueError(f"{what} has no {' and no '.join(missing)}: its times cannot be placed")
        scale = str(header["TIMESYS"]).strip().lower()
        if scale not in SCALES:
            raise ValueError(f"TIMESYS {header['TIMESYS']!r} of {what} is no known time scale")
        unit = str(header.get("TIMEUNIT") or "s").strip().lower()
        if unit not in _SECONDS:
            raise ValueError(f"TIMEUNIT {header['TIMEUNIT']!r} of {what} is no known unit")
        try:
            day, fraction = float(header["MJDREFI"]), float(header["MJDREFF"])
        except (TypeError, ValueError):
            raise ValueError(f"MJDREFI and MJDREFF of {what} are not numbers") from None
        return cls(day, fraction, scale, _SECONDS[unit])

    def time(self, values: np.ndarray | float) -> Time:
        """Astropy times of table values."""
        seconds = np.asarray(values, dtype=np.float64) * self.seconds_a_unit
        return Time(self.day, self.fraction + seconds / 86400.0, format="mjd", scale=self.scale)

    def values(self, times: Time) -> np.ndarray:
        """Table values of astropy times: the inverse of `time`, to 0.1 microseconds over decades."""
        with _offline():
            there = getattr(times, self.scale)
        # Whole days first: seconds of decades leave a double no digits for their parts of a day.
        days = (there.jd1 - 2400000.5 - self.day) + (there.jd2 - self.fraction)
        return np.asarray(days * 86400.0 / self.seconds_a_unit)


@lru_cache(maxsize=1024)
def values_of_utc(reference: TimeReference, mjd: tuple[float, ...]) -> tuple[float, ...]:
    """Table values of dates (MJD in UTC); infinite ones stay infinite."""
    days = np.array(mjd, dtype=np.float64)
    finite = np.isfinite(days)
    if finite.any():
        with _offline():
            days[finite] = reference.values(Time(np.floor(days[finite]), days[finite] % 1, format="mjd", scale="utc"))
    return tuple(days.tolist())


def utc_mjd(times: Time) -> np.ndarray:
    """MJD in UTC, without asking the network for leap seconds and without complaint about far years."""
    with _offline():
        return np.atleast_1d(times.utc.mjd)


def tcb_microseconds(times: Time) -> np.ndarray:
    """Microseconds since JD 0 in TCB, the axis of time coverage (MOC 2.0, time axis). No light travel correction."""
    with _offline():
        tcb = times.tcb
    days = np.floor(np.atleast_1d(tcb.jd1)).astype(np.int64)
    rest = (np.atleast_1d(tcb.jd1) - days) + np.atleast_1d(tcb.jd2)
    return days * _MICROSECONDS_A_DAY + np.rint(rest * _MICROSECONDS_A_DAY).astype(np.int64)


@contextmanager
def _offline() -> Iterator[None]:
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        yield
