"""How many answers a process makes byte by byte at the same time: each holds a thread while its client reads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vo.errors import TransientFault


class Turns:
    """A number of turns; who finds none is told to come again."""

    def __init__(self, number: int) -> None:
        self._free = threading.BoundedSemaphore(number)

    def take(self, what: str) -> Callable[[], None]:
        """Take a turn; what is returned gives it back, once. Raises TransientFault if all are taken."""
        if not self._free.acquire(blocking=False):
            raise TransientFault(f"too many {what} for other clients now; try again in half a minute")
        return _Once(self._free.release)


class _Once:
    def __init__(self, do: Callable[[], None]) -> None:
        self._do: Callable[[], None] | None = do
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            do, self._do = self._do, None
        if do is not None:
            do()
