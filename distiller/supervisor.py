"""Keeping programs running: the private Redis, the Celery worker, the web server, and the care for the jobs table.

One process starts them in order, starts again what dies, and stops them in the reverse order. They do not outlive it,
however it ends: the kernel ends them with it (Linux), or they watch their parent.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from uws.processes import adopt_orphans, descendants, die_with_parent, kill_family, kill_group

logger = logging.getLogger(__name__)
LONGEST_PAUSE = 10.0
"""Seconds between two starts of a program that keeps dying."""
STEADY = 30.0
"""A program that ran this long has its pause forgotten."""
PAUSE = 0.2
"""Seconds between two turns of the loop."""
STRAYS = 1.0
"""Seconds between looks for processes that the programs have left behind."""


class AlreadyRunning(Exception):
    """Another supervisor has the lock."""


@dataclass
class Program:
    """A program to keep running, in a session of its own: Ctrl-C reaches the supervisor alone."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 5.0
    """Seconds between the signal to stop and the kill."""
    ready: Callable[[], bool] = lambda: True
    """Whether what comes after it may be started."""
    process: subprocess.Popen[bytes] | None = None
    pause: float = 0.0
    not_before: float = 0.0
    started: float = 0.0

    def start(self) -> None:
        parent = os.getpid()

        def tie() -> None:
            if sys.platform == "linux":
                die_with_parent(parent, signal.SIGKILL)

        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=tie,
        )
        logger.info("%s started (process %d)", self.name, self.process.pid)

    def keep(self, now: float) -> None:
        """Start it if it does not run and its pause is over."""
        if self.process is not None and self.process.poll() is not None:
            lasted = now - self.started
            self.pause = 0.5 if lasted > STEADY else min(max(self.pause * 2, 0.5), LONGEST_PAUSE)
            logger.error(
                "%s ended with status %s after %.0f s; it is started again in %.1f s",
                self.name,
                self.process.returncode,
                lasted,
                self.pause,
            )
            kill_group(self.process.pid)
            self.process = None
            self.not_before = now + self.pause
        if self.process is None and now >= self.not_before:
            self.start()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            logger.warning("%s does not stop; it is killed", self.name)
        kill_group(self.process.pid)
        self.process.wait()


@dataclass
class Chore:
    """Something to do every so many seconds. `at_end` is done when the programs have stopped."""

    every: float
    do: Callable[[], None]
    at_end: Callable[[], None] | None = None
    due: float = 0.0


class Supervisor:
    """Runs programs and chores until it is told to stop."""

    def __init__(self, lock: Path | None, programs: Sequence[Program], chores: Sequence[Chore] = ()) -> None:
        self._lock_file = lock
        self._programs = programs
        self._chores = chores
        self._stopping = False
        self._lock: int | None = None
        self._next_strays = 0.0

    def stop(self, signum: int = 0, frame: FrameType | None = None) -> None:
        """Called for a signal, between any two steps of the loop: it must take no lock, which that may hold."""
        self._stopping = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises AlreadyRunning if another supervisor has the lock."""
        self._take_lock()
        adopt_orphans()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        try:
            while not self._stopping:
                self._keep_programs()
                self._do_chores()
                self._end_strays()
                time.sleep(PAUSE)
        finally:
            logger.info("stopping")
            for program in reversed(self._programs):
                program.stop()
            for chore in self._chores:
                if chore.at_end is not None:
                    chore.at_end()
            kill_family()

    def _keep_programs(self) -> None:
        for program in self._programs:
            program.keep(time.monotonic())
            if program.process is None or not program.ready():
                return

    def _do_chores(self) -> None:
        for chore in self._chores:
            if time.monotonic() >= chore.due:
                chore.do()
                chore.due = time.monotonic() + chore.every

    def _end_strays(self) -> None:
        """End what the programs have left behind: processes of a job whose runner was killed come to this process."""
        if time.monotonic() >= self._next_strays:
            own = {program.process.pid for program in self._programs if program.process is not None}
            if descendants(own):
                kill_family(own)
            self._next_strays = time.monotonic() + STRAYS

    def _take_lock(self) -> None:
        if self._lock_file is None:
            return
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"another worker is running in {self._lock_file.parent.parent}") from None
