"""Good time intervals of an event list: read from their HDU, cut to times, and written again.

GADF 0.3, "GTI".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from events import layout
from events.cards import Cards, header_at, padding
from events.cards import checksum as checksum_of
from events.errors import Undistillable
from events.selection import Intervals, common, merged
from vo.mjdref import TimeReference, values_of_utc


@dataclass(frozen=True, slots=True)
class GoodTime:
    """A GTI table: its rows as they stand in the file, and the zero of its times."""

    header: bytes
    columns: tuple[layout.Column, ...]
    rows: NDArray[Any]
    reference: TimeReference | None

    def _values(self, name: str) -> NDArray[np.float64]:
        number = layout.find(self.columns, name)
        if number is None or self.columns[number].number not in ("f4", "f8"):
            raise Undistillable(f"its good time intervals have no column {name} of floating point numbers")
        return np.asarray(self.rows[str(number)], dtype=np.float64)

    @property
    def intervals(self) -> Intervals:
        """Start and stop, values by the reference, sorted; those that overlap are one."""
        return merged(tuple(zip(self._values("START").tolist(), self._values("STOP").tolist(), strict=True)))

    def cut(self, intervals: Intervals) -> NDArray[Any]:
        """Rows for intervals that lie within the good time: each is the row that it begins in, with its ends."""
        start, stop = self._values("START"), self._values("STOP")
        order = np.argsort(start, kind="stable")
        latest = np.maximum.accumulate(stop[order]) if len(order) else stop
        rows = np.empty(len(intervals), self.rows.dtype)
        names = [str(layout.find(self.columns, name)) for name in ("START", "STOP")]
        for n, (low, high) in enumerate(intervals):
            rows[n] = self.rows[order[np.searchsorted(latest, low, side="right")]]
            rows[n][names[0]], rows[n][names[1]] = low, high
        return rows


def read(part: memoryview, events: TimeReference | None) -> GoodTime:
    """The good time of a GTI HDU, header and data; `events` is the time reference where it has none of its own."""
    raw = header_at(part, 0)
    header = fits.Header.fromstring(raw)
    described = layout.columns(header, "the GTI table")
    try:
        reference = TimeReference.from_header(header, "GTI") if "MJDREFI" in header else events
    except ValueError:
        reference = events
    rows = np.frombuffer(part, layout.row_type(described), int(header["NAXIS2"]), len(raw))
    return GoodTime(raw, described, rows, reference)


def write(good: GoodTime, rows: NDArray[Any], changes: Mapping[str, float], history: list[bytes]) -> bytes:
    """The HDU with other rows, with values of header cards that are there changed, and with lines of HISTORY."""
    cards = Cards(good.header)
    cards.set("NAXIS2", len(rows))
    for key, value in changes.items():
        if key in cards:
            cards.set(key, value)
    cards.extend(history)
    data = rows.tobytes()
    data += b"\0" * padding(len(data))
    return cards.encode(checksum_of(data)) + data


def cut(good: GoodTime, times: Intervals) -> Intervals:
    """What is left of the good time within times in MJD (UTC), as values by the reference."""
    if good.reference is None:
        raise Undistillable("it cannot be cut in time: its good time intervals have no time reference")
    ends = values_of_utc(good.reference, tuple(end for interval in merged(times) for end in interval))
    return common(good.intervals, tuple(zip(ends[::2], ends[1::2], strict=True)))


def seconds(intervals: Intervals, reference: TimeReference | None) -> float:
    """Sum of the lengths."""
    return sum(high - low for low, high in intervals) * (reference.seconds_a_unit if reference else 1.0)
