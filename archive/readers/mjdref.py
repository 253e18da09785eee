"""Times of tables (values after a reference in TIMESYS), for readers: `vo.mjdref`, refusing.

GADF 0.3, "Time": MJDREFI, MJDREFF and TIMESYS are mandatory. Other formats write MJDREF in one number (FITS 4.0,
section 9.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.time import Time

from archive.readers.records import Refused
from vo import mjdref
from vo.mjdref import tcb_microseconds, utc_mjd

__all__ = ["TimeReference", "tcb_microseconds", "utc_mjd"]

_KEYWORDS = ("MJDREF", "MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT")


class TimeReference:
    """The zero point and scale that a header declares. Raises `Refused` when it does not."""

    def __init__(self, header: Mapping[str, Any], what: str) -> None:
        try:
            self._reference = mjdref.TimeReference.from_header(header, what)
        except ValueError as error:
            raise Refused(str(error)) from None
        self.day, self.fraction = self._reference.day, self._reference.fraction
        self.scale, self.seconds_a_unit = self._reference.scale, self._reference.seconds_a_unit

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
        return self._reference.time(values)
