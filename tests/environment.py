"""Loaded by pytest before Django's settings: an empty DISTILLER_HOME, and the database that the run is for.

DISTILLER_TEST_DATABASE is `sqlite` (default) or `postgresql` (a private server is started for the run).
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

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
