"""`python -m tests.run`: all tests on SQLite, those of the database again on PostgreSQL, one closing count.

Every skip is listed with its reason. Under DISTILLER_REQUIRE_ALL=1 a missing PostgreSQL is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests.services import postgresql_binaries

ROOMS_WITH_DATABASE = [
    "tests/tap",
    "tests/archive",
    "tests/uws",
    "tests/provenance",
    "tests/accounts",
    "tests/test_services.py",
]


def run(database: str, paths: list[str], report: Path) -> int:
    """One pytest run; its exit status."""
    print(f"==> Tests on {database}", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "--durations=8", *paths],
        env={**os.environ, "DISTILLER_TEST_DATABASE": database},
        check=False,
    ).returncode


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
    start = time.monotonic()
    missing = 0
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(folder) / "sqlite.xml", Path(folder) / "postgresql.xml"]
        statuses = [run("sqlite", [], reports[0])]
        if postgresql_binaries() is not None:
            statuses.append(run("postgresql", [p for p in ROOMS_WITH_DATABASE if Path(p).exists()], reports[1]))
        else:
            reports.pop()
            missing = 1
            print("==> PostgreSQL is not installed: its whole run is skipped", flush=True)
        total = sum((count(r) for r in reports), Counter())
    required = os.environ.get("DISTILLER_REQUIRE_ALL") == "1"
    total.update(**{"failed" if required else "skipped": missing})
    print(f"==> {time.monotonic() - start:.0f} s")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    return 1 if any(statuses) or total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
