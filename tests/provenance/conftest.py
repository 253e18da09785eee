"""Fixtures of the provenance tests: an empty store, whose records are seen by all whatever other rooms registered."""

from __future__ import annotations

from typing import Any

import pytest

from provenance import policy
from tests.archive_fixtures import empty


@pytest.fixture(scope="module", autouse=True)
def nothing_recorded(django_db_setup: None, django_db_blocker: Any) -> None:
    """Other rooms' tests commit archives, whose ingests are records too."""
    empty(django_db_blocker)


@pytest.fixture(autouse=True)
def no_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_policies", [])
