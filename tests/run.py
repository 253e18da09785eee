"""`python -m tests.run`: all tests on SQLite, those of the database again on PostgreSQL, one closing count.

In two lanes side by side where there are two processors: the rooms with a database and the clients on SQLite beside the
same rooms on PostgreSQL, which is followed by all other tests. Every skip is listed with its reason. Under
DISTILLER_REQUIRE_ALL=1 a missing PostgreSQL is a failure. What is not over after an hour is ended, which is a failure.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.services import postgresql_binaries
from uws.processes import adopt_orphans, kill_family

ROOMS_WITH_DATABASE = [
    "tests/tap",
    "tests/archive",
    "tests/uws",
    "tests/provenance",
    "tests/accounts",
    "tests/test_connections.py",
    "tests/test_services.py",
]
WITH_CLIENTS = [*ROOMS_WITH_DATABASE, "tests/clients", "tests/conformance", "tests/frontend"]


_PATIENCE = 3600
"""Seconds for all runs."""
_START = time.monotonic()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest on a database."""

    name: str
    database: str
    paths: list[str]


def others(paths: list[str]) -> list[str]:
    """All folders and modules of tests but those."""
    found = [path for path in Path("tests").iterdir() if path.name.startswith("test_") or path.is_dir()]
    return sorted(str(path) for path in found if str(path) not in paths and any(modules(path)))


def modules(path: Path) -> Iterator[Path]:
    return path.rglob("test_*.py") if path.is_dir() else iter([path])


def lanes(has_postgresql: bool) -> list[list[Run]]:
    """Runs by lane: one after the other in each."""
    first = [Run("SQLite", "sqlite", WITH_CLIENTS)]
    second = [Run("SQLite, the rest", "sqlite", others(WITH_CLIENTS))]
    if has_postgresql:
        second.insert(0, Run("PostgreSQL", "postgresql", ROOMS_WITH_DATABASE))
    return [first, second]


def run(one: Run, report: Path, output: IO[bytes] | None) -> int:
    """Do a run, and write what it prints to `output`, or at once; its exit status."""
    heading = f"==> Tests on {one.name}\n"
    if output is None:
        print(heading, end="", flush=True)
    else:
        output.write(heading.encode())
        output.flush()
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "--durations=8", *one.paths]
    environment = {**os.environ, "DISTILLER_TEST_DATABASE": one.database}
    with subprocess.Popen(
        command, env=environment, stdout=output, stderr=None if output is None else subprocess.STDOUT
    ) as process:
        try:
            return process.wait(max(1.0, _START + _PATIENCE - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # on which it says where every thread is
            return process.wait()


def count(report: Path) -> Counter[str]:
    """Passed, failed and skipped of a JUnit report; a run that wrote none counts as one failure."""
    if not report.exists():
        return Counter(failed=1)
    total: Counter[str] = Counter()
    for suite in ET.parse(report).getroot().iter("testsuite"):
        numbers = {k: int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")}
        failed = numbers["failures"] + numbers["errors"]
        total.update(failed=failed, skipped=numbers["skipped"], passed=numbers["tests"] - failed - numbers["skipped"])
    return total


def main() -> int:
    adopt_orphans()
    try:
        return run_all()
    finally:
        kill_family()  # servers and workers of a run that was ended keep open what it printed to


def run_all() -> int:
    has_postgresql = postgresql_binaries() is not None
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)

        def follow(lane: list[Run], output: IO[bytes] | None) -> list[int]:
            return [run(one, folder / f"{one.name}.xml", output) for one in lane]

        first, second = lanes(has_postgresql)
        if (os.cpu_count() or 1) > 1:
            aside = stack.enter_context((folder / "second").open("w+b"))
            pool = stack.enter_context(ThreadPoolExecutor(1))
            later = pool.submit(follow, second, aside)
            statuses = follow(first, None)
            statuses += later.result()
            aside.seek(0)
            sys.stdout.flush()
            sys.stdout.buffer.write(aside.read())
        else:
            statuses = follow([*first, *second], None)
        total = sum((count(folder / f"{one.name}.xml") for one in [*first, *second]), Counter())
    if not has_postgresql:
        print("==> PostgreSQL is not installed: its whole run is skipped", flush=True)
        total.update(failed=1) if os.environ.get("DISTILLER_REQUIRE_ALL") == "1" else total.update(skipped=1)
    print(f"==> {time.monotonic() - _START:.0f} s")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    return 1 if any(statuses) or total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
