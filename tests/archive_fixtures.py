"""Archives with data in them: `demo_archive` (generated) and `hess_archive` (real), committed to the test database.

A transactional test empties the database when it ends; the next test that asks for an archive gets it again. The real
runs are removed after each module that asks for them, so that every other module finds the demo data alone, or nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

DEMO_COLLECTION = "demo"
HESS_COLLECTION = "hess-dl3-dr1"


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated GADF data store. DISTILLER_DEMO_STORE names one made before, to save the time."""
    made = os.environ.get("DISTILLER_DEMO_STORE")
    if made:
        return Path(made)
    folder = tmp_path_factory.mktemp("fixtures") / "demo"
    # In a process of its own: gammapy takes long to import, and does not where warnings are errors.
    command = [sys.executable, "-m", "fixtures", str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parents[1], stdout=subprocess.DEVNULL)
    return folder


def ensure_ingested(path: Path, collection: str) -> None:
    """Ingest a data store unless the collection has observations; every one must go in."""
    from archive.ingest import ingest
    from archive.models import Observation

    if Observation.objects.filter(release__collection__name=collection).exists():
        return
    report = ingest(path, collection)
    assert report.exit_status == 0, [o for o in report.outcomes if o.reason]


def _fill(blocker: Any, path: Path, collection: str) -> str:
    with blocker.unblock():
        ensure_ingested(path, collection)
    return collection


@pytest.fixture(scope="module")
def _demo_archive(django_db_setup: None, django_db_blocker: Any, demo_store: Path) -> str:
    return _fill(django_db_blocker, demo_store, DEMO_COLLECTION)


@pytest.fixture(scope="module")
def _hess_archive(django_db_setup: None, django_db_blocker: Any, shared: Path) -> Iterator[str]:
    yield _fill(django_db_blocker, shared / "data" / "hess-dl3-dr1", HESS_COLLECTION)
    empty(django_db_blocker)


def empty(blocker: Any) -> None:
    """Remove all that is committed to the test database."""
    with blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def demo_archive(_demo_archive: str, django_db_blocker: Any, demo_store: Path) -> str:
    """Name of the collection of generated observations in the test database.

    Made before the test's transaction begins, and again if an earlier transactional test has emptied the database.
    """
    return _fill(django_db_blocker, demo_store, DEMO_COLLECTION)


@pytest.fixture
def hess_archive(_hess_archive: str, django_db_blocker: Any, shared: Path) -> str:
    """Name of the collection with the 48 runs of the H.E.S.S. DL3 DR1 in the test database."""
    return _fill(django_db_blocker, shared / "data" / "hess-dl3-dr1", HESS_COLLECTION)
