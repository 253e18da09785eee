"""Selecting events of observations and writing them as GADF: one file, one merged list, or a whole data store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from events import provenance, readme
from events.copies import EventFile
from events.errors import Undistillable, naming
from events.indexes import HDU_INDEX, OBS_INDEX, Listed, hdu_index, obs_index
from events.merging import Merger
from events.origin import Origin
from events.packing import Form, Member, gathered, packed
from events.runs import RESPONSES, Plan, Responses, Run, open_run
from events.selecting import Selector
from events.selection import Selection
from events.sources import Source
from events.store import EventStore
from events.unpacking import hdus_of

__all__ = ["Distillation", "Estimate", "Origin"]

EVENTS_FOLDER, RESPONSES_FOLDER = "events", "responses"
_OVERHEAD = 4096
"""Bytes that an observation costs an archive beside its file: provenance, index rows, names."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a distillation gives at most, from statistics alone."""

    events: int
    size: int
    """bytes"""


class Distillation:
    """A selection from observations. Nothing is read before it is asked for; everything may be asked for repeatedly.

    All methods raise Undistillable with a sentence for the user.
    """

    def __init__(
        self,
        store: EventStore,
        sources: Sequence[Source],
        selection: Selection,
        *,
        responses: Responses = "keep",
        origin: Origin,
    ) -> None:
        """Raises Undistillable without sources, and for an obs_id that comes twice."""
        if not sources:
            raise Undistillable("no observation is selected")
        seen: set[str] = set()
        for source in sources:
            if source.obs_id in seen:
                raise Undistillable(f"observation {source.obs_id} is selected twice: its events would count twice")
            seen.add(source.obs_id)
        self.sources = tuple(sources)
        self.selection, self.responses, self.origin = selection, responses, origin
        self._store = store
        self._plan = Plan(Selector(selection), responses, provenance.cards(origin, selection, responses))

    def estimate(self) -> Estimate:
        """At most so many events and bytes: all of the blocks of the copies that the selection touches.

        What a selection needs and an event list has not is found here.
        """
        events = size = 0
        shared: set[Path] = set()
        for source in self.sources:
            file = self._open(source)
            with naming(source.obs_id):
                events += self._plan.selector.at_most(file)
                size += Run(source, file, self._plan).at_most + _OVERHEAD
            if self.responses != "none":
                shared |= {source.file_of(kind) for kind in source.hdus if kind != "gti"} - {source.path}
        return Estimate(events, size + sum(path.stat().st_size for path in shared))

    def counts(self) -> Mapping[str, int]:
        """Selected events by obs_id, exact."""
        found = {}
        for source in self.sources:
            with naming(source.obs_id):
                found[source.obs_id] = self._plan.selector.count(self._open(source))
        return found

    def event_file(self) -> Iterator[bytes]:
        """One GADF file of the only source: its events, good time intervals and responses."""
        run, outside = self._single
        return gathered(run.pieces(outside))

    def length(self) -> int:
        """Bytes of `event_file`, known as soon as its first one is."""
        run, outside = self._single
        return run.size + sum(map(len, outside))

    @cached_property
    def _single(self) -> tuple[Run, list[bytes]]:
        if len(self.sources) != 1:
            raise Undistillable(f"one file holds the events of one observation, not of {len(self.sources)}")
        return self._run(self.sources[0]), self._outside(self.sources[0])

    def merged(self) -> Iterator[bytes]:
        """One event list of all sources: times by the reference of the first, good time intervals merged.

        Responses are in it if all sources share them.
        """
        files = (self._open(source) for source in self.sources)
        merger = Merger(self.sources, files, lambda: map(self._run, self.sources), self._plan)
        return gathered(merger)

    def archive(self, form: Form) -> Iterator[bytes]:
        """A GADF data store: one file a run, files of responses, index tables, and a README.txt that tells it all.

        Observations without good time in the selected times are left out, and named in the README. The index tables
        come last: a stream that broke off is no data store.
        """
        return packed(form, self._members())

    # --- the parts ---

    def _members(self) -> Iterator[Member]:
        listed: list[Listed] = []
        told: list[readme.Told] = []
        shared: dict[Path, str] = {}
        for source in self.sources:
            run = self._run(source)
            told.append(readme.Told(source, run.selected.count, run.file.rows, run.is_without_exposure))
            if run.is_without_exposure:
                continue
            name = f"{_plain(source.obs_id)}.fits"
            listed.append(self._listed(run, name, shared))
            yield Member(f"{EVENTS_FOLDER}/{name}", run.pieces(), run.size)
        for path, name in shared.items():
            with path.open("rb") as file:
                pieces = iter(lambda file=file: file.read(2**20), b"")  # type: ignore[misc]
                yield Member(f"{RESPONSES_FOLDER}/{name}", pieces, path.stat().st_size)
        yield Member.of("README.txt", readme.text(self.origin, self.selection, self.responses, told))
        yield Member.of(OBS_INDEX, obs_index(listed))
        yield Member.of(HDU_INDEX, hdu_index(listed))

    def _listed(self, run: Run, name: str, shared: dict[Path, str]) -> Listed:
        source = run.source
        places: dict[str, tuple[str, str, str, str]] = {}
        for kind, hdu in source.hdus.items():
            if kind in RESPONSES and self.responses == "none":
                continue
            path, hdu_class = source.file_of(kind), source.hdu_classes.get(kind, kind)
            if path == source.path or kind == "gti":
                places[kind] = (EVENTS_FOLDER, name, hdu, hdu_class)
            else:
                ending = ".fits.gz" if path.name.endswith(".gz") else ".fits"
                file = shared.setdefault(path, f"responses_{len(shared) + 1:03d}{ending}")
                places[kind] = (RESPONSES_FOLDER, file, hdu, hdu_class)
        return run.listed(places)

    def _outside(self, source: Source) -> list[bytes]:
        """Responses of an observation that stand in other files than its events."""
        if self.responses == "none":
            return []
        found: list[bytes] = []
        names: dict[Path, set[str]] = {}
        for kind, hdu in source.hdus.items():
            if kind in RESPONSES and source.file_of(kind) != source.path:
                names.setdefault(source.file_of(kind), set()).add(hdu.strip().upper())
        for path, wanted in names.items():
            found += hdus_of(path, wanted)
        return found

    def _open(self, source: Source) -> EventFile:
        return self._store.prepare(source)

    def _run(self, source: Source) -> Run:
        return open_run(source, self._open(source), self._plan)


def _plain(name: str) -> str:
    """A name that is safe as that of a file."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in name).lstrip(".") or "_"
