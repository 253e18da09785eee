"""Values and conditions of single rows: arithmetic, functions, texts, casts, three-valued logic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.examples import examples
from tests.tap.differential.databases import ROWS, Databases, same
from tests.tap.differential.values import (
    Condition,
    Undefined,
    Value,
    conditions,
    numbers,
    rounded_numbers,
    texts,
)

pytestmark = pytest.mark.django_db


def check(databases: Databases, value: Value) -> None:
    """The value in each row of diff.a."""
    adql = f"SELECT {value.text} AS v FROM diff.a ORDER BY k, n, x"
    try:
        expected: list[Any] = [(value.of(row),) for row in _ordered()]
    except Undefined:
        # Beside a constant NULL PostgreSQL does not look at what has no value.
        if "NULL" not in value.text:
            assert databases.refused(adql), adql
        return
    found = databases.rows(adql)
    assert same(found, expected, ordered=True), (adql, found, expected)


def _ordered() -> list[dict[str, Any]]:
    """As ORDER BY k, n, x has them: NULL last."""
    return sorted(ROWS["a"], key=lambda r: [(r[c] is None, r[c] or 0) for c in "knx"])


@examples(120, 3000)
@given(value=numbers())
def test_numbers(databases: Databases, value: Value) -> None:
    """ADQL 2.1 sections 2.3 and 4.7: precedence, associativity, signs, integer division, overflow, NULL, CAST."""
    check(databases, value)


@examples(60, 1500)
@given(value=rounded_numbers())
def test_functions(databases: Databases, value: Value) -> None:
    """ADQL 2.1 section 2.3; outside its domain a function is an error."""
    check(databases, value)


@examples(80, 2000)
@given(value=texts())
def test_texts(databases: Databases, value: Value) -> None:
    """ADQL 2.1 sections 2.2.3 and 4.4: ||, UPPER, LOWER beyond ASCII, CAST to CHAR(n), COALESCE."""
    check(databases, value)


@examples(120, 3000)
@given(condition=conditions())
def test_conditions(databases: Databases, condition: Condition) -> None:
    """ADQL 2.1 section 2.2.3: a row is in the result if the condition is true, neither false nor unknown."""
    adql = f"SELECT k, n, x, s FROM diff.a WHERE {condition.text}"
    expected = [tuple(row[c] for c in "knxs") for row in ROWS["a"] if condition.of(row) is True]
    found = databases.rows(adql)
    assert same(found, expected), (adql, found, expected)
