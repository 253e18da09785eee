"""Aggregates, GROUP BY, HAVING, DISTINCT, ORDER BY, OFFSET and TOP."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tap.differential.databases import ROWS, Databases, same
from tests.tap.differential.relations import Relation, relations
from tests.tap.differential.values import Condition, Undefined, conditions, integer

pytestmark = pytest.mark.django_db


def total(values: list[Any]) -> Any:
    if not values:
        return None
    if isinstance(values[0], int):
        return integer(sum(values))
    made = math.fsum(values)
    if math.isinf(made):
        raise Undefined
    return made


def lowest(values: list[Any]) -> Any:
    return min(values, key=lambda v: v.encode() if isinstance(v, str) else v, default=None)


def highest(values: list[Any]) -> Any:
    return max(values, key=lambda v: v.encode() if isinstance(v, str) else v, default=None)


def mean(values: list[Any]) -> Any:
    return math.fsum(map(float, values)) / len(values) if values else None


AGGREGATES: dict[str, tuple[str, Callable[[list[Any]], Any]]] = {
    "COUNT": ("knhxrstf", len),
    "MIN": ("knhxrst", lowest),
    "MAX": ("knhxrst", highest),
    "SUM": ("knhxr", total),
    "AVG": ("knhxr", mean),
}
"""Aggregate, the columns it is tried on, its meaning for values that are not NULL."""
aggregates = st.sampled_from([(name, column) for name, (columns, _) in AGGREGATES.items() for column in columns])


@examples(80, 2000)
@given(
    p=relations("p", "knhxrstf"),
    keys=st.sampled_from(["", "k", "s", "f", "t", "ks", "h", "x", "r"]),
    wanted=st.lists(st.tuples(aggregates, st.booleans()), min_size=1, max_size=3),
    having=st.integers(0, 3),
)
def test_aggregates(
    databases: Databases, p: Relation, keys: str, wanted: list[tuple[tuple[str, str], bool]], having: int
) -> None:
    """ADQL 2.1 section 2.2: NULL is a group, NULLs are left out, no rows are one group of none without GROUP BY."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {} if keys else {(): []}
    for row in p.rows:
        groups.setdefault(tuple(row[c] for c in keys), []).append(row)
    chosen = ", ".join(
        [*(f"p.{c}" for c in keys), "COUNT(*) AS number"]
        + [f"{name}({'DISTINCT ' * distinct}{c}) AS v{i}" for i, ((name, c), distinct) in enumerate(wanted)]
    )
    adql = f"SELECT {chosen} FROM {p.text}"
    adql += f" GROUP BY {', '.join(f'p.{c}' for c in keys)}" if keys else ""
    adql += f" HAVING COUNT(*) >= {having}"
    expected = []
    try:
        for key, rows in groups.items():
            made = []
            for (name, c), distinct in wanted:
                values = [row[c] for row in rows if row[c] is not None]
                made.append(AGGREGATES[name][1](list(dict.fromkeys(values)) if distinct else values))
            if len(rows) >= having:
                expected.append((*key, len(rows), *made))
    except Undefined:
        if having == 0:
            assert databases.refused(adql), adql
        return
    found = databases.rows(adql)
    assert same(found, expected), (adql, found, expected)


def order(values: tuple[Any, ...], directions: list[bool]) -> tuple[Any, ...]:
    """A key that sorts NULL as if largest, texts bytewise, downwards where told."""
    return tuple(
        _Reversed((v is None, _bytes(v))) if down else (v is None, _bytes(v))
        for v, down in zip(values, directions, strict=True)
    )


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]


def _bytes(value: Any) -> Any:
    return 0 if value is None else value.encode() if isinstance(value, str) else value


@examples(60, 1500)
@given(
    condition=st.none() | conditions(),
    keys=st.lists(
        st.tuples(st.sampled_from("knxrst"), st.booleans()), min_size=1, max_size=3, unique_by=lambda k: k[0]
    ),
    distinct=st.booleans(),
    top=st.none() | st.integers(0, 6),
    offset=st.none() | st.integers(0, 8),
    by=st.sampled_from(["name", "position", "expression"]),
)
def test_order(
    databases: Databases,
    condition: Condition | None,
    keys: list[tuple[str, bool]],
    distinct: bool,
    top: int | None,
    offset: int | None,
    by: str,
) -> None:
    """ADQL 2.1 sections 2.2 and 4.10: ORDER BY, then OFFSET, then TOP."""
    rows = [tuple(r[c] for c, _ in keys) for r in ROWS["a"] if condition is None or condition.of(r) is True]
    if distinct:
        rows = list(dict.fromkeys(rows))
    rows.sort(key=lambda row: order(row, [down for _, down in keys]))
    rows = rows[offset or 0 :][:top]
    names = [c for c, _ in keys]
    written = {
        "name": names,
        "position": [str(i + 1) for i in range(len(keys))],
        "expression": [f"a.{c}" for c in names],
    }
    adql = f"SELECT {'DISTINCT ' * distinct}{'' if top is None else f'TOP {top} '}{', '.join(names)} FROM diff.a AS a"
    adql += "" if condition is None else f" WHERE {condition.text}"
    adql += (
        f" ORDER BY {', '.join(w + (' DESC' if d else ' ASC') for w, (_, d) in zip(written[by], keys, strict=True))}"
    )
    adql += "" if offset is None else f" OFFSET {offset}"
    found = databases.rows(adql)
    assert same(found, rows, ordered=True), (adql, found, rows)
    inner = databases.rows(f"SELECT COUNT(*) FROM ({adql}) AS q")
    assert inner == [(len(rows),)], adql
