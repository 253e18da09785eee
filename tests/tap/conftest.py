"""The generated tables of `sky.py`, once for each module that asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tap.sky import SkyRow, sky_tables


@pytest.fixture(scope="module")
def sky(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[list[SkyRow]]:
    """Rows of test.sky, committed (the engine reads by connections of its own)."""
    with django_db_blocker.unblock(), sky_tables() as made:
        yield made
