"""Rows of queries against the generated rows in Python: the same on both databases."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tap.registry import Viewer, publish, withdraw
from tap.service import prepare
from tests.tap.sky import BANDS, CONTEXT, SKY, SkyRow, answer, band_rows, close, publish_sky
from vo.arrow import arrow_schema

pytestmark = pytest.mark.django_db

Row = tuple[Any, ...]


def same(found: list[Row], expected: list[Row]) -> bool:
    """The same rows in the same order, numbers up to rounding."""
    return len(found) == len(expected) and all(
        len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(found, expected, strict=True)
    )


def text_key(value: str | None) -> tuple[bool, bytes]:
    """Order of texts: bytewise, NULL last."""
    return (value is None, (value or "").encode())


def number_key(value: float | None) -> tuple[bool, float]:
    return (value is None, value or 0)


WHERE: list[tuple[str, Callable[[SkyRow], bool | None]]] = [
    ("n > 10", lambda r: r.n is not None and r.n > 10),
    ("NOT n > 10", lambda r: r.n is not None and not r.n > 10),
    ("n <> 3", lambda r: r.n is not None and r.n != 3),
    ("n BETWEEN -5 AND 5", lambda r: r.n is not None and -5 <= r.n <= 5),
    ("n NOT BETWEEN -5 AND 5", lambda r: r.n is not None and not -5 <= r.n <= 5),
    ("n IN (1, 2.0, 3)", lambda r: r.n in (1, 2, 3)),
    ("n NOT IN (1, 2, 3)", lambda r: r.n is not None and r.n not in (1, 2, 3)),
    ("n NOT IN (1, NULL)", lambda r: False),
    ("n IS NULL", lambda r: r.n is None),
    ("name IS NOT NULL", lambda r: r.name is not None),
    ("name = 'Crab'", lambda r: r.name == "Crab"),
    ("name = ''", lambda r: r.name == ""),
    ("name LIKE 'C%'", lambda r: r.name is not None and r.name.startswith("C")),
    ("name LIKE '%ab'", lambda r: r.name is not None and r.name.endswith("ab")),
    ("name LIKE '100\\%'", lambda r: False),
    ("name LIKE 'a_b'", lambda r: r.name == "a_b"),
    ("name NOT LIKE '%a%'", lambda r: r.name is not None and "a" not in r.name),
    ("name LIKE '_ngström'", lambda r: r.name == "Ångström"),
    ("name ILIKE 'c%'", lambda r: r.name is not None and r.name.lower().startswith("c")),
    ("name ILIKE 'ÅNG%'", lambda r: r.name == "Ångström"),
    ("name NOT ILIKE '%A%'", lambda r: r.name is not None and "a" not in r.name.lower()),
    ("name > 'a'", lambda r: r.name is not None and r.name.encode() > b"a"),
    ("name BETWEEN 'C' AND 'a'", lambda r: r.name is not None and b"C" <= r.name.encode() <= b"a"),
    ("name = 'it''s'", lambda r: r.name == "it's"),
    ("UPPER(name) = 'ÅNGSTRÖM'", lambda r: r.name == "Ångström"),
    ("LOWER(name) = 'ωmega'", lambda r: r.name == "Ωmega"),
    ("name || band = 'CrabTeV'", lambda r: r.name == "Crab" and r.band == "TeV"),
    ("flag = 1", lambda r: r.flag is True),
    ("flag <> 1", lambda r: r.flag is False),
    ("seen >= '2010-06-01'", lambda r: r.seen is not None and r.seen >= datetime(2010, 6, 1)),
    (
        "seen < CAST('2010-06-01T12:30:00.25Z' AS TIMESTAMP)",
        lambda r: r.seen is not None and r.seen < datetime(2010, 6, 1, 12, 30, 0, 250000),
    ),
    (
        "seen BETWEEN '2008-01-01' AND '2009-01-01T00:00:00'",
        lambda r: r.seen is not None and datetime(2008, 1, 1) <= r.seen <= datetime(2009, 1, 1),
    ),
    ("n > 0 AND flux > 1 OR band = 'TeV'", lambda r: (gt(r.n, 0) and gt(r.flux, 1)) or r.band == "TeV"),
    ("n > 0 AND (flux > 1 OR band = 'TeV')", lambda r: gt(r.n, 0) and (gt(r.flux, 1) or r.band == "TeV")),
    ("NOT (n > 0 AND flux > 1)", lambda r: not_(and_(tri(r.n, 0), tri(r.flux, 1)))),
    ("NOT (n > 0 OR flux > 1)", lambda r: r.n is not None and r.flux is not None and not (r.n > 0 or r.flux > 1)),
    ("n / 2 = -3", lambda r: r.n in (-6, -7)),
    ("MOD(n, 7) = -3", lambda r: r.n is not None and math.fmod(r.n, 7) == -3),
    ("n = 2.5 * 4 - 1e1 + 3", lambda r: r.n == 3),
    ("n - (3 - 1) = 1 AND n - 3 - 1 = -1", lambda r: r.n == 3),
    ("- n > 40", lambda r: r.n is not None and -r.n > 40),
    ("band IN (SELECT band FROM test.bands)", lambda r: r.band in ("TeV", "GeV", "radio")),
    (
        "band NOT IN (SELECT b.band FROM test.bands b WHERE b.energy > 1)",
        lambda r: r.band is not None and r.band != "TeV",
    ),
    (
        "EXISTS (SELECT 1 FROM test.bands b WHERE b.band = sky.band AND b.energy < sky.flux)",
        lambda r: any(b[1] == r.band and b[2] is not None and gt(r.flux, b[2]) for b in band_rows()),
    ),
    (
        "NOT EXISTS (SELECT * FROM test.bands b WHERE b.band = sky.band)",
        lambda r: r.band not in ("TeV", "GeV", "radio"),
    ),
    ("n IN (SELECT MAX(n) FROM test.sky)", lambda r: r.n == 49),
    ("'TeV' = band AND 5 < n", lambda r: r.band == "TeV" and gt(r.n, 5)),
    ("COALESCE(n, -1000) = -1000", lambda r: r.n is None),
    ('"size" = 3', lambda r: r.size == 3),
    (" OR ".join(f"n = {i}" for i in range(2000)), lambda r: r.n is not None and r.n >= 0),
    (f"n IN ({', '.join(str(i) for i in range(20_000))})", lambda r: r.n is not None and r.n >= 0),
]


def gt(value: float | None, bound: float) -> bool:
    return value is not None and value > bound


def tri(value: float | None, bound: float) -> bool | None:
    return None if value is None else value > bound


def and_(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def not_(a: bool | None) -> bool:
    return a is False


@pytest.mark.parametrize(("condition", "rule"), WHERE, ids=[c[:60] for c, _ in WHERE])
def test_conditions(sky: list[SkyRow], condition: str, rule: Callable[[SkyRow], bool | None]) -> None:
    """ADQL 2.1 section 2.2.3, three-valued logic included."""
    expected = {r.obs_id for r in sky if rule(r)}
    assert {row[0] for row in answer(f"SELECT obs_id FROM test.sky WHERE {condition}")} == expected


def test_all_columns_come_back_as_they_are(sky: list[SkyRow]) -> None:
    """Every type of column, NULL included; the computed column follows the request."""
    found = answer("SELECT * FROM test.sky ORDER BY obs_id")
    expected = [
        (
            *(r.obs_id, r.ra, r.dec, r.name, r.band, r.flux, r.mag, r.n, r.flag, r.seen, r.s_region),
            None if r.band is None else f"http://127.0.0.1:8000/{r.band}",
            r.size,
        )
        for r in sky
    ]
    assert found == expected
    query = prepare("SELECT * FROM test.sky", CONTEXT)
    assert query.columns == SKY.columns
    with query.run() as rows:
        batches = list(rows)
    assert all(b.schema.equals(arrow_schema(query.columns)) for b in batches)


@pytest.mark.parametrize("direction", ["", " DESC"])
@pytest.mark.parametrize("column", ["name", "flux", "seen", "n", "UPPER(name)", "1"])
def test_order(sky: list[SkyRow], column: str, direction: str) -> None:
    """Texts bytewise, NULL as if largest, the same on both databases."""
    found = answer(f"SELECT name, flux, seen, n, obs_id FROM test.sky ORDER BY {column}{direction}, obs_id")

    def key(r: SkyRow) -> tuple[bool, Any]:
        if column in ("name", "1"):
            return text_key(r.name)
        if column == "UPPER(name)":
            return text_key(None if r.name is None else r.name.upper())
        if column == "seen":
            return (r.seen is None, r.seen or datetime.min)
        return number_key(getattr(r, column))

    expected = sorted(sorted(sky, key=lambda r: r.obs_id), key=key, reverse=bool(direction))
    assert [row[4] for row in found] == [r.obs_id for r in expected]


def test_top_offset_distinct(sky: list[SkyRow]) -> None:
    """ADQL 2.1 section 4.10: ORDER BY, then OFFSET, then TOP, then MAXREC."""
    numbers = sorted(r.obs_id for r in sky)
    assert [r[0] for r in answer("SELECT TOP 3 obs_id FROM test.sky ORDER BY obs_id OFFSET 5")] == numbers[5:8]
    assert answer("SELECT TOP 0 obs_id FROM test.sky") == []
    assert [r[0] for r in answer("SELECT obs_id FROM test.sky ORDER BY obs_id OFFSET 1990")] == numbers[1990:]
    bands = sorted({r.band for r in sky}, key=text_key)
    assert [r[0] for r in answer("SELECT DISTINCT band FROM test.sky ORDER BY band")] == bands
    inner = "SELECT TOP 4 obs_id FROM test.sky ORDER BY obs_id DESC OFFSET 2"
    assert sorted(r[0] for r in answer(f"SELECT obs_id FROM ({inner}) AS q")) == numbers[-6:-2]


@pytest.mark.parametrize(
    ("top", "maxrec", "count", "overflow"),
    [("", 7, 7, True), ("TOP 5", 7, 5, False), ("TOP 7", 7, 7, False), ("TOP 9", 7, 7, True), ("", 0, 0, True),
     ("", 2000, 2000, False), ("", 1999, 1999, True), ("", None, 2000, False)],
)  # fmt: skip
def test_maxrec(sky: list[SkyRow], top: str, maxrec: int | None, count: int, overflow: bool) -> None:
    """TAP 1.1 section 2.7.4."""
    with prepare(f"SELECT {top} obs_id FROM test.sky", CONTEXT).run(maxrec=maxrec) as rows:
        assert sum(len(b) for b in rows) == count
        assert rows.overflow is overflow


def test_groups(sky: list[SkyRow]) -> None:
    """Aggregates skip NULL; groups of NULL; HAVING; expressions as groups; aliases in ORDER BY."""
    groups: dict[str | None, list[SkyRow]] = defaultdict(list)
    for r in sky:
        groups[r.band].append(r)

    def numbers(rows: list[SkyRow], name: str) -> list[Any]:
        return [v for r in rows if (v := getattr(r, name)) is not None]

    expected = [
        (
            band,
            len(rows),
            len(numbers(rows, "n")),
            len(set(numbers(rows, "n"))),
            sum(numbers(rows, "n")),
            sum(numbers(rows, "n")) / len(numbers(rows, "n")),
            math.fsum(numbers(rows, "flux")) / len(numbers(rows, "flux")),
            min(numbers(rows, "name"), key=str.encode),
            max(numbers(rows, "seen")),
            min(numbers(rows, "flux")),
        )
        for band, rows in sorted(groups.items(), key=lambda item: text_key(item[0]))
    ]
    found = answer(
        "SELECT band, COUNT(*) AS c, COUNT(n), COUNT(DISTINCT n), SUM(n), AVG(n), AVG(flux), MIN(name), MAX(seen), "
        "MIN(flux) FROM test.sky GROUP BY band HAVING COUNT(*) > 1 ORDER BY band"
    )
    assert same(found, expected)
    halves = Counter(r.n // 10 if r.n >= 0 else -(-r.n // 10) for r in sky if r.n is not None)
    found = answer("SELECT n/10 AS tens, COUNT(*) FROM test.sky WHERE n BETWEEN -99 AND 99 GROUP BY n/10 ORDER BY 1")
    assert found == sorted(halves.items())
    assert (
        answer("SELECT n/10 AS tens, COUNT(*) FROM test.sky WHERE n BETWEEN -99 AND 99 GROUP BY tens ORDER BY tens")
        == found
    )
    assert answer("SELECT COUNT(*), SUM(n), MAX(name) FROM test.sky WHERE n > 1000") == [(0, None, None)]
    assert answer("SELECT 1 FROM test.sky GROUP BY band HAVING MIN(n) > 1000") == []
    assert answer("SELECT COUNT(*) FROM test.sky HAVING COUNT(*) > 3") == [(len(sky),)]


JOINS = [
    ("JOIN", lambda ours, theirs: ours and theirs),
    ("INNER JOIN", lambda ours, theirs: ours and theirs),
    ("LEFT JOIN", lambda ours, theirs: ours),
    ("RIGHT OUTER JOIN", lambda ours, theirs: theirs),
    ("FULL OUTER JOIN", lambda ours, theirs: True),
]


@pytest.mark.parametrize(("kind", "keep"), JOINS)
def test_joins(sky: list[SkyRow], kind: str, keep: Callable[[bool, bool], bool]) -> None:
    """ADQL 2.1 section 2.2.2: ON and USING, outer joins; the merged column of USING."""
    expected: list[Row] = []
    matched = set()
    for r in sky:
        partners = [b for b in band_rows() if b[1] == r.band]
        matched |= {b[0] for b in partners}
        expected += [(r.obs_id, r.band, b[2], b[1]) for b in partners]
        if not partners and keep(True, False):
            expected.append((r.obs_id, r.band, None, None))
    if keep(False, True):
        expected += [(None, None, b[2], b[1]) for b in band_rows() if b[0] not in matched]

    def key(row: Row) -> Any:
        return (number_key(row[0]), text_key(row[1]), number_key(row[2]))

    found = answer(f"SELECT s.obs_id, s.band, b.energy, b.band FROM test.sky s {kind} test.bands b ON s.band = b.band")
    assert sorted(found, key=key) == sorted(expected, key=key)
    merged = answer(f"SELECT obs_id, band, energy FROM test.sky s {kind} test.bands b USING (band)")
    expected = [(number, ours if ours is not None else theirs, energy) for number, ours, energy, theirs in expected]
    assert sorted(merged, key=key) == sorted(expected, key=key)


def test_other_joins(sky: list[SkyRow]) -> None:
    """Comma, JOIN without condition, NATURAL, nested parentheses, self joins."""
    assert answer("SELECT COUNT(*) FROM test.sky, test.bands") == [(len(sky) * 4,)]
    assert answer("SELECT COUNT(*) FROM test.sky JOIN test.bands") == [(len(sky) * 4,)]
    natural = answer(
        "SELECT COUNT(*) FROM (SELECT band, obs_id FROM test.sky) AS a NATURAL JOIN (SELECT band FROM test.bands) AS b"
    )
    assert natural == [(sum(r.band == b[1] for r in sky for b in band_rows()),)]
    nested = answer(
        "SELECT COUNT(*) FROM test.sky s LEFT JOIN (test.bands b JOIN test.bands c ON b.energy < c.energy) "
        "ON s.band = b.band"
    )
    smaller = Counter(
        b[1] for b in band_rows() for c in band_rows() if b[2] is not None and c[2] is not None and b[2] < c[2]
    )
    assert nested == [(sum(max(smaller.get(r.band or "", 0), 1) for r in sky),)]


def test_set_operators(sky: list[SkyRow]) -> None:
    """ADQL 2.1 section 4.6, ALL included, and their precedence."""
    ours, theirs = Counter(r.band for r in sky), Counter(b[1] for b in band_rows())

    def found(operator: str) -> Counter[str | None]:
        return Counter(r[0] for r in answer(f"SELECT band FROM test.sky {operator} SELECT band FROM test.bands"))

    assert found("UNION") == Counter(set(ours) | set(theirs))
    assert found("UNION ALL") == ours + theirs
    assert found("EXCEPT") == Counter(set(ours) - set(theirs))
    assert found("INTERSECT") == Counter(set(ours) & set(theirs))
    assert found("EXCEPT ALL") == ours - theirs
    assert found("INTERSECT ALL") == ours & theirs
    one = "SELECT TOP 1 {} AS x FROM test.sky"
    three = [one.format(n) for n in (1, 2, 1)]
    assert sorted(answer(f"{three[0]} UNION {three[1]} INTERSECT {three[2]}")) == [(1,)]
    assert sorted(answer(f"({three[0]} UNION {three[1]}) INTERSECT {three[2]}")) == [(1,)]
    assert sorted(answer(f"{three[0]} EXCEPT {three[1]} UNION {three[2]}")) == [(1,)]
    assert sorted(answer(f"{three[0]} EXCEPT ({three[1]} UNION {three[2]})")) == []
    assert answer(f"{three[0]} UNION {three[1]} ORDER BY x DESC OFFSET 1") == [(1,)]
    assert answer(f"{one.format('NULL')} UNION {one.format('2.5')} ORDER BY x") == [(2.5,), (None,)]
    assert answer(f"{one.format('1')} UNION ALL {one.format('2.5')} ORDER BY x") == [(1.0,), (2.5,)]


def test_common_tables(sky: list[SkyRow]) -> None:
    """ADQL 2.1 section 4.5."""
    found = answer(
        "WITH bright AS (SELECT obs_id, band FROM test.sky WHERE flux > 1), "
        "tev AS (SELECT * FROM bright WHERE band = 'TeV') "
        "SELECT a.obs_id FROM tev a JOIN bright b ON a.obs_id = b.obs_id WHERE a.obs_id IN (SELECT obs_id FROM tev)"
    )
    assert {r[0] for r in found} == {r.obs_id for r in sky if gt(r.flux, 1) and r.band == "TeV"}


def test_casts(sky: list[SkyRow]) -> None:
    """ADQL 2.1 section 4.7: fractions are cut, texts as they are written, timestamps in DALI form."""
    ((*found,),) = answer(
        "SELECT TOP 1 CAST(-2.7 AS INTEGER), CAST('12' AS BIGINT), CAST(' -3 ' AS SMALLINT), "
        "CAST('2.5e1' AS DOUBLE PRECISION), "
        "CAST(0.1 AS REAL), CAST(42 AS VARCHAR), CAST(2.50 AS CHAR(10)), CAST(1e20 AS VARCHAR(10)), "
        "CAST(123456 AS VARCHAR(3)), "
        "CAST('2004-03-22T12:30:00.50' AS TIMESTAMP), CAST(CAST('2004-03-22' AS TIMESTAMP) AS VARCHAR), 'n' || 3, "
        "CAST(NULL AS INTEGER), CAST(1e15 AS VARCHAR), CAST(0.00001 AS VARCHAR), "
        "CAST(CAST('2004-03-22T12:30:00.50' AS TIMESTAMP) AS VARCHAR) FROM test.sky"
    )
    single = 0.10000000149011612
    assert found == [
        *(-2, 12, -3, 25.0, single, "42", "2.5", "1e+20", "123"),
        *(datetime(2004, 3, 22, 12, 30, 0, 500000), "2004-03-22T00:00:00", "n3", None, "1e+15", "1e-05"),
        "2004-03-22T12:30:00.5",
    ]


def test_rows_of_a_viewer_only(sky: list[SkyRow]) -> None:
    """The row policy of a published table holds in sub-queries, joins and aggregates too, with the index."""
    publish_sky()
    from dataclasses import replace

    from tap.registry import find

    table = find("test.sky")
    assert table is not None
    secret = replace(
        table, rows=lambda from_, viewer: None if viewer.is_curator else from_.c.band == (viewer.name or "none")
    )
    publish(secret)
    try:
        curator = replace(CONTEXT, viewer=Viewer("x", is_curator=True))
        tev = replace(CONTEXT, viewer=Viewer("TeV"))
        everything = [r for r in sky if r.n is not None]
        for query in (
            "SELECT COUNT(n) FROM test.sky",
            "SELECT SUM(c) FROM (SELECT COUNT(n) AS c FROM test.sky GROUP BY flag) AS q",
            "SELECT COUNT(s.n) FROM test.sky s LEFT JOIN test.sky t ON s.obs_id = t.obs_id",
            "SELECT COUNT(n) FROM test.sky WHERE obs_id IN (SELECT obs_id FROM test.sky)",
        ):
            assert answer(query) == [(sum(r.band == "none" for r in everything),)], query
            assert answer(query, context=tev) == [(sum(r.band == "TeV" for r in everything),)], query
            assert answer(query, context=curator) == [(len(everything),)], query
        cone = "SELECT COUNT(*) FROM test.sky WHERE DISTANCE(ra, dec, 83.63, 22.01) < 2"
        assert answer(cone)[0][0] + answer(cone, context=tev)[0][0] < answer(cone, context=curator)[0][0]
    finally:
        publish(table)


def test_descriptors_follow_their_columns(sky: list[SkyRow]) -> None:
    """DataLink 1.1 section 4: attached when the columns that its inputs refer to are in the result."""
    for query, name in (
        ("SELECT obs_id, ra FROM test.sky", "obs_id"),
        ("SELECT obs_id AS x FROM test.sky", "x"),
        ("SELECT * FROM (SELECT obs_id AS y FROM test.sky) AS q", "y"),
        ("WITH w AS (SELECT obs_id FROM test.sky) SELECT obs_id FROM w", "obs_id"),
    ):
        (descriptor,) = prepare(query, CONTEXT).descriptors
        assert [column for _, column in descriptor.inputs] == [name]
    for query in (
        "SELECT ra FROM test.sky",
        "SELECT obs_id + 1 AS obs_id FROM test.sky",
        "SELECT energy FROM test.bands",
    ):
        assert prepare(query, CONTEXT).descriptors == ()
    assert [t.meta.name for t in prepare("SELECT 1 FROM test.sky, test.bands", CONTEXT).tables] == [
        SKY.name,
        BANDS.name,
    ]


@pytest.fixture(autouse=True)
def _published_again(sky: list[SkyRow]) -> None:
    """Tests may publish the table otherwise; each starts from the same."""
    withdraw("test.sky")
    publish_sky()
