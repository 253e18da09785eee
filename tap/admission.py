"""A bounded number of queries in a web process, fairly shared: many impatient clients are slowed down, not turned away.

A query has two things while it is open. Its *place* is a connection to the database: it has it from start to end, also
while its client reads slowly. Its *turn* is the work of the database and the reading of rows: it has it from its start
to its first rows and for each further batch, and gives it back while the client reads. Both are limited, places so that
the connections of the database are never used up, turns so that what runs is quick. Who cannot have one waits in line.
"""

from __future__ import annotations

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


class _Waiter:
    __slots__ = ("granted", "most")

    def __init__(self, most: int) -> None:
        self.granted = threading.Event()
        self.most = most


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
            # Whoever is waiting although there is one left has as many as they may.
            if self.free and self._held[client] < most:
                self._grant(client)
                return
            if self._most_waiting is not None and self.waiting >= self._most_waiting:
                raise TooBusy("the service is busy: too many queries are waiting")
            waiter = _Waiter(most)
            self._lines.setdefault(client, deque()).append(waiter)
            self.waiting += 1
        try:
            waiter.granted.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        finally:
            with self._lock:
                late = not waiter.granted.is_set()
                if late:
                    self._forget(client, waiter)
        if late:
            raise TooBusy("the service is busy: the query has waited too long for its turn")

    def give(self, client: str) -> None:
        """Give one back; whoever is next has it."""
        with self._lock:
            self.free += 1
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]
            while self.free and self._serve():
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
                waiter.granted.set()
                return True
        return False

    def _grant(self, client: str) -> None:
        self.free -= 1
        self._held[client] += 1

    def _forget(self, client: str, waiter: _Waiter) -> None:
        self.waiting -= 1
        line = self._lines[client]
        line.remove(waiter)
        if not line:
            del self._lines[client]


class Admission:
    """The places and turns of a process."""

    def __init__(self, places: int, turns: int, waiting: int, patience: float) -> None:
        self.places = FairLine(places, waiting)
        self.turns = FairLine(turns)
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
