"""The queries of docs/adql.md run on the demo archive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tap.adql.declaration import UDF
from tap.adql.functions import FUNCTIONS
from tests.tap.sky import answer

pytestmark = pytest.mark.django_db
TEXT = (Path(__file__).resolve().parents[2] / "docs" / "adql.md").read_text()
RECIPES = re.findall(r"^```adql\n(.*?)^```", TEXT, re.M | re.S)


@pytest.mark.parametrize("query", RECIPES)
def test_recipes_find_something(demo_archive: str, query: str) -> None:
    """Every recipe gives rows with values."""
    found = answer(query)
    assert found
    assert all(any(value is not None for value in row) for row in found)


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 8
    assert all(name in FUNCTIONS for name in {f.upper() for f in re.findall(r"ivo_\w+", TEXT)} - {"IVO_SIMBADPOINT"})
    assert sum(function.group == UDF and name.startswith("IVO_") for name, function in FUNCTIONS.items()) == 15
