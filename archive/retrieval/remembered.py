"""What requests that anybody may make were answered with a moment ago: for that moment nothing is looked up again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from vo.files import ServedFile

FRESH = 1.0
"""Seconds for which an answer holds, from before the database was asked: who takes a file out of public sight, or
replaces it, is obeyed at the latest then."""
MOST = 4096


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer depends on: the host and the query as they were sent, and whether the client takes gzip."""

    host: str
    query: str
    gzip: bool


class Remembered:
    """Answers by request, in the memory of a process; `clock` is in seconds."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._most = most
        self._answers: dict[Request, tuple[float, ServedFile]] = {}
        self._lock = threading.Lock()

    def keep(self, request: Request, served: ServedFile, since: float) -> None:
        """Keep what `request` was answered with; the clock showed `since` before that was looked up."""
        with self._lock:
            if len(self._answers) >= self._most and request not in self._answers:
                now = self.clock()
                self._answers = {known: kept for known, kept in self._answers.items() if now < kept[0]}
            if len(self._answers) < self._most or request in self._answers:
                self._answers[request] = since + FRESH, served

    def find(self, request: Request) -> ServedFile | None:
        """What that request is answered with, if that is known and holds."""
        kept = self._answers.get(request)
        return kept[1] if kept is not None and self.clock() < kept[0] else None


REMEMBERED = Remembered()
"""The answers of this process."""
