"""One observation of a distillation: its selected rows, its good time, and the FITS file that they become.

Every HDU of the file is copied as it stands but for the primary header, which gets the provenance, the events, the good
time if times are cut, and the responses if that is wished. Good time that the index finds in another file comes along
with the events that it belongs to. GADF 0.3, "EVENTS": what the header of the events must say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Literal

from events import gti, provenance
from events.cards import Cards, checksum, history, padding
from events.copies import CHUNK_ROWS, EventFile
from events.errors import Undistillable, naming
from events.indexes import Listed
from events.selecting import Selector
from events.selection import Intervals, common
from events.sky import offsets
from events.sources import Source
from events.trimming import trim_background
from events.unpacking import hdus_of
from vo.mjdref import TimeReference

Responses = Literal["keep", "trim", "none"]
RESPONSES = ("aeff", "edisp", "psf", "bkg", "rad_max")
_IN_MEMORY = 32 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to every observation alike."""

    selector: Selector
    responses: Responses
    history: list[bytes]


class SelectedRows:
    """The rows that a selection takes from a file, in its order: in memory, or aside on disk when there are many."""

    def __init__(self, file: EventFile, selector: Selector) -> None:
        self.count = 0
        self.sum = 0
        self.size = 0
        """bytes, without padding"""
        self._aside: IO[bytes] | None = None
        self._parts: list[bytes] = []
        rest = b""
        if file.rows > CHUNK_ROWS:
            self._aside = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        for rows in selector.rows(file):
            part = rows.tobytes()
            self.count += len(rows)
            self.size += len(part)
            if self._aside is None:
                self._parts.append(part)
                self.sum = checksum(part, self.sum)
            else:
                self._aside.write(part)
                part = rest + part
                whole = len(part) & ~3
                self.sum, rest = checksum(part[:whole], self.sum), part[whole:]
        self.sum = checksum(rest, self.sum)

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of the rows, and padding."""
        if self._aside is None:
            yield from self._parts
        else:
            self._aside.seek(0)
            while part := self._aside.read(_CHUNK):
                yield part
        yield b"\0" * padding(self.size)


class Run:
    """An observation with a selection applied to it. Raises Undistillable with a clause that says why."""

    def __init__(self, source: Source, file: EventFile, plan: Plan) -> None:
        self.source, self.file, self._plan = source, file, plan
        wanted = {
            name.strip().upper(): kind for kind, name in source.hdus.items() if source.file_of(kind) == source.path
        }
        self.kinds = {n: wanted[part.name] for n, part in enumerate(file.description.parts) if part.name in wanted}
        """HDU_TYPE of the HDUs of the file that have one."""

    @property
    def at_most(self) -> int:
        """Bytes that the file may have, by what is known of the blocks of the copy."""
        parts = self.file.description.parts
        left_out = [parts[n] for n, kind in self.kinds.items() if kind in RESPONSES and self._plan.responses == "none"]
        rest = parts[-1].end - sum(part.end - part.start for part in left_out) + len(self._gti_elsewhere)
        return rest + self._plan.selector.at_most(self.file) * sum(column.width for column in self.file.columns)

    def _position(self, kind: str) -> int | None:
        return next((n for n, found in self.kinds.items() if found == kind), None)

    @property
    def header(self) -> Mapping[str, str | int | float | bool]:
        """Values of the header of the events, as they are in the archive."""
        return self.file.description.keys

    @cached_property
    def selected(self) -> SelectedRows:
        """The selected rows."""
        return SelectedRows(self.file, self._plan.selector)

    @cached_property
    def _gti_elsewhere(self) -> bytes:
        """The HDU of the good time where it stands in another file; nothing where it does not."""
        name, path = self.source.hdus.get("gti", "").strip().upper(), self.source.file_of("gti")
        if not name or path == self.source.path:
            return b""
        found = hdus_of(path, {name})
        if not found:
            raise Undistillable(f"its good time intervals are not in the file that should hold them, as HDU {name}")
        return found[0]

    @cached_property
    def good(self) -> gti.GoodTime | None:
        """The good time of the observation, None if it has none."""
        position = self._position("gti")
        part = memoryview(self._gti_elsewhere) if position is None else self.file.part(position)
        return gti.read(part, self.file.description.reference) if part else None

    @cached_property
    def good_time(self) -> Intervals | None:
        """The good time intervals that are left, values by their reference; None if there are none in the file."""
        if self.good is None:
            return None
        times = self._plan.selector.selection.times
        return gti.cut(self.good, times) if times else self.good.intervals

    @property
    def is_without_exposure(self) -> bool:
        """Whether no good time is left."""
        return bool(self._plan.selector.selection.times) and self.good_time == ()

    # --- what a cut in time changes ---

    @cached_property
    def changes(self) -> dict[str, float | str]:
        """Values of header cards of the events that a cut in time changes; cards that are not there stay away."""
        reference = self.file.description.reference
        if not self._plan.selector.selection.times or reference is None:
            return {}
        start, stop = _number(self.header, "TSTART"), _number(self.header, "TSTOP")
        changes: dict[str, float | str] = {}
        left: Intervals = ()
        if start is not None and stop is not None:
            limits = tuple((float(low), float(high)) for low, high in self._plan.selector.time_limits(self.file))
            left = common(((start, stop),), tuple(sorted(limits)))
            first, last = (left[0][0], max(high for _, high in left)) if left else (start, start)
            changes |= {"TSTART": first, "TSTOP": last, "TELAPSE": (last - first) * reference.seconds_a_unit}
            changes |= self._dates(reference, first, last)
        whole = gti.seconds(self.good.intervals, self.good.reference) if self.good else None
        ontime = gti.seconds(self.good_time, self.good.reference) if self.good and self.good_time is not None else None
        if ontime is None and start is not None and stop is not None:
            whole, ontime = (stop - start) * reference.seconds_a_unit, gti.seconds(left, reference)
        if ontime is not None:
            changes["ONTIME"] = ontime
            livetime = self._livetime(ontime, whole)
            if livetime is not None:
                changes["LIVETIME"] = livetime
        return changes

    def _livetime(self, ontime: float, whole: float | None) -> float | None:
        """GADF: LIVETIME = ONTIME DEADC; in proportion where there is no DEADC."""
        deadc, livetime = _number(self.header, "DEADC"), _number(self.header, "LIVETIME")
        if deadc is not None and 0 <= deadc <= 1:
            return ontime * deadc
        return livetime * ontime / whole if livetime is not None and whole else None

    def _dates(self, reference: TimeReference, first: float, last: float) -> dict[str, str]:
        """Dates of the ends in the time scale of the file, written as they were: whole, or apart from the time."""
        dates = {}
        for value, names in ((first, ("DATE-OBS", "DATE-BEG")), (last, ("DATE-END",))):
            date, _, time = str(reference.time(value).isot).partition("T")
            for name in names:
                dates[name] = f"{date}T{time}" if "T" in str(self.header.get(name, "")) else date
            dates[names[0].replace("DATE", "TIME")] = time
        return dates

    # --- the file ---

    @cached_property
    def _events_header(self) -> bytes:
        cards = Cards(self.file.part(self.file.description.events))
        cards.set("NAXIS2", self.selected.count)
        for key, value in self.changes.items():
            if key in cards:
                cards.set(key, value)
        cards.extend(provenance.outcome(self.selected.count, self.file.rows, self.is_without_exposure))
        return cards.encode(self.selected.sum)

    @cached_property
    def _hdus(self) -> list[bytes | memoryview | SelectedRows]:
        made: list[bytes | memoryview | SelectedRows] = []
        elsewhere = self._gti_elsewhere
        for position, described in enumerate(self.file.description.parts):
            part, kind = self.file.part(position), self.kinds.get(position, "")
            if position == self.file.description.events:
                made += [self._events_header, self.selected]
            elif position == 0:
                made.append(self._primary(part))
            elif kind == "gti":
                made.append(self._gti(part))
            elif elsewhere and not kind and described.name == self.source.hdus["gti"].strip().upper():
                continue  # The good time that counts has this name.
            elif kind not in RESPONSES:
                made.append(part)
            elif self._plan.responses != "none":
                made.append(self.trimmed(part) if kind == "bkg" and self._plan.responses == "trim" else part)
        return [*made, self._gti(elsewhere)] if elsewhere else made

    def _primary(self, part: memoryview) -> bytes:
        described = self.file.description.parts[0]
        header = described.data - described.start
        cards = Cards(part[:header])
        cards.extend([*self._plan.history, *provenance.input_cards(self.source)])
        data = bytes(part[header:])
        return cards.encode(checksum(data)) + data

    def _gti(self, part: bytes | memoryview) -> bytes | memoryview:
        """The HDU of the good time, cut if times are."""
        if not self._plan.selector.selection.times:
            return part
        good, left = self.good, self.good_time
        if good is None or left is None:
            return part
        changes: dict[str, float] = {"ONTIME": gti.seconds(left, good.reference)}
        if left and good.reference is not None:
            first, last = left[0][0], left[-1][1]
            changes |= {"TSTART": first, "TSTOP": last, "TELAPSE": (last - first) * good.reference.seconds_a_unit}
        return gti.write(good, good.cut(left), changes, [])

    def trimmed(self, part: memoryview) -> bytes | memoryview:
        """A background model cut to what the selection can use."""
        selection = self._plan.selector.selection
        energies = None
        if selection.energies:
            energies = min(low for low, _ in selection.energies), max(high for _, high in selection.energies)
        ra, dec = _number(self.header, "RA_PNT"), _number(self.header, "DEC_PNT")
        reach = None if ra is None or dec is None else offsets(selection.regions, ra, dec)
        return trim_background(
            part, energies, reach, history("Cut to the energies and offsets that the selection can use")
        )

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return sum(p.size + padding(p.size) if isinstance(p, SelectedRows) else len(p) for p in self._hdus)

    def pieces(self, more: Sequence[bytes | memoryview] = ()) -> Iterator[bytes | memoryview]:
        """The file, and after it further HDUs."""
        for part in self._hdus:
            if isinstance(part, SelectedRows):
                yield from part
            else:
                yield part
        yield from more

    def listed(self, places: Mapping[str, tuple[str, str, str, str]]) -> Listed:
        """Its row in the observation index; `places` as in `Listed`."""
        header = {**self.source.index, **self.header, **self.changes}
        return Listed.from_header(self.source.obs_id, header, places, EVENT_COUNT=self.selected.count)


def _number(header: Mapping[str, str | int | float | bool], key: str) -> float | None:
    try:
        return float(header[key])
    except (KeyError, TypeError, ValueError):
        return None


def open_run(source: Source, file: EventFile, plan: Plan) -> Run:
    """An observation with a selection applied to it, what can go wrong found before anything is written of it.

    Raises Undistillable, which names the observation.
    """
    with naming(source.obs_id):
        run = Run(source, file, plan)
        _ = run.selected, run.size
    return run
