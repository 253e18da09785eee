"""Queries that generated tests have found the databases, or the oracle, to disagree about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tap.differential.databases import Databases

pytestmark = pytest.mark.django_db

BIG = "9007199254740993"
"""2**53 + 1, which no double holds."""


@pytest.mark.parametrize(
    ("adql", "expected"),
    [
        # A BIGINT is compared with a double as a double, however it is written.
        ("SELECT n FROM diff.a WHERE n = x AND n > 1", [9007199254740993]),
        ("SELECT n FROM diff.a WHERE n <> x AND n > 9000000000000000", [9223372036854775807]),
        ("SELECT n FROM diff.a WHERE n BETWEEN 9007199254740993 AND x AND k IS NULL", [9007199254740993]),
        ("SELECT n FROM diff.a WHERE n IN (9007199254740992.0, 2.5)", [9007199254740993]),
        ("SELECT n FROM diff.a WHERE n IN (9007199254740992, 2.5)", []),
        ("SELECT n FROM diff.a WHERE n IN (SELECT x FROM diff.a) AND n > 1", [9007199254740993]),
        ("SELECT a.n FROM diff.a AS a JOIN diff.a AS b ON a.n = b.x WHERE a.n > 1", [9007199254740993]),
        (f"SELECT x FROM diff.a WHERE x = {BIG}", [9007199254740992.0]),
        (f"SELECT x FROM diff.a WHERE x IN ({BIG})", [9007199254740992.0]),
        ("SELECT CAST(COALESCE(n, x) AS VARCHAR) FROM diff.a WHERE n > 9000000000000000 AND k IS NULL",
         ["9.007199254740992e+15"]),
        # Lists: constants, columns, NULL.
        ("SELECT k FROM diff.b WHERE k IN (5, h, NULL)", [0, 5]),
        ("SELECT k FROM diff.b WHERE k NOT IN (1, 2)", [0, 0, 5]),
        ("SELECT k FROM diff.b WHERE k NOT IN (1, NULL)", []),
        ("SELECT k FROM diff.b WHERE NULL IN (1, 2)", []),
        ("SELECT k FROM diff.b WHERE k = NULL OR NULL < x OR s <> NULL OR t = NULL OR NULL BETWEEN k AND x", []),
        ("SELECT k FROM diff.b WHERE NULL IN (SELECT k FROM diff.b) OR NULL = NULL", []),
        ("SELECT s FROM diff.b WHERE s LIKE NULL OR NULL ILIKE s OR UPPER(NULL) = s", []),
        ("SELECT k FROM diff.b WHERE t IN ('1999-12-31T23:59:59', '2004-03-22')", [None, 0]),
        ("SELECT k FROM diff.b WHERE f IN (1) AND s IN ('Crab', 'it''s', 'ß')", [0, 1]),
        ("SELECT x FROM diff.b WHERE x IN (+0.25, - .25, -2.5E0, 1.)", [-2.5, 0.25, 1.0]),
        # Sums and means: only the whole may overflow; squares are not needed.
        ("SELECT SUM(n) FROM diff.a", [9007199254740985]),
        ("SELECT SUM(DISTINCT n) FROM diff.a", [9007199254740992]),
        ("SELECT AVG(x) FROM diff.a WHERE x > 1e299 OR x < 0", [pytest.approx(1e300 / 3)]),
        ("SELECT SUM(n) FROM diff.a WHERE n < -100000 GROUP BY n HAVING SUM(n) < 0", [-9223372036854775807]),
        # Numbers as texts have the digits of their own precision.
        ("SELECT CAST(r AS VARCHAR) FROM diff.a WHERE r > 3 OR r < 0",
         ["-1e-30", "-2.5", "1.234567e+06", "1.6777216e+07", "123456", "1e+30", "3.4e+38"]),
        ("SELECT 'r=' || r FROM diff.b WHERE r < 0.2 AND k IS NOT NULL", ["r=-0.75", "r=0.1"]),
        ("SELECT TOP 1 ATAN2(0.0, -0.0) * 0.5 - ACOS(0.0) FROM diff.a", [0.0]),
        ("SELECT COALESCE(k) FROM diff.b WHERE h = 5", [1, 1]),
        ("SELECT COUNT(*) FROM diff.b GROUP BY AREA(POLYGON(1, 1, 2, 1, 2, 2))", [7]),
        ("SELECT AREA(POLYGON(1, 1, 2, 1, 2, 2)) - AREA(POLYGON(1, 1, 2, 1, 2, 2)) FROM diff.b "
         "GROUP BY AREA(POLYGON(1, 1, 2, 1, 2, 2))", [0.0]),
        ("SELECT TOP 1 ROUND(DISTANCE(0, 1, 1e-12, 1.000000000001) * 1e17) FROM diff.a", [141417.0]),
    ],
)  # fmt: skip
def test_agreement(databases: Databases, adql: str, expected: list[Any]) -> None:
    found = [value for (value,) in databases.rows(adql)]
    assert sorted(found, key=_key) == sorted(expected, key=_key)


def _key(value: Any) -> tuple[bool, str]:
    return (value is not None, value if isinstance(value, str) else f"{getattr(value, 'expected', value) or 0:+030.6f}")


@pytest.mark.parametrize(
    "expression",
    [
        *("CAST('NaN' AS DOUBLE PRECISION)", "CAST('Infinity' AS REAL)", "CAST('0x1F' AS INTEGER)"),
        *("CAST('1_000' AS BIGINT)", "CAST('1e5' AS INTEGER)", "CAST('1e-999' AS DOUBLE PRECISION)"),
        *(f"CAST('{'9' * 5000}' AS INTEGER)", "CAST('٣' AS INTEGER)", "CAST('1 2' AS REAL)", "CAST('' AS SMALLINT)"),
        *("SUM(b.x)", "AVG(-b.x)", "SUM(b.n)"),
    ],
)
def test_no_value(databases: Databases, expression: str) -> None:
    """The sums are of numbers that all are in range."""
    many = "SELECT a.x * 1e8 AS x, a.n FROM diff.a AS a, diff.b WHERE a.n > 9100000000000000"
    assert databases.refused(f"SELECT {expression} FROM ({many}) AS b")


def test_texts_that_are_numbers(databases: Databases) -> None:
    """Blanks around a number, signs, points without digits, leading zeros."""
    ((*found,),) = databases.rows(
        "SELECT TOP 1 CAST(' +12 ' AS INTEGER), CAST('-.5e1' AS DOUBLE PRECISION), CAST('5.' AS REAL), "
        f"CAST('{'0' * 5000}7' AS SMALLINT), CAST('0e-999' AS DOUBLE PRECISION) FROM diff.a"
    )
    assert found == [12, -5.0, 5.0, 7, 0.0]


def test_polygons_of_many_corners(databases: Databases) -> None:
    """More corners than a function of the database has arguments, as numbers and as points."""
    corners = [(100 + i / 10, 10 - (i - 50) ** 2 / 1000) for i in range(101)]
    numbers = ", ".join(f"{lon}, {lat}" for lon, lat in corners)
    points = ", ".join(f"POINT({lon}, {lat})" for lon, lat in corners)
    rows = databases.rows(
        f"SELECT TOP 1 CONTAINS(POINT(105, 9), POLYGON({numbers})), CONTAINS(POINT(105, 6), POLYGON({points})) "
        "FROM diff.a"
    )
    assert rows == [(1, 0)]
