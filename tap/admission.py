"""A bounded number of queries in a web process, fairly shared: many impatient clients are slowed down, not turned away.

A query has two things while it is open. Its *place* is a connection to the database: it has it from start to end, also
while its client reads slowly. Its *turn* is the work of the database and the reading of rows: it has it from its start
to its first rows and for each further batch, and gives it back while the client reads. Both are limited, places so that
the connections of the database are never used up, turns so that what runs is quick. Who cannot have one waits in line.

Threads of one Python process hinder each other, so that short queries are done soonest one after the other: a turn is
given when nobody else has a fresh one. One that has lasted longer than a short query takes is not fresh any more, and
holds nobody up.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType
from typing import Self

from django.conf import settings

from tap.engine.batches import ROWS, Batch
from tap.engine.engine import Rows
from tap.engine.faults import BetterAsync

_SMALL = 32 * 2**10
"""Bytes of rows whose document surely has less than what `vo.http.streamed` sends at once."""


class TooBusy(BetterAsync):
    """The line is too long, or has not moved for too long."""

    retry_after = 10


_FRESH = 0.01
"""Seconds after which a turn is not fresh any more: what a cone search takes, several times over."""
_ALL_TAKEN = 0.1
"""Seconds between looks of a waiter while there is no turn to be had at all."""


class _Waiter:
    """One who waits, on a lock that is released when their wish is granted: the cheapest of all signals."""

    __slots__ = ("_signal", "granted", "most")

    def __init__(self, most: int) -> None:
        self._signal = threading.Lock()
        self._signal.acquire()
        self.granted = False
        self.most = most

    def grant(self) -> None:
        self.granted = True
        self._signal.release()

    def wait(self, seconds: float) -> bool:
        """Whether the wish was granted in so many seconds, which may be infinite."""
        return self._signal.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))


def _left(deadline: float | None) -> float:
    return math.inf if deadline is None else max(0.0, deadline - time.monotonic())


class FairLine:
    """A number of things to have, and a line of those who wait: clients in rotation, each one's own in their order.

    Nobody has more than `most` of them, as told with each wish. Any thread may take and give back.
    """

    def __init__(self, things: int, waiting: int | None = None) -> None:
        self.free = things
        self.waiting = 0
        self._most_waiting = waiting
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._lines: dict[str, deque[_Waiter]] = {}
        """Lines by client; the first client is the next to be served."""

    def take(self, client: str, most: int, deadline: float | None = None) -> None:
        """Have one, at once or when it is this client's turn, at `deadline` (of `time.monotonic`) at the latest.

        Raises TooBusy when the line is full or the deadline is over.
        """
        with self._lock:
            if self._can_grant() and self._held[client] < most:
                self._grant(client)
                return
            if self._most_waiting is not None and self.waiting >= self._most_waiting:
                raise TooBusy("the service is busy: too many queries are waiting")
            waiter = _Waiter(most)
            self._lines.setdefault(client, deque()).append(waiter)
            ahead = self.waiting
            self.waiting += 1
        try:
            self._wait(waiter, ahead, deadline)
        finally:
            with self._lock:
                late = not waiter.granted
                if late:
                    self._forget(client, waiter)
        if late:
            raise TooBusy("the service is busy: the query has waited too long for its turn")

    def give(self, client: str) -> None:
        """Give one back; whoever is next has it."""
        with self._lock:
            self._take_back(client)
            self._serve_all()

    def _wait(self, waiter: _Waiter, ahead: int, deadline: float | None) -> None:
        """Until the waiter has what was asked for, or the deadline; so many wait before it."""
        waiter.wait(_left(deadline))

    def _can_grant(self) -> bool:
        # Whoever is waiting although there is one left has as many as they may.
        return self.free > 0

    def _serve_all(self) -> None:
        while self._can_grant() and self._serve():
            pass

    def _serve(self) -> bool:
        """Grant one to the first client in the rotation who may have another."""
        for client, line in self._lines.items():
            if self._held[client] < line[0].most:
                waiter = line[0]
                self._forget(client, waiter)
                if client in self._lines:
                    self._lines[client] = self._lines.pop(client)
                self._grant(client)
                waiter.grant()
                return True
        return False

    def _grant(self, client: str) -> None:
        self.free -= 1
        self._held[client] += 1

    def _take_back(self, client: str) -> None:
        self.free += 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]

    def _forget(self, client: str, waiter: _Waiter) -> None:
        self.waiting -= 1
        line = self._lines[client]
        line.remove(waiter)
        if not line:
            del self._lines[client]


class Turns(FairLine):
    """A line for turns: the next one is given when the latest has come back, or is not fresh any more."""

    def __init__(self, things: int) -> None:
        super().__init__(things)
        self._fresh: tuple[str, float] | None = None
        """Who has the latest turn, and since when (`time.monotonic`)."""

    def _can_grant(self) -> bool:
        return self.free > 0 and (self._fresh is None or time.monotonic() - self._fresh[1] >= _FRESH)

    def _grant(self, client: str) -> None:
        super()._grant(client)
        self._fresh = client, time.monotonic()

    def _take_back(self, client: str) -> None:
        super()._take_back(client)
        if self._fresh is not None and self._fresh[0] == client:
            self._fresh = None

    def _wait(self, waiter: _Waiter, ahead: int, deadline: float | None) -> None:
        # Nobody tells when a turn has lost its freshness. Those ahead are served first.
        patience = _FRESH * (ahead + 1)
        while deadline is None or time.monotonic() < deadline:
            if waiter.wait(min(patience, _left(deadline))):
                return
            with self._lock:
                self._serve_all()
                patience = _FRESH if self.free else _ALL_TAKEN


class Admission:
    """The places and turns of a process."""

    def __init__(self, places: int, turns: int, waiting: int, patience: float) -> None:
        self.places = FairLine(places, waiting)
        self.turns = Turns(turns)
        self.most_turns = max(1, turns - 1)
        """Of one client: there is a turn left for somebody else."""
        self.patience = patience


def admission() -> Admission:
    """That of this process; a fork has its own."""
    return _admission(os.getpid())


@lru_cache(maxsize=1)
def _admission(pid: int) -> Admission:
    return Admission(
        settings.DISTILLER_TAP_STATEMENTS,
        settings.DISTILLER_TAP_TURNS,
        settings.DISTILLER_TAP_WAITING,
        settings.DISTILLER_TAP_PATIENCE,
    )


class AdmittedRows:
    """Rows of a statement that waits for its place and its turns (`tap.service.Rows`).

    `client` is whom the query is charged to, `most` how many places they may have.
    """

    def __init__(self, rows: Rows, client: str, most: int, by: Admission) -> None:
        self._rows = rows
        self._client = client
        self._most = most
        self._by = by
        self._has_place = self._has_turn = False

    @property
    def overflow(self) -> bool:
        return self._rows.overflow

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._by.patience
        try:
            self._by.places.take(self._client, self._most, deadline)
            self._has_place = True
            self._take_turn(deadline)
            self._rows.__enter__()
        except BaseException:
            self._leave()
            raise
        return self

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self._rows)
        batch = self._fetch(batches)
        is_first = True
        while batch is not None:
            # After a short batch there is mostly nothing more, which is learnt without another turn.
            is_short = batch.num_rows < ROWS
            following = self._fetch(batches) if is_short else None
            # A small result is made whole before the client sees any of it: that is work, and nobody reads slowly.
            is_small = is_first and is_short and following is None and batch.get_total_buffer_size() < _SMALL
            if not is_small:
                self._give_turn()
            yield batch
            batch = following if is_short else self._fetch(batches)
            is_first = False
        self._give_turn()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._rows.close()
        finally:
            self._leave()

    def cancel(self) -> None:
        """Stop the statement; whoever iterates gets a TransientFault. May be called from any thread."""
        self._rows.cancel()

    def _fetch(self, batches: Iterator[Batch]) -> Batch | None:
        self._take_turn()
        return next(batches, None)

    def _take_turn(self, deadline: float | None = None) -> None:
        if not self._has_turn:
            self._by.turns.take(self._client, self._by.most_turns, deadline)
            self._has_turn = True

    def _give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._by.turns.give(self._client)

    def _leave(self) -> None:
        self._give_turn()
        if self._has_place:
            self._has_place = False
            self._by.places.give(self._client)
