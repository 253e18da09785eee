"""Which rows of a columnar copy a selection takes: first by what is known of blocks, then by the values themselves.

The outcome is that of NumPy on the columns of the file: positions are compared as float64 (`vo.regions`), energies in
the unit and precision of the file, to which the limits are rounded, times in the scale and unit of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from events.copies import BLOCK_ROWS, CHUNK_ROWS, EventFile
from events.errors import Undistillable
from events.layout import Column, row_type
from events.moc import Moc
from events.selection import Intervals, Selection
from events.sky import box, contains
from vo.mjdref import TimeReference, values_of_utc
from vo.regions import Box

_TEV = {"TEV": 1.0, "GEV": 1e3, "MEV": 1e6, "KEV": 1e9, "EV": 1e12, "": 1.0}
"""How many of a unit one TeV has."""
_BLOCKS = CHUNK_ROWS // BLOCK_ROWS
Limits = NDArray[np.floating]
"""Closed intervals, shape (n, 2)."""


class Selector:
    """A selection made ready to be applied to many copies."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._boxes = [box(region) for region in selection.regions]
        self._energies: dict[Column, Limits] = {}
        self._needed = [
            *(("RA", "DEC") if selection.regions else ()),
            *(("ENERGY",) if selection.energies else ()),
            *(("TIME",) if selection.times else ()),
            *(("EVENT_TYPE",) if selection.event_types else ()),
        ]

    def blocks(self, file: EventFile) -> NDArray[np.bool_]:
        """Which blocks may hold a selected event."""
        for name in self._needed:
            _number(file, name)
        known = file.blocks
        wanted = np.ones(len(known), dtype=bool)
        if self._boxes:
            inside = np.zeros(len(known), dtype=bool)
            for region, corners in zip(self.selection.regions, self._boxes, strict=True):
                if isinstance(region, Moc):
                    inside |= region.meets(known["cells"][:, 0], known["cells"][:, 1])
                else:
                    inside |= _overlaps(known["low"], known["high"], corners)
            wanted &= inside
        if self.selection.energies:
            wanted &= _meets(known["energy"], self._energy_limits(file.columns[_number(file, "ENERGY")]))
        if self.selection.times:
            wanted &= _meets(known["time"], self.time_limits(file))
        return wanted

    def at_most(self, file: EventFile) -> int:
        """How many events the selection takes at most: all of the blocks that it touches."""
        touched = np.flatnonzero(self.blocks(file))
        if not len(touched):
            return 0
        short = len(file.blocks) * BLOCK_ROWS - file.rows if touched[-1] == len(file.blocks) - 1 else 0
        return len(touched) * BLOCK_ROWS - short

    def count(self, file: EventFile) -> int:
        """How many events the selection takes."""
        if self.selection.is_everything:
            return file.rows
        return sum(len(taken) for _, taken in self._taken(file))

    def rows(self, file: EventFile) -> Iterator[NDArray[Any]]:
        """The selected rows as they stand in the file (`layout.row_type`), in its order, a chunk at a time."""
        kind = row_type(file.columns)
        for chunk, taken in self._taken(file):
            places = _in_order(taken, file.original_rows(chunk))
            rows = np.empty(len(places), kind)
            for number in range(len(file.columns)):
                rows[str(number)] = file.stored(chunk, number).take(places)
            yield rows

    def time_limits(self, file: EventFile) -> Limits:
        """The times of the selection as values of the file; empty without a condition on time."""
        reference = file.description.reference
        if self.selection.times and reference is None:
            raise Undistillable("it cannot be cut in time: its times have no reference")
        return time_limits(self.selection.times, reference)

    def _energy_limits(self, column: Column) -> Limits:
        limits = self._energies.get(column)
        if limits is None:
            unit = column.unit.upper()
            if unit not in _TEV:
                raise Undistillable(f"it cannot be cut in energy: energies in {column.unit!r} are not understood")
            precision = np.dtype(column.number if column.number in ("f4", "f8") else "f8")
            with np.errstate(over="ignore"):
                limits = (np.array(self.selection.energies) * _TEV[unit]).astype(precision)
            self._energies[column] = limits
        return limits

    def _taken(self, file: EventFile) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Places of the selected rows in each chunk that has some."""
        wanted = self.blocks(file)
        for chunk in range(-(-len(wanted) // _BLOCKS)):
            touched = np.flatnonzero(wanted[chunk * _BLOCKS : (chunk + 1) * _BLOCKS])
            if len(touched):
                taken = self._taken_of(file, chunk, touched)
                if len(taken):
                    yield chunk, taken

    def _taken_of(self, file: EventFile, chunk: int, touched: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = min(CHUNK_ROWS, file.rows - chunk * CHUNK_ROWS)
        candidates = _Candidates(touched, rows)
        selection = self.selection

        def stored(name: str) -> tuple[Column, NDArray[Any]]:
            number = _number(file, name)
            return file.columns[number], file.stored(chunk, number)

        if selection.energies:
            column, values = stored("ENERGY")
            candidates.keep(_within(column.values(candidates.of(values)), self._energy_limits(column)))
        if selection.times:
            column, values = stored("TIME")
            candidates.keep(_within(column.values(candidates.of(values)), self.time_limits(file)))
        if selection.event_types:
            column, values = stored("EVENT_TYPE")
            candidates.keep(_is_of_type(column, candidates.of(values), selection.event_types))
        if selection.regions:
            (ra_column, ra), (dec_column, dec) = stored("RA"), stored("DEC")
            lon, lat = ra_column.values(candidates.of(ra)), dec_column.values(candidates.of(dec))
            inside = np.zeros(len(lon), dtype=bool)
            for region in selection.regions:
                inside |= contains(region, lon, lat)
            candidates.keep(inside)
        return candidates.places()


class _Candidates:
    """Rows of a chunk that are still in question: at first those of some blocks, then ever fewer."""

    def __init__(self, touched: NDArray[np.int64], rows: int) -> None:
        self._touched, self._rows = touched, rows
        self._places: NDArray[np.int64] | None = None

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Their values of a whole column."""
        if self._places is not None:
            return values.take(self._places)
        touched, whole = self._touched, self._rows // BLOCK_ROWS
        if touched[-1] - touched[0] == len(touched) - 1:
            return values[touched[0] * BLOCK_ROWS : (touched[-1] + 1) * BLOCK_ROWS]
        blocks = values[: whole * BLOCK_ROWS].reshape(whole, BLOCK_ROWS)
        if touched[-1] < whole:
            return blocks.take(touched, axis=0).ravel()
        # The last block is a short one.
        return np.concatenate([blocks.take(touched[:-1], axis=0).ravel(), values[whole * BLOCK_ROWS :]])

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Only those for which it is true go on."""
        kept = mask.nonzero()[0]
        if self._places is not None:
            self._places = self._places.take(kept)
        else:
            self._places = kept + self._gaps().take(kept // BLOCK_ROWS)

    def _gaps(self) -> NDArray[np.int64]:
        """How many rows of other blocks stand before each block."""
        return (self._touched - np.arange(len(self._touched))) * BLOCK_ROWS

    def places(self) -> NDArray[np.int64]:
        """Where they stand in the chunk."""
        if self._places is None:
            missing = max(0, (int(self._touched[-1]) + 1) * BLOCK_ROWS - self._rows)
            every = np.arange(len(self._touched) * BLOCK_ROWS - missing)
            self._places = every + self._gaps().repeat(BLOCK_ROWS)[: len(every)]
        return self._places


def _in_order(taken: NDArray[np.int64], original: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Places of rows in the order of the file; `original` tells of every place where its row stands there."""
    rows = original.take(taken)
    if len(taken) < len(original) // 16:
        return taken.take(np.argsort(rows))
    # Of many rows each is put where it belongs, which takes a tenth of the time of sorting all.
    found = np.full(len(original), -1)
    found[rows] = taken
    return found[found >= 0]


