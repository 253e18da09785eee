"""Job types of the fault tests, and with them points at which a process kills itself (SIGKILL) when it is asked to.

    DISTILLER_JOB_TYPES=tests.faults.killing:JOBS

`arm("stored")` makes the next process that comes to that point die there, once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.uws.jobs import JOBS as JOBS

CREATION = ("before the commit", "before it is sent")
"""Points in a web process."""
RUNNING = ("taken", "forked", "before it is stored", "stored", "completed")
"""Points in a worker process."""


def _flag(point: str) -> Path:
    return Path(os.environ["DISTILLER_HOME"]) / f"die {point}"


def arm(point: str) -> None:
    _flag(point).touch()


def disarm() -> bool:
    """Forget all points; whether one was left, which nobody came to."""
    left = [point for point in (*CREATION, *RUNNING) if _flag(point).exists()]
    for point in left:
        _flag(point).unlink()
    return bool(left)


def _die(point: str) -> None:
    try:
        _flag(point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _before(module: Any, name: str, point: str) -> None:
    original: Callable[..., Any] = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _die(point)
        return original(*args, **kwargs)

    setattr(module, name, wrapped)


def _after(module: Any, name: str, point: str) -> None:
    original: Callable[..., Any] = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        if answer is not None:
            _die(point)
        return answer

    setattr(module, name, wrapped)


def _install() -> None:
    from uws import child, conclusion, parts, queue, results, turns

    _before(parts, "attach", CREATION[0])
    _before(queue, "tell", CREATION[1])
    _after(turns, "claim", RUNNING[0])
    _after(child, "start", RUNNING[1])
    _before(results, "put", RUNNING[2])
    _after(results, "put", RUNNING[3])
    _after(conclusion, "_complete", RUNNING[4])


if "DISTILLER_FAULTS" in os.environ:  # the tests themselves only take the job types from here
    _install()
