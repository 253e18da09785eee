"""Selecting events of observations and writing them as GADF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from events.origin import Origin
from events.selection import Selection
from events.sources import Source
from events.store import EventStore

__all__ = ["Distillation", "Estimate", "Origin"]

Responses = Literal["keep", "trim", "none"]


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
        self.sources = tuple(sources)

    def estimate(self) -> Estimate:
        """At most so many events and bytes: of the blocks of the copies that the selection touches."""
        raise NotImplementedError

    def counts(self) -> Mapping[str, int]:
        """Selected events by obs_id, exact."""
        raise NotImplementedError

    def event_file(self) -> Iterator[bytes]:
        """One GADF file of the only source: its events, good time intervals and responses."""
        raise NotImplementedError

    def merged(self) -> Iterator[bytes]:
        """One event list of all sources: times by one reference, good time intervals merged."""
        raise NotImplementedError

    def archive(self, form: Literal["zip", "tar"]) -> Iterator[bytes]:
        """A GADF data store: one file a run, files of responses, index tables, and a README.txt that tells it all."""
        raise NotImplementedError
