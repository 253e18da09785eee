"""What requests that anybody may make were answered with a moment ago: for that moment nothing is looked up again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vo.files import ServedFile

FRESH = 1.0
"""Seconds for which an answer holds, from before the database was asked: who takes a file out of public sight, or
replaces it, is obeyed at the latest then."""
MOST = 4096


class Request(NamedTuple):
    """What an answer depends on: the host and the query as they were sent, and whether the client takes gzip."""

    host: str
    query: str
    gzip: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A representation, and what was chosen: the key of the product, the file's name if one was given, the coding."""

    served: ServedFile
    product: int
    name: str | None
    as_kept: bool


class Remembered:
    """Answers by request, in the memory of a process; `clock` is in seconds."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._most = most
        self._answers: dict[Request, tuple[float, Answer]] = {}
        self._asked: dict[Request, Answer] = {}
        self._lock = threading.Lock()
        self._next = 0.0

    def keep(self, request: Request, answer: Answer, since: float) -> None:
        """Keep what `request` was answered with; the clock showed `since` before that was looked up."""
        with self._lock:
            if len(self._answers) >= self._most and request not in self._answers:
                now = self.clock()
                self._answers = {known: kept for known, kept in self._answers.items() if now < kept[0]}
            if len(self._answers) < self._most or request in self._answers:
                self._answers[request] = since + FRESH, answer

    def find(self, request: Request) -> ServedFile | None:
        """What that request is answered with, if that is known and holds."""
        kept = self._answers.get(request)
        if kept is None or self.clock() >= kept[0]:
            return None
        self._asked[request] = kept[1]
        return kept[1].served

    def is_due(self) -> bool:
        """Whether it is time to look up again what is asked for: true once, twice as often as answers expire."""
        now = self.clock()
        if not self._asked or now < self._next:
            return False
        self._next = now + FRESH / 2
        return True

    def take_asked(self) -> Mapping[Request, Answer]:
        """The answers that were given since the last time."""
        with self._lock:
            asked, self._asked = self._asked, {}
        return asked


REMEMBERED = Remembered()
"""The answers of this process."""
