"""Set operators: repeated rows, NULLs, types that become one, order of evaluation, WITH."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tap.differential.databases import ROWS, Databases, same
from tests.tap.differential.values import Condition, conditions

pytestmark = pytest.mark.django_db

Rows = list[tuple[Any, ...]]
SHAPES = {
    "i": ("k", "n", "h", "1", "NULL"),
    "d": ("x", "r", "2.5", "k", "h", "NULL"),
    "s": ("s", "'ß'", "NULL"),
    "t": ("t", "NULL"),
}
"""Columns of one kind, whose types the operators make one."""


@dataclass(frozen=True)
class Query:
    """ADQL of a query, its rows, which of its columns are doubles, and how tightly its operator binds."""

    text: str
    rows: Rows
    doubles: tuple[bool, ...]
    rank: int


def _value(item: str, row: dict[str, Any]) -> Any:
    return row[item] if item in row else {"1": 1, "2.5": 2.5, "'ß'": "ß", "NULL": None}[item]


@st.composite
def selects(draw: st.DrawFn, shape: str) -> Query:
    table = draw(st.sampled_from("ab"))
    items = [draw(st.sampled_from(SHAPES[letter])) for letter in shape]
    condition: Condition | None = draw(st.none() | conditions())
    rows = [
        tuple(_value(item, row) for item in items)
        for row in ROWS[table]
        if condition is None or condition.of(row) is True
    ]
    where = "" if condition is None else f" WHERE {condition.text}"
    return Query(
        f"SELECT {', '.join(items)} FROM diff.{table}{where}", rows, tuple(i in ("x", "r", "2.5") for i in items), 3
    )


def _combined(operator: str, every: bool, left: Rows, right: Rows) -> Iterator[tuple[Any, ...]]:
    ours, theirs = Counter(left), Counter(right)
    if not every:
        ours, theirs = Counter(set(left)), Counter(set(right))
    total = {"UNION": ours + theirs if every else ours | theirs, "EXCEPT": ours - theirs, "INTERSECT": ours & theirs}
    return total[operator].elements()


@st.composite
def queries(draw: st.DrawFn, shape: str, depth: int) -> Query:
    """Operators of ADQL 2.1 section 4.6: INTERSECT before UNION and EXCEPT, which go from left to right."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(selects(shape))
    operator = draw(st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]))
    every = draw(st.booleans())
    left, right = draw(queries(shape, depth - 1)), draw(queries(shape, depth - 1))
    rank = 2 if operator == "INTERSECT" else 1
    ours = left.text if left.rank >= rank else f"({left.text})"
    theirs = right.text if right.rank > rank else f"({right.text})"
    rows = list(_combined(operator, every, left.rows, right.rows))
    doubles = tuple(a or b for a, b in zip(left.doubles, right.doubles, strict=True))
    return Query(f"{ours} {operator}{' ALL' * every} {theirs}", rows, doubles, rank)


made = st.sampled_from(["i", "s", "is", "id", "dst"]).flatmap(lambda shape: queries(shape, 2))


@examples(80, 2500)
@given(query=made)
def test_set_operators(databases: Databases, query: Query) -> None:
    """NULLs are equal here, ALL keeps repeated rows, types become those that hold both operands' values."""
    found = databases.rows(query.text)
    expected = [
        tuple(float(v) if double and v is not None else v for v, double in zip(row, query.doubles, strict=True))
        for row in query.rows
    ]
    assert same(found, expected), (query.text, found, expected)


@examples(30, 1000)
@given(query=made, where=conditions())
def test_common_tables(databases: Databases, query: Query, where: Condition) -> None:
    """ADQL 2.1 section 4.5: a query of WITH used twice, beside a table."""
    adql = (
        f"WITH w AS ({query.text}), v AS (SELECT COUNT(*) AS c FROM w) "
        f"SELECT v.c, a.k FROM v, diff.a AS a WHERE {where.text} AND EXISTS (SELECT 1 FROM w)"
    )
    kept = [row for row in ROWS["a"] if where.of(row) is True and query.rows]
    assert same(databases.rows(adql), [(len(query.rows), row["k"]) for row in kept]), adql
