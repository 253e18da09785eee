"""A real worker for the tests: `manage.py worker` on the test database, with its private Redis, in a folder of its own.

The test process and the worker share DISTILLER_HOME, as a web process and its worker do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


def test_database_url() -> str:
    """DATABASE_URL of the database that the tests use now."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    host = quote(str(config.get("HOST") or config["OPTIONS"].get("host", "")), safe="/")
    return f"postgresql://{config['USER']}@/{config['NAME']}?host={host}"


class WorkerProcess:
    """A worker that can be stopped, killed and started again."""

    def __init__(self, **environment: str) -> None:
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path(settings.DISTILLER_HOME) / "worker.log"

    def start(self) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": test_database_url(),
            "DISTILLER_HOME": str(settings.DISTILLER_HOME),
            "DISTILLER_LOG_LEVEL": "INFO",
            **self._environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), "worker"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)

    def kill(self) -> None:
        """kill -9 of the supervisor."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def family(self) -> list[int]:
        """Ids of the supervisor and of all its descendants."""
        assert self.process is not None
        return [self.process.pid, *descendants(self.process.pid)]


@contextmanager
def running_worker(**environment: str) -> Iterator[WorkerProcess]:
    """A worker for the duration of the block; `environment` adds settings (DISTILLER_JOB_TYPES="module:NAME")."""
    worker = WorkerProcess(**environment)
    worker.start()
    try:
        yield worker
    finally:
        if worker.is_running:
            worker.stop()


def descendants(pid: int) -> list[int]:
    """Ids of the children of a process, and of theirs."""
    found: list[int] = []
    parents = _parents()
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found += sorted(level)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


PATIENCE = 150.0
"""Seconds that tests wait for what a worker does. It takes seconds to start, and a minute on a busy machine."""


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE, what: str = "the condition") -> Any:
    """The first true value of the condition; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.05)


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    return parents
