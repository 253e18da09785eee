"""Joins: all kinds, with NULL and repeated keys, empty sides, columns that are merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.tap.differential.databases import Databases, same
from tests.tap.differential.relations import Relation, relations
from tests.tap.differential.values import Condition, Row, compared, conditions

pytestmark = pytest.mark.django_db

KINDS = ("INNER", "LEFT", "RIGHT", "FULL")


def joined(
    left: list[Row], right: list[Row], nothing: tuple[Row, Row], kind: str, on: Callable[[Row], Any]
) -> list[Row]:
    """The rows of a join of qualified rows."""
    rows, matched = [], set()
    for one in left:
        partners = [i for i, other in enumerate(right) if on({**one, **other}) is True]
        matched.update(partners)
        rows += [{**one, **right[i]} for i in partners]
        if not partners and kind in ("LEFT", "FULL"):
            rows.append({**one, **nothing[1]})
    if kind in ("RIGHT", "FULL"):
        rows += [{**nothing[0], **other} for i, other in enumerate(right) if i not in matched]
    return rows


def equal(names: str) -> Callable[[Row], bool]:
    return lambda row: all(compared(row[f"p.{c}"], "=", row[f"q.{c}"]) is True for c in names)


def check(databases: Databases, adql: str, expected: list[tuple[Any, ...]]) -> None:
    found = databases.rows(adql)
    assert same(found, expected), (adql, found, expected)


@examples(60, 1500)
@given(
    p=relations("p", "kns", "knxs"),
    q=relations("q", "kns", "knhs"),
    kind=st.sampled_from(KINDS),
    keys=st.sampled_from(["k", "n", "s", "kn", "ks"]),
    outer=st.booleans(),
)
def test_equal_columns(databases: Databases, p: Relation, q: Relation, kind: str, keys: str, outer: bool) -> None:
    """ON with equalities: NULL finds no partner, repeated keys find each other's rows."""
    rows = joined(p.qualified(), q.qualified(), (p.nothing(), q.nothing()), kind, equal(keys))
    word = kind + " OUTER" * (outer and kind != "INNER")
    on = " AND ".join(f"p.{c} = q.{c}" for c in keys)
    check(
        databases,
        f"SELECT p.k, p.n, p.s, q.k, q.n, q.s FROM {p.text} {word} JOIN {q.text} ON {on}",
        [tuple(row[f"{t}.{c}"] for t in "pq" for c in "kns") for row in rows],
    )


@examples(60, 1500)
@given(
    p=relations("p", "kns", "ksx"),
    q=relations("q", "ksh", "kst"),
    kind=st.sampled_from(KINDS),
    keys=st.sampled_from(["k", "s", "ks", "sk", ""]),
)
def test_merged_columns(databases: Databases, p: Relation, q: Relation, kind: str, keys: str) -> None:
    """SQL-92 section 7.5: columns of USING and NATURAL come once, first, with the value that is there."""
    used = keys or "ks"
    rows = joined(p.qualified(), q.qualified(), (p.nothing(), q.nothing()), kind, equal(used))
    specification = f" USING ({', '.join(keys)})" if keys else ""
    natural = "" if keys else "NATURAL "
    expected = []
    for row in rows:
        merged = [row[f"p.{c}"] if row[f"p.{c}"] is not None else row[f"q.{c}"] for c in used]
        rest = [row[f"{r.name}.{c}"] for r in (p, q) for c in r.columns if c not in used]
        expected.append((*merged, *rest))
    check(databases, f"SELECT * FROM {p.text} {natural}{kind} JOIN {q.text}{specification}", expected)


@examples(50, 1500)
@given(
    p=relations("p", "knhxrs"),
    q=relations("q", "knhxrs"),
    kind=st.sampled_from(KINDS[:3]),
    on=conditions("p") | conditions("q"),
    where=conditions("q") | st.none(),
)
def test_any_condition(
    databases: Databases, p: Relation, q: Relation, kind: str, on: Condition, where: Condition | None
) -> None:
    """ON decides which rows are partners, WHERE which are kept, after the NULLs have been put in."""
    both = Condition(f"{on.text} AND p.k = q.k", lambda r: on.of(r) is True and compared(r["p.k"], "=", r["q.k"]))
    rows = joined(p.qualified(), q.qualified(), (p.nothing(), q.nothing()), kind, both.of)
    if where is not None:
        rows = [row for row in rows if where.of(row) is True]
    kept = "" if where is None else f" WHERE {where.text}"
    check(
        databases,
        f"SELECT p.k, p.x, q.n, q.s FROM {p.text} {kind} JOIN {q.text} ON {both.text}{kept}",
        [(row["p.k"], row["p.x"], row["q.n"], row["q.s"]) for row in rows],
    )


@examples(40, 1000)
@given(
    p=relations("p", "knhxrs"),
    q=relations("q", "knhxrs"),
    column=st.sampled_from("knhs"),
    inner=conditions("q"),
    negative=st.booleans(),
)
def test_sub_queries(
    databases: Databases, p: Relation, q: Relation, column: str, inner: Condition, negative: bool
) -> None:
    """ADQL 2.1 section 2.2.1: EXISTS and IN with a query, which may refer to the table around it."""
    rows = q.qualified()
    kept = [row for row in rows if inner.of(row) is True]

    def exists(row: Row) -> bool:
        return any(compared(row[f"p.{column}"], "=", other[f"q.{column}"]) for other in kept) != negative

    def contained(row: Row) -> bool:
        truths = [compared(row[f"p.{column}"], "=", other[f"q.{column}"]) for other in kept]
        truth = True if True in truths else None if None in truths else False
        return truth is (not negative)

    word = "NOT " * negative
    start = f"SELECT p.k, p.n, p.s FROM {p.text} WHERE "
    for adql, rule in (
        (f"{word}EXISTS (SELECT 1 FROM {q.text} WHERE {inner.text} AND q.{column} = p.{column})", exists),
        (f"p.{column} {word}IN (SELECT q.{column} FROM {q.text} WHERE {inner.text})", contained),
    ):
        check(databases, start + adql, [(r["p.k"], r["p.n"], r["p.s"]) for r in p.qualified() if rule(r)])
