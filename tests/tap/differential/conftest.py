"""Both databases with the same small tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tap.differential.databases import Databases, small_tables


@pytest.fixture(scope="module")
def databases(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """The configured database, and in a run on PostgreSQL SQLite next to it."""
    path: Path = tmp_path_factory.mktemp("differential") / "other.sqlite3"
    with django_db_blocker.unblock(), small_tables(path) as made:
        yield made
