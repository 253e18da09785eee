"""Times of tables (seconds or days after a reference in TIMESYS) to MJD in UTC and to time coverage.

GADF 0.3, "Time": MJDREFI, MJDREFF and TIMESYS are mandatory; a missing TIMEUNIT means seconds. Other formats write
MJDREF in one number (FITS 4.0, section 9.2.2).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.time import Time
from astropy.utils import iers
from erfa import ErfaWarning  # type: ignore[import-untyped]

from archive.readers.records import Refused

SCALES = {"tt": "tt", "utc": "utc", "tai": "tai", "tdb": "tdb", "tcb": "tcb", "tcg": "tcg"}
_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "d": 86400.0, "day": 86400.0, "days": 86400.0}
_KEYWORDS = ("MJDREF", "MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT")
_MICROSECONDS_A_DAY = 86_400_000_000


class TimeReference:
    """The zero point and scale that a header declares. Raises `Refused` when it does not."""

    def __init__(self, header: Mapping[str, Any], what: str) -> None:
        missing = [key for key in ("MJDREFI", "MJDREFF", "TIMESYS") if header.get(key) in (None, "")]
        if missing:
            raise Refused(f"{what} has no {' and no '.join(missing)}: its times cannot be placed")
        scale = str(header["TIMESYS"]).strip().lower()
        if scale not in SCALES:
            raise Refused(f"TIMESYS {header['TIMESYS']!r} of {what} is no known time scale")
        unit = str(header.get("TIMEUNIT") or "s").strip().lower()
        if unit not in _SECONDS:
            raise Refused(f"TIMEUNIT {header['TIMEUNIT']!r} of {what} is no known unit")
        try:
            self.day, self.fraction = float(header["MJDREFI"]), float(header["MJDREFF"])
        except (TypeError, ValueError):
            raise Refused(f"MJDREFI and MJDREFF of {what} are not numbers") from None
        self.scale = SCALES[scale]
        self.seconds_a_unit = _SECONDS[unit]

    @classmethod
    def of_fits(cls, header: Mapping[str, Any], what: str, **fixed: object) -> TimeReference:
        """The reference of a header that may have MJDREF instead; `fixed` are keywords that the format itself fixes."""
        values = {**fixed, **{k: header[k] for k in _KEYWORDS if header.get(k) not in (None, "")}}
        if "MJDREFI" not in values and "MJDREF" in values:
            try:
                day, fraction = divmod(float(str(values["MJDREF"])), 1.0)
            except ValueError:
                raise Refused(f"MJDREF of {what} is no number") from None
            values |= {"MJDREFI": day, "MJDREFF": fraction}
        if "MJDREFI" in values:
            values.setdefault("MJDREFF", 0.0)
        return cls(values, what)

    def time(self, values: np.ndarray | float) -> Time:
        """Astropy times of table values."""
        seconds = np.asarray(values, dtype=np.float64) * self.seconds_a_unit
        return Time(self.day, self.fraction + seconds / 86400.0, format="mjd", scale=self.scale)


def utc_mjd(times: Time) -> np.ndarray:
    """MJD in UTC, without asking the network for leap seconds and without complaint about far years."""
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        return np.atleast_1d(times.utc.mjd)


def tcb_microseconds(times: Time) -> np.ndarray:
    """Microseconds since JD 0 in TCB, the axis of time coverage (MOC 2.0, time axis). No light travel correction."""
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        tcb = times.tcb
    days = np.floor(np.atleast_1d(tcb.jd1)).astype(np.int64)
    rest = (np.atleast_1d(tcb.jd1) - days) + np.atleast_1d(tcb.jd2)
    return days * _MICROSECONDS_A_DAY + np.rint(rest * _MICROSECONDS_A_DAY).astype(np.int64)
