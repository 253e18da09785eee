"""One event list of several observations: rows one after the other, times by one reference, good time together.

Rows keep the columns that all lists have with the same format and unit, and get OBS_ID where they lack it. Header cards
that are the same in all observations stay; those that differ go, but for what is known of all together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from events import provenance
from events.cards import Cards, checksum, padding
from events.copies import EventFile
from events.errors import Undistillable
from events.layout import Column, find, row_type
from events.runs import RESPONSES, Plan, Run
from events.selection import Intervals, merged
from events.sources import Source
from events.unpacking import hdus_of
from vo.mjdref import TimeReference

_OWN = ("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "EXTNAME", "OBS_ID", "CHECKSUM", "DATASUM")
"""Cards of the merged table itself."""
_REFERENCE = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF")
"""Those of the first observation hold for all."""
_IN_MEMORY = 32 * 2**20
_CHUNK = 2**20


class Merger:
    """Merges the runs that `open_runs` goes through, one at a time; `files` are their copies, for a first look."""

    def __init__(
        self, sources: Sequence[Source], files: Iterable[EventFile], open_runs: Callable[[], Iterable[Run]], plan: Plan
    ) -> None:
        self._sources, self._open_runs, self._plan = sources, open_runs, plan
        self._columns: tuple[Column, ...] = ()
        self._reference: TimeReference | None = None
        for n, file in enumerate(files):
            if n == 0:
                self._columns, self._reference = file.columns, file.description.reference
            theirs = {_kind(column) for column in file.columns}
            self._columns = tuple(column for column in self._columns if _kind(column) in theirs)
        if find(self._columns, "TIME") is None:
            raise Undistillable("the event lists have no column TIME of the same format and cannot be merged")
        self._obs_id = find(self._columns, "OBS_ID") is None
        self._width = max(len(source.obs_id.encode()) for source in sources)
        self._is_number = all(s.obs_id.isascii() and s.obs_id.isdecimal() and len(s.obs_id) < 19 for s in sources)

    def __iter__(self) -> Iterator[bytes]:
        """The FITS file in pieces; the first one comes when all rows are known."""
        together = _Together()
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as aside:
            rest = b""
            total = size = 0
            for run in self._open_runs():
                together.add(run, self._reference)
                for rows in self._plan.selector.rows(run.file):
                    part = self._converted(run, rows).tobytes()
                    aside.write(part)
                    size += len(part)
                    part = rest + part
                    whole = len(part) & ~3
                    total, rest = checksum(part[:whole], total), part[whole:]
            yield self._primary(together)
            yield self._header(together).encode(checksum(rest, total))
            aside.seek(0)
            while part := aside.read(_CHUNK):
                yield part
            yield b"\0" * padding(size)
        if together.intervals is not None and self._reference is not None:
            yield _gti(together.intervals, self._reference)
        yield from self._responses()

    def _converted(self, run: Run, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows of a run in the columns and by the time reference of all."""
        kind = row_type(self._columns)
        names = list(kind.names or ())
        fields: list[Any] = [(name, kind[name]) for name in names]
        if self._obs_id:
            fields.append(("obs_id", ">i8" if self._is_number else f"S{self._width}"))
        made = np.zeros(len(rows), np.dtype(fields))
        for name, column in zip(names, self._columns, strict=True):
            made[name] = rows[str(find(run.file.columns, column.name.upper()))]
        if self._obs_id:
            made["obs_id"] = int(run.source.obs_id) if self._is_number else run.source.obs_id.encode()
        theirs = run.file.description.reference
        if theirs != self._reference:
            time = str(find(self._columns, "TIME"))
            made[time] = _moved(np.asarray(made[time], dtype=np.float64), theirs, self._reference)
        return made

    def _header(self, together: _Together) -> Cards:
        columns = [(c.name, c.form, c.unit, c) for c in self._columns]
        cards = Cards(b"")
        width = sum(column.width for column in self._columns)
        if self._obs_id:
            width += 8 if self._is_number else self._width
        values: list[tuple[str, Any]] = [
            ("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", together.count),
            ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns) + self._obs_id), ("EXTNAME", "EVENTS"),
        ]  # fmt: skip
        for n, (name, form, unit, column) in enumerate(columns, 1):
            values += [(f"TTYPE{n}", name), (f"TFORM{n}", form)]
            values += [(f"TUNIT{n}", unit)] if unit else []
            values += [(f"TSCAL{n}", column.scale)] if column.scale != 1 else []
            values += [(f"TZERO{n}", column.zero)] if column.zero != 0 else []
        if self._obs_id:
            n = len(columns) + 1
            values += [(f"TTYPE{n}", "OBS_ID"), (f"TFORM{n}", "1K" if self._is_number else f"{self._width}A")]
        for key, value in values:
            cards.set(key, int(value) if isinstance(value, float) and value.is_integer() else value)
        first = self._sources[0].obs_id
        cards.set("OBS_ID", int(first) if self._is_number else first, "the first one; column OBS_ID has all")
        for key, value, comment in together.common_cards():
            cards.set(key, value, comment)
        for key, value in together.sums(self._reference).items():
            cards.set(key, value)
        cards.extend(provenance.outcome(together.count, together.rows, together.intervals == ()))
        return cards

    def _primary(self, together: _Together) -> bytes:
        cards = Cards(b"")
        for key, value in (("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0)):
            cards.set(key, value)
        cards.extend(self._plan.history)
        for source in self._sources:
            cards.extend(provenance.input_cards(source))
        return cards.encode(0)

    def _responses(self) -> Iterator[bytes]:
        """Responses that all observations share: the same HDUs of the same files."""
        if self._plan.responses == "none":
            return
        used = [
            {(source.file_of(kind), name.strip().upper()) for kind, name in source.hdus.items() if kind in RESPONSES}
            for source in self._sources
        ]
        shared = used[0] if all(one == used[0] for one in used) else set()
        for path in sorted({path for path, _ in shared}):
            yield from hdus_of(path, {name for other, name in shared if other == path})


class _Together:
    """What is known of all runs together."""

    def __init__(self) -> None:
        self._first: Run | None = None
        self.count = self.rows = 0
        self.intervals: Intervals | None = ()
        self._same: dict[str, Any] = {}
        self._starts: list[float] = []
        self._stops: list[float] = []
        self._livetime: float | None = 0.0

    def add(self, run: Run, reference: TimeReference | None) -> None:
        """Take a run in."""
        header = run.header
        if self._first is None:
            self._first, self._same = run, dict(header)
        else:
            self._same = {k: v for k, v in self._same.items() if k in _REFERENCE or header.get(k) == v}
        self.count += run.selected.count
        self.rows += run.file.rows
        theirs = run.file.description.reference
        for key, ends in (("TSTART", self._starts), ("TSTOP", self._stops)):
            value = run.changes.get(key, header.get(key))
            if isinstance(value, int | float) and (theirs == reference or (theirs and reference)):
                ends.append(float(_moved(np.array(float(value)), theirs, reference)))
        livetime = run.changes.get("LIVETIME", header.get("LIVETIME"))
        known = isinstance(livetime, int | float) and self._livetime is not None
        self._livetime = self._livetime + float(livetime) if known else None  # type: ignore[operator,arg-type]
        if run.good is None or run.good_time is None or self.intervals is None:
            self.intervals = None
            return
        moved = _moved(np.array(run.good_time).reshape(-1, 2), run.good.reference, reference)
        self.intervals = merged((*self.intervals, *map(tuple, moved.tolist())))

    def common_cards(self) -> Iterator[tuple[str, Any, str]]:
        """Cards that all headers have alike, but for those of the table itself and of checksums."""
        assert self._first is not None
        file = self._first.file
        comments = fits.Header.fromstring(bytes(file.part(file.description.events))).comments
        for key, value in self._same.items():
            if key not in _OWN:
                yield key, value, comments[key]

    def sums(self, reference: TimeReference | None) -> dict[str, float]:
        """Times of all together, by GADF's names."""
        found: dict[str, float] = {}
        unit = reference.seconds_a_unit if reference else 1.0
        if self._starts and self._stops:
            found = {"TSTART": min(self._starts), "TSTOP": max(self._stops)}
            found["TELAPSE"] = (found["TSTOP"] - found["TSTART"]) * unit
        if self.intervals is not None:
            found["ONTIME"] = sum(high - low for low, high in self.intervals) * unit
            if self._livetime is not None:
                found["LIVETIME"] = self._livetime
                found["DEADC"] = min(1.0, self._livetime / found["ONTIME"]) if found["ONTIME"] else 1.0
        return found


def _kind(column: Column) -> tuple[str, str, str, float, float]:
    return column.name.upper(), column.form, column.unit, column.scale, column.zero


def _moved(values: NDArray[Any], theirs: TimeReference | None, ours: TimeReference | None) -> NDArray[Any]:
    """Times by one reference as times by another. Raises Undistillable where one of them is not known."""
    if theirs == ours:
        return values
    if theirs is None or ours is None:
        raise Undistillable("times without a reference cannot be merged with others")
    return ours.values(theirs.time(values))


def _gti(intervals: Intervals, reference: TimeReference) -> bytes:
    ends = np.array(intervals, dtype=np.float64).reshape(-1, 2)
    unit = {1.0: "s", 86400.0: "d"}[reference.seconds_a_unit]
    columns = [fits.Column(name, "1D", unit, array=ends[:, n]) for n, name in enumerate(("START", "STOP"))]
    table = fits.BinTableHDU.from_columns(columns, name="GTI")
    table.header.update(
        HDUCLASS="GADF",
        HDUVERS="0.3",
        HDUCLAS1="GTI",
        MJDREFI=int(reference.day),
        MJDREFF=reference.fraction,
        TIMEUNIT=unit,
        TIMESYS=reference.scale.upper(),
        TIMEREF="LOCAL",
    )
    data = ends.astype(">f8").tobytes()
    data += b"\0" * padding(len(data))
    return Cards(str(table.header).encode()).encode(checksum(data)) + data
