"""Metadata of computed columns: units of products and powers, and what survives which operation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tap.adql.parser import parse
from tap.adql.resolve import resolve
from tap.registry import PublishedTable, find, publish, publish_schema, withdraw
from vo.columns import ColumnMeta, SchemaMeta, TableMeta

TABLE = TableMeta(
    "units.t",
    (
        ColumnMeta("a", "double", unit="deg", ucd="pos.eq.ra;meta.main", utype="x:a", description="A", principal=True),
        ColumnMeta("b", "double", unit="deg", ucd="pos.eq.dec;meta.main"),
        ColumnMeta("e", "double", unit="TeV", ucd="em.energy", description="Energy"),
        ColumnMeta("g", "float", unit="GeV", ucd="em.energy"),
        ColumnMeta("s", "double", unit="s", ucd="time.duration"),
        ColumnMeta("w", "double", unit="cm**2", ucd="phys.area"),
        ColumnMeta("v", "double", unit="km/s"),
        ColumnMeta("u", "double", unit="km.s**-1"),
        ColumnMeta("n", "int"),
        ColumnMeta("odd", "double", unit="furlong"),
        ColumnMeta("d", "char", "*", xtype="timestamp", ucd="time.start", description="Start"),
        ColumnMeta("r", "char", "*", xtype="adql:REGION", ucd="pos.outline;obs.field", utype="x:r"),
        ColumnMeta("did", "char", "64*", ucd="meta.ref.ivoid", utype="x:did", description="Identifier"),
    ),
)


@pytest.fixture(autouse=True, scope="module")
def _published() -> Iterator[None]:
    publish_schema(SchemaMeta("units"))
    publish(PublishedTable(TABLE, "units_t"))
    yield
    withdraw("units.t")


def column(query: str) -> ColumnMeta:
    ((_, meta),) = resolve(parse(query), find, list).columns
    return meta


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        # sums: equal units stay, unequal ones give none, constants have the unit of what they are added to
        ("a + b", "deg"),
        ("a - b - a", "deg"),
        ("a + 1", "deg"),
        ("10 - a", "deg"),
        ("a + (1 + 2) * 3", "deg"),
        ("a + e", None),
        ("e + g", None),
        ("v + u", "km/s"),
        ("a + n", None),
        ("n + n", None),
        ("a + RADIANS(30)", None),
        # products and quotients
        ("a * 2", "deg"),
        ("2.5 * a / 3", "deg"),
        ("a * PI()", "deg"),
        ("e / s", "TeV.s**-1"),
        ("e / (w * s)", "TeV.s**-1.cm**-2"),
        ("e / w / s", "TeV.s**-1.cm**-2"),
        ("s * e / s", "TeV"),
        ("e * e", "TeV**2"),
        ("1 / s", "s**-1"),
        ("a / b", None),
        ("(a / b) * e", "TeV"),
        ("e / g", "TeV.GeV**-1"),
        ("v * s", "km"),
        ("a * COS(RADIANS(b))", "deg"),
        ("a * n", None),
        ("e * odd", None),
        ("odd * 2", "furlong"),
        ("odd + odd", "furlong"),
        ("COUNT(*) / SUM(s)", "s**-1"),
        # powers
        ("POWER(s, 2)", "s**2"),
        ("POWER(s, -1)", "s**-1"),
        ("POWER(s, 0.5)", "s**(1/2)"),
        ("POWER(s, n)", None),
        ("POWER(10, n)", None),
        ("e * POWER(10, -12)", "TeV"),
        ("SQRT(w)", "cm"),
        ("SQRT(a * a + b * b)", "deg"),
        # functions and casts
        ("-a", "deg"),
        ("ABS(a)", "deg"),
        ("ROUND(e, 2)", "TeV"),
        ("MOD(a, 360)", "deg"),
        ("FLOOR(s)", "s"),
        ("LOG10(e)", None),
        ("SIN(a)", None),
        ("ATAN2(a, b)", "rad"),
        ("DEGREES(a)", "deg"),
        ("CAST(e AS REAL)", "TeV"),
        ("COALESCE(e, 0)", "TeV"),
        ("COALESCE(NULL, e)", "TeV"),
        ("COALESCE(a, b)", "deg"),
        ("COALESCE(a, e)", None),
        ("IN_UNIT(e, 'GeV')", "GeV"),
        ("IN_UNIT(e, 'GeV') + g", "GeV"),
        ("IN_UNIT(e / s, 'J.s**-1')", "J.s**-1"),
        ("IN_UNIT(v * s, 'm')", "m"),
        ("DISTANCE(a, b, 0, 0) * 3600", "deg"),
        ("AREA(CIRCLE(a, b, 1))", "deg**2"),
        # aggregates
        ("MIN(e)", "TeV"),
        ("MAX(g)", "GeV"),
        ("AVG(e)", "TeV"),
        ("SUM(s)", "s"),
        ("SUM(e * s)", "TeV.s"),
        ("SUM(e) / COUNT(e)", "TeV"),
        ("COUNT(e)", None),
    ],
)
def test_units(expression: str, unit: str | None) -> None:
    """Units of computed values, as VOUnits 1.0 writes them."""
    assert column(f"SELECT {expression} FROM units.t").unit == unit


def everything(meta: ColumnMeta) -> tuple[str | None, ...]:
    return meta.datatype, meta.arraysize, meta.xtype, meta.unit, meta.ucd, meta.utype, meta.description


@pytest.mark.parametrize("name", [c.name for c in TABLE.columns])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT {0} FROM units.t",
        "SELECT {0} AS other FROM units.t AS t",
        "SELECT t.{0} FROM units.t AS t LEFT JOIN units.t AS o ON t.n = o.n",
        "SELECT {0} FROM (SELECT n, {0} FROM units.t) AS o JOIN (SELECT n AS m FROM units.t) AS p ON o.n = p.m",
        "SELECT q FROM (SELECT p AS q FROM (SELECT {0} AS p FROM units.t) AS inner1) AS outer1",
        "WITH w AS (SELECT {0} AS c FROM units.t), x AS (SELECT c FROM w) SELECT c FROM x",
        "SELECT {0} FROM units.t UNION ALL SELECT {0} FROM units.t",
        "SELECT {0} FROM units.t EXCEPT (SELECT {0} FROM units.t INTERSECT SELECT {0} FROM units.t)",
        "SELECT DISTINCT TOP 5 {0} FROM units.t OFFSET 2",
        "SELECT {0} FROM units.t GROUP BY {0}",
    ],
)
def test_columns_keep_everything(query: str, name: str) -> None:
    """TAP 1.1 section 3.2: aliases, joins, sub-queries, WITH, set operators and groups change the name alone."""
    assert everything(column(query.format(name))) == everything(TABLE.column(name))


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("MIN(a)", ("double", None, None, "deg", "pos.eq.ra", None, "A")),
        ("AVG(a)", ("double", None, None, "deg", "pos.eq.ra", None, "A")),
        ("AVG(g)", ("double", None, None, "GeV", "em.energy", None, "")),
        ("MAX(g)", ("float", None, None, "GeV", "em.energy", None, "")),
        ("MAX(d)", ("char", "*", "timestamp", None, "time.start", None, "Start")),
        ("MIN(did)", ("char", "64*", None, None, "meta.ref.ivoid", None, "Identifier")),
        ("-e", ("double", None, None, "TeV", "em.energy", None, "Energy")),
        ("COALESCE(e, 1)", ("double", None, None, "TeV", "em.energy", None, "Energy")),
    ],
)
def test_simple_expressions_keep_what_still_holds(expression: str, kept: tuple[str | None, ...]) -> None:
    """A value made of a main column is none (UCD without meta.main), and has no utype of its own."""
    assert everything(column(f"SELECT {expression} FROM units.t")) == kept
