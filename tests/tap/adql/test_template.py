"""Which constants of a query its shape leaves open, and that queries compiled before answer like new ones."""

from __future__ import annotations

import pytest

from tap import registry, service
from tap.adql.template import Template
from tap.service import prepare
from tests.tap.sky import CONTEXT, SkyRow, answer
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db
CONE = "SELECT obs_id FROM test.sky WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE({}, {}, {}))"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("SELECT 2.5, .5, 3., 1e3, 2.5E-1, 7", (2.5, 0.5, 3.0, 1000.0, 0.25)),
        ("SELECT 2.5, 2.50, 25e-1", (2.5,)),
        ("SELECT 1.0, 0.0, 0e5, 1e999", ()),
        ("SELECT 'M 1.5', \"b 2.5\", 'it''s 3.5', a1e5, t.x -- 4.5\n, 5.5", (5.5,)),
        ("SELECT -2.5, 3-2.5, 3--2.5\n", (2.5,)),
        ("SELECT 'open 2.5", (2.5,)),
        ("SELECT 2.5 -- \0", ()),
        ("SELECT 2.5" + " " * 10_000, ()),
        ("SELECT " + ", ".join(f"{n}.5" for n in range(81)), ()),
    ],
)
def test_open_constants(text: str, values: tuple[float, ...]) -> None:
    assert Template.of(text).values == values


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SELECT 2.5, 3.5", "SELECT 4.5, 5.25e1", True),
        ("SELECT 2.5, 3.5", "SELECT 2.5, 2.5", False),
        ("SELECT 2.5, 2.5", "SELECT 3.5, 3.50", True),
        ("SELECT 2.5", "SELECT 1.0", False),
        ("SELECT 2.5", "SELECT 2", False),
        ("SELECT 2.5, 0", "SELECT 2.5, 1", False),
        ("SELECT '2.5'", "SELECT '3.5'", False),
        ("SELECT x2", "SELECT x2.5", False),
    ],
)
def test_shapes(one: str, other: str, same: bool) -> None:
    assert (Template.of(one).shape == Template.of(other).shape) is same


@pytest.mark.parametrize(
    "query",
    [
        CONE,
        "SELECT obs_id, ra * {} AS x FROM test.sky WHERE flux > {} AND dec < -{} ORDER BY obs_id",
        "SELECT ROUND(ra / {}), COUNT(*), MIN(-{} + n) FROM test.sky GROUP BY ROUND(ra / {}) ORDER BY 1",
        "SELECT obs_id FROM test.sky WHERE DISTANCE(POINT(ra, dec), POINT({}, {})) <= {}",
        "SELECT TOP 7 obs_id FROM test.sky WHERE ra BETWEEN {} AND {} OR n IN ({}, 3) ORDER BY obs_id",
        "SELECT {}, -{}, {} * 2, CAST({} AS INTEGER) FROM test.bands",
    ],
)
def test_a_query_compiled_before_answers_like_a_new_one(sky: list[SkyRow], query: str) -> None:
    """Other numbers in the same places, compared with the same query under another shape (one more blank)."""
    first, second = (83.6, 22.01, 2.5), (10.25, 83.6, 3.75)
    if query.count("{}") == 3 and "GROUP BY" in query:
        first, second = (30.5, 2.25, 30.5), (45.5, 1.25, 45.5)
    if query.count("{}") == 4:
        first, second = (*first, 2.5), (*second, 3.75)
    asked = [query.format(*numbers) for numbers in (first, second)]
    assert Template.of(asked[0]).shape == Template.of(asked[1]).shape
    service._COMPILED.clear()
    answers = [answer(text) for text in asked]
    assert len(service._COMPILED) == 1
    service._COMPILED.clear()
    assert answers == [answer(text + " ") for text in reversed(asked)][::-1]


def test_lists_and_intervals_have_the_values_of_their_query(sky: list[SkyRow]) -> None:
    """Numbers that rows do have, so that those of another query would be noticed."""
    found = [row.ra for row in sky if row.ra is not None and 1 < row.ra < 359 and row.ra % 1][:6]
    for query in ("ra IN ({!r}, {!r})", "ra = {!r} OR ra = {!r}", "ra IN (-{!r}, {!r}, 400.5)"):
        for one, other in (found[:2], found[2:4], found[4:]):
            wanted = {other} if "-" in query else {one, other}
            asked = "SELECT ra FROM test.sky WHERE " + query.format(one, other)
            assert {ra for (ra,) in answer(asked)} == wanted


def test_values_are_checked_in_every_query(sky: list[SkyRow]) -> None:
    """A radius that is too large is told with its place in the query that has it."""
    prepare(CONE.format(83.6, 22.01, 2.5), CONTEXT)
    with pytest.raises(UsageFault, match=r"line 1 column 64: latitude must be within -90 and 90"):
        prepare(CONE.replace("POINT(ra, dec)", "POINT(ra,   dec)").format(83.6, 122.01, 2.5), CONTEXT)
    for numbers in ((83.6, 122.01, 2.5), (3.625, 22.01, 182.5), (3.625, 22.01, -2.5)):
        with pytest.raises(UsageFault, match=r"line 1 column 62: (latitude|radius) must be within"):
            prepare(CONE.format(*numbers), CONTEXT)
    assert prepare(CONE.format(1.5, 2.25, 3.5), CONTEXT).statement.parameters


@pytest.mark.parametrize(
    ("query", "unit"),
    [("SELECT POWER(ra, 2.5) FROM test.sky", "deg**(5/2)"), ("SELECT POWER(ra, 1.5) FROM test.sky", "deg**(3/2)")],
)
def test_units_that_depend_on_a_value(sky: list[SkyRow], query: str, unit: str) -> None:
    (column,) = prepare(query, CONTEXT).columns
    assert column.unit == unit


def test_grouping_by_another_constant_is_still_refused(sky: list[SkyRow]) -> None:
    prepare("SELECT ROUND(ra / 2.5), COUNT(*) FROM test.sky GROUP BY ROUND(ra / 2.5)", CONTEXT)
    with pytest.raises(UsageFault, match="GROUP BY"):
        prepare("SELECT ROUND(ra / 2.5), COUNT(*) FROM test.sky GROUP BY ROUND(ra / 3.5)", CONTEXT)


def test_a_table_that_is_withdrawn_is_gone(sky: list[SkyRow]) -> None:
    query = "SELECT energy * 2.5 FROM test.bands"
    assert prepare(query, CONTEXT).columns
    table = registry.find("test.bands")
    assert table is not None
    registry.withdraw("test.bands")
    try:
        with pytest.raises(UsageFault, match="unknown table"):
            prepare(query, CONTEXT)
    finally:
        registry.publish(table)
    assert prepare(query, CONTEXT).columns
