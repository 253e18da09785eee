"""Times of GADF tables (seconds after MJDREFI + MJDREFF in TIMESYS), for readers: `vo.mjdref`, refusing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.time import Time

from archive.readers.records import Refused
from vo import mjdref
from vo.mjdref import tcb_microseconds, utc_mjd

__all__ = ["TimeReference", "tcb_microseconds", "utc_mjd"]


class TimeReference:
    """The zero point and scale that a header declares. Raises `Refused` when it does not."""

    def __init__(self, header: Mapping[str, Any], what: str) -> None:
        try:
            self._reference = mjdref.TimeReference.from_header(header, what)
        except ValueError as error:
            raise Refused(str(error)) from None
        self.scale, self.seconds_a_unit = self._reference.scale, self._reference.seconds_a_unit

    def time(self, values: np.ndarray | float) -> Time:
        """Astropy times of table values."""
        return self._reference.time(values)
