"""Loaded by pytest before Django's settings: an empty DISTILLER_HOME, and the database that the run is for.

DISTILLER_TEST_DATABASE is `sqlite` (default) or `postgresql` (a private server is started for the run).

A test whose time is over (pytest-timeout) while it is in code that Python cannot interrupt, as a database's client or a
library's computation, would keep the run for ever: a minute later the run ends, and says where every thread is.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.services import start_postgresql

REQUIRE_ALL = os.environ.get("DISTILLER_REQUIRE_ALL") == "1"
SHARED = Path(os.environ.get("DISTILLER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
"""Real data, the standards' test files, client programs; tests that need the folder skip aloud without it."""
DATABASE = os.environ.get("DISTILLER_TEST_DATABASE", "sqlite")

_home = tempfile.mkdtemp(prefix="distiller-test-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["DISTILLER_HOME"] = _home
(Path(_home) / "static").mkdir()
os.environ["DISTILLER_SESAME_URL"] = ""
os.environ["DISTILLER_LOG_LEVEL"] = "WARNING"
os.environ["DJANGO_SETTINGS_MODULE"] = "distiller.settings"
if DATABASE == "postgresql":
    url = start_postgresql()
    if url is None:
        sys.exit("DISTILLER_TEST_DATABASE=postgresql, but PostgreSQL is not installed")
    os.environ["DATABASE_URL"] = url
else:
    os.environ["DATABASE_URL"] = f"sqlite:///{_home}/distiller.sqlite3"

_GRACE = 60
"""Seconds for which a test may go on after its time, and a run after its last test."""
_stderr = os.dup(2)
"""That of the run: pytest captures the one of a test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    mark = item.get_closest_marker("timeout")
    seconds = float(mark.args[0] if mark else item.config.getoption("timeout") or item.config.getini("timeout"))
    faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=_stderr)
    return (yield)


def pytest_sessionfinish() -> None:
    faulthandler.dump_traceback_later(2 * _GRACE, exit=True, file=_stderr)