def time_limits(times: Intervals, reference: TimeReference | None) -> Limits:
    """Intervals in MJD (UTC) as values by a reference, shape (n, 2)."""
    if not times:
        return np.empty((0, 2))
    assert reference is not None
    return np.array(values_of_utc(reference, tuple(end for interval in times for end in interval))).reshape(-1, 2)


def _number(file: EventFile, name: str) -> int:
    number = file.find(name)
    if number is None or not (file.columns[number].number or file.columns[number].bits):
        raise Undistillable(f"its event list has no column {name}, which the selection needs")
    return number


def _within(values: NDArray[Any], limits: Limits) -> NDArray[np.bool_]:
    inside = np.zeros(len(values), dtype=bool)
    for low, high in limits:
        # Nothing that is a number is above infinity.
        inside |= values >= low if high == np.inf else (values >= low) & (values <= high)
    return inside


def _meets(ranges: NDArray[np.float64], limits: Limits) -> NDArray[np.bool_]:
    """Which ranges, shape (n, 2), share a value with one of the limits; none that is NaN."""
    low, high = ranges[:, 0], ranges[:, 1]
    found = np.zeros(len(ranges), dtype=bool)
    for lowest, highest in limits:
        found |= (high >= lowest) & (low <= highest)
    return found


def _overlaps(low: NDArray[np.float64], high: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Which boxes, corners of shape (n, 3), share a point with another one; none that is NaN."""
    found = np.ones(len(low), dtype=bool)
    for axis in range(3):
        found &= low[:, axis] <= box[3 + axis]
        found &= high[:, axis] >= box[axis]
    return found


def _is_of_type(column: Column, values: NDArray[Any], wanted: tuple[int, ...]) -> NDArray[np.bool_]:
    if not column.bits:
        return np.isin(column.values(values), wanted)
    raw = values.view(np.uint8).reshape(len(values), column.width)
    found = np.zeros(len(values), dtype=bool)
    for bit in wanted:
        if bit < column.bits:
            place = column.bits - 1 - bit
            found |= (raw[:, place // 8] >> (7 - place % 8)) & 1 == 1
    return found
