"""Stops statements in time: those that keep the database longer than allowed, and those whose client has gone away.

One thread watches all statements of a process, and costs a query no more than its entry in a set. The database's own
time limit would not do: it counts the pauses of a slow reader too.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

logger = logging.getLogger(__name__)
_BETWEEN = 0.25
"""Seconds between two looks: how late a time-out may be."""
_ATTENTIVE = 20
"""Looks at nothing before the thread waits to be woken: waking it for each of many short queries would cost them."""


class Stoppable(Protocol):
    """A statement that can be stopped from another thread."""

    timed_out: bool

    def cancel(self) -> None: ...


class Watch:
    """`with Watch(run, seconds, departed):` around waiting for the database.

    When the time is over, `run.timed_out` is set and the statement cancelled; when `departed()` says that nobody waits
    for the answer any more, it is cancelled too. Neither happens once the block has been left; until then it happens
    at each look, because a server that is just being sent the statement takes no notice of a cancellation.
    """

    def __init__(self, run: Stoppable, seconds: float, departed: Callable[[], bool] | None = None) -> None:
        self.run = run
        self.deadline = time.monotonic() + seconds
        self.departed = departed
        self.stopping = self.ended = False
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        _WATCHER.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _WATCHER.remove(self)
        with self.lock:
            self.ended = True

    def look(self, now: float) -> None:
        """Stop the statement if there is a reason to."""
        with self.lock:
            if self.ended:
                return
            try:
                if not self.stopping:
                    self.run.timed_out = now > self.deadline
                    self.stopping = self.run.timed_out or (self.departed is not None and self.departed())
                if self.stopping:
                    self.run.cancel()
            except Exception:
                logger.exception("a statement could not be cancelled")


class _Watcher:
    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Called in a fork too: it has no threads, but whatever its parent's held at that moment is still locked."""
        self.condition = threading.Condition()
        self.watched: set[Watch] = set()
        self.asleep = self.keeps_watch = False

    def add(self, watch: Watch) -> None:
        with self.condition:
            if not self.keeps_watch:
                threading.Thread(target=self.keep_watch, name="statement watch", daemon=True).start()
                self.keeps_watch = True
            self.watched.add(watch)
            if self.asleep:
                self.condition.notify()

    def remove(self, watch: Watch) -> None:
        with self.condition:
            self.watched.discard(watch)

    def keep_watch(self) -> None:
        idle = 0
        while True:
            time.sleep(_BETWEEN)
            with self.condition:
                idle = 0 if self.watched else idle + 1
                if idle > _ATTENTIVE:
                    self.asleep = True
                    self.condition.wait_for(lambda: bool(self.watched))
                    self.asleep = False
                watched = list(self.watched)
            now = time.monotonic()
            for watch in watched:
                watch.look(now)


_WATCHER = _Watcher()
os.register_at_fork(after_in_child=_WATCHER.begin)
