"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError
from django.db import OperationalError
from django.test import TransactionTestCase

from tests.archive_fixtures import _demo_archive as _demo_archive
from tests.archive_fixtures import _hess_archive as _hess_archive
from tests.archive_fixtures import demo_archive as demo_archive
from tests.archive_fixtures import demo_store as demo_store
from tests.archive_fixtures import hess_archive as hess_archive
from tests.environment import DATABASE, REQUIRE_ALL, SHARED
from tests.server import _tap_worker as _tap_worker
from tests.server import async_url as async_url
from tests.server import tap_url as tap_url
from tests.xsd import validate as validate


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """A test database in a file: TAP reads through connections of its own, which cannot see one in memory."""
    from django.conf import settings

    if DATABASE == "sqlite":
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(
            Path(os.environ["DISTILLER_HOME"]) / "test.sqlite3"
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Idle connections of the query engine would keep PostgreSQL from dropping the test database."""
    yield
    from tap.engine.engine import close_idle

    close_idle()


@pytest.fixture(scope="session", autouse=True)
def _patient_flush() -> Iterator[None]:
    """A database is emptied under a worker that may still be ending the job of the test.

    Where each waits for a table of the other, PostgreSQL lets one of them fail: emptying is then done again.
    """
    flush = TransactionTestCase._fixture_teardown

    def patiently(case: TransactionTestCase) -> None:
        for _ in range(4):
            try:
                return flush(case)
            except CommandError as error:
                if not isinstance(error.__cause__, OperationalError):
                    raise
        return flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", patiently)
        yield


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What a process goes by for some seconds is of the test before."""
    cache.clear()


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """`need("stilts")`: path of a program, or skip; under DISTILLER_REQUIRE_ALL=1 a missing part is a failure."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            (pytest.fail if REQUIRE_ALL else pytest.skip)(f"{program} is not installed")
        return str(path)

    return find


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and standards' test files."""
    if not SHARED.is_dir():
        (pytest.fail if REQUIRE_ALL else pytest.skip)("the folder of shared test data is missing (DISTILLER_SHARED)")
    return SHARED
