"""Database sessions that wait for the next query, for each way of reading results."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_IDLE = 8
"""Most idle sessions that are kept of one kind."""


class Closeable(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=Closeable)


class Pool(Generic[S]):
    """Idle sessions of this process by address. A fork starts with none, and leaves those of its parent alone."""

    def __init__(self, connect: Callable[[str], S]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: dict[tuple[int, str], list[S]] = {}

    def take(self, address: str) -> tuple[S, bool]:
        """A session, and whether it is new."""
        with self._lock:
            waiting = self._idle.get((os.getpid(), address))
            if waiting:
                return waiting.pop(), False
        return self._connect(address), True

    def give(self, address: str, session: S) -> None:
        """Keep a session that is in order for the next query."""
        with self._lock:
            waiting = self._idle.setdefault((os.getpid(), address), [])
            if len(waiting) < _IDLE:
                waiting.append(session)
                return
        session.close()

    def idle(self) -> list[S]:
        """Sessions that wait, the one that is taken next at the end."""
        with self._lock:
            return [s for (pid, _), sessions in self._idle.items() if pid == os.getpid() for s in sessions]

    def clear(self) -> None:
        """Close what is idle."""
        with self._lock:
            waiting = [s for (pid, _), sessions in self._idle.items() if pid == os.getpid() for s in sessions]
            for key in [k for k in self._idle if k[0] == os.getpid()]:
                del self._idle[key]
        for session in waiting:
            session.close()
