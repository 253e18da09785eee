"""What requests that anybody may make were answered with a moment ago: for that moment nothing is looked up again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from vo.files import ServedFile

FRESH = 1.0
"""Seconds for which an answer holds, from before the database was asked: who takes a file out of public sight, or
replaces it, is obeyed at the latest then."""
LASTING = 10.0
"""Seconds after the latest request for which it is worth looking up the same again."""
MOST = 500
"""Answers that are kept, and so looked up again at once."""


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
        self._answers: dict[Request, _Kept] = {}
        self._lock = threading.Lock()

    def keep(self, request: Request, answer: Answer, since: float) -> None:
        """Keep what `request` was answered with; the clock showed `since` before that was looked up."""
        with self._lock:
            before = self._answers.get(request)
            if before is None and len(self._answers) >= self._most:
                self._forget_old()
                if len(self._answers) >= self._most:
                    return
            self._answers[request] = _Kept(answer, since + FRESH, since if before is None else before.asked)

    def find(self, request: Request) -> ServedFile | None:
        """What that request is answered with, None if it is not known. Raises Stale if it is to be looked up again."""
        kept = self._answers.get(request)
        if kept is None:
            return None
        kept.asked = now = self.clock()
        if now >= kept.until:
            raise Stale
        return kept.answer.served

    def forget(self, request: Request) -> None:
        """It does not hold on."""
        with self._lock:
            self._answers.pop(request, None)

    def asked_lately(self) -> dict[Request, Answer]:
        """The answers that are worth looking up again; the others are forgotten."""
        with self._lock:
            self._forget_old()
            return {request: kept.answer for request, kept in self._answers.items()}

    def _forget_old(self) -> None:
        limit = self.clock() - LASTING
        self._answers = {request: kept for request, kept in self._answers.items() if kept.asked > limit}


class Stale(Exception):
    """The answer has been kept for too long."""


@dataclass(slots=True)
class _Kept:
    answer: Answer
    until: float
    asked: float


REMEMBERED = Remembered()
"""The answers of this process."""
