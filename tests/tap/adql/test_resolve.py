"""Names, types and column metadata, without a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tap import registry
from tap.adql.functions import FUNCTIONS, features
from tap.adql.lexer import AdqlError
from tap.adql.parser import parse
from tap.adql.resolve import resolve
from tap.adql.typed import Query
from tap.registry import withdraw
from tests.tap.sky import publish_sky
from vo.columns import ColumnMeta


@pytest.fixture(autouse=True, scope="module")
def _published() -> Iterator[None]:
    publish_sky()
    yield
    withdraw("test.sky")
    withdraw("test.bands")


def resolved(text: str) -> Query:
    return resolve(parse(text), registry.find, lambda: [t.meta.name for t in registry.tables()])


def columns(text: str) -> list[ColumnMeta]:
    return [meta for _, meta in resolved(text).columns]


def names(text: str) -> list[str]:
    return [c.name for c in columns(text)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT x FROM test.sky", "unknown column x"),
        ("SELECT nam FROM test.sky", "unknown column nam; did you mean name?"),
        ('SELECT "NAME" FROM test.sky', "in quotes a name keeps its case; write name"),
        ("SELECT s.nope FROM test.sky s", "unknown column nope in table s"),
        ("SELECT test.sky.name FROM test.sky s", "test.sky is no table of FROM"),
        ("SELECT t.name FROM test.sky s", "t is no table of FROM"),
        ("SELECT name FROM sky", "unknown table sky; did you mean test.sky?"),
        ("SELECT name FROM test.skye", "unknown table test.skye; did you mean test.sky?"),
        ("SELECT id FROM auth_user", "unknown table auth_user"),
        ("SELECT name FROM main.test_sky", "unknown table main.test_sky"),
        ("SELECT id FROM test.sky", "unknown column id"),
        ("SELECT pos_x FROM test.sky", "unknown column pos_x"),
        ("SELECT band FROM test.sky, test.bands", "band is ambiguous: write sky.band or bands.band"),
        ("SELECT 1 FROM test.sky, test.sky", "test.sky is there twice: give it an alias"),
        ("SELECT q.band FROM test.sky q JOIN test.bands q ON 1=1", "q is there twice"),
        ("SELECT foo(1) FROM test.sky", "unknown function foo; did you mean FLOOR?"),
        ("SELECT foobarbaz(1) FROM test.sky", "unknown function foobarbaz"),
        ("SELECT ra FROM test.sky WHERE name > 3", "cannot compare VARCHAR with INTEGER"),
        ("SELECT ra FROM test.sky WHERE n IN (1, 'a')", "cannot compare BIGINT with VARCHAR"),
        ("SELECT ra FROM test.sky WHERE seen > 'yesterday'", "no timestamp"),
        ("SELECT ra FROM test.sky WHERE s_region = s_region", "CONTAINS and INTERSECTS"),
        ("SELECT ra + name FROM test.sky", "+ takes numbers, not VARCHAR"),
        ("SELECT SIN(name) FROM test.sky", "argument 1 of SIN must be a number, not VARCHAR"),
        ("SELECT AVG(name) FROM test.sky", "AVG takes numbers"),
        ("SELECT ra FROM test.sky WHERE COUNT(*) > 1", "COUNT cannot stand in WHERE: write it in HAVING"),
        ("SELECT AVG(MAX(ra)) FROM test.sky", "MAX cannot stand in an aggregate"),
        ("SELECT band, ra FROM test.sky GROUP BY band", "column ra must be in GROUP BY"),
        ("SELECT *, COUNT(*) AS c FROM test.sky", "expected"),
        ("SELECT ra, COUNT(*) FROM test.sky", "column ra must be in GROUP BY"),
        ("SELECT band FROM test.sky GROUP BY band HAVING ra > 1", "column ra must be in GROUP BY"),
        ("SELECT band FROM test.sky GROUP BY band ORDER BY ra", "column ra must be in GROUP BY"),
        (
            "SELECT band FROM test.sky s GROUP BY band HAVING EXISTS (SELECT 1 FROM test.bands b WHERE b.ra = s.ra)",
            "column ra must be in GROUP BY",
        ),
        ("SELECT ra FROM test.sky s WHERE n IN (SELECT MAX(s.n) FROM test.bands)", "of the query around it"),
        ("SELECT " + ", ".join(["ra"] * 1501) + " FROM test.sky", "at most 1500 columns"),
        ("SELECT DISTINCT band FROM test.sky ORDER BY ra", "only columns of the result"),
        ("SELECT band FROM test.sky ORDER BY 2", "the result has columns 1 to 1"),
        ("SELECT s_region FROM test.sky ORDER BY 1", "ORDER BY does not apply to a REGION"),
        ("SELECT band FROM test.sky UNION SELECT band, ra FROM test.bands", "the same number of columns"),
        ("SELECT band FROM test.sky UNION SELECT ra FROM test.bands", "VARCHAR left of UNION"),
        ("SELECT band FROM test.sky UNION SELECT band FROM test.bands ORDER BY ra", "names of result columns"),
        ("SELECT ra FROM test.sky WHERE ra IN (SELECT ra, dec FROM test.bands)", "must have one column"),
        ("SELECT ra FROM test.sky LEFT JOIN test.bands", "LEFT JOIN needs ON"),
        ("SELECT ra FROM test.sky JOIN test.bands USING (flux)", "right side of the join has no column flux"),
        ("SELECT 1 FROM test.sky FULL JOIN test.bands ON sky.ra < bands.ra", "only equalities"),
        ("WITH a AS (SELECT ra FROM test.sky), A AS (SELECT ra FROM test.sky) SELECT ra FROM a", "defined twice"),
        ("SELECT POINT('GALACTIC', 1, 2) FROM test.sky", "'GALACTIC' is not supported"),
        ("SELECT POINT(1, 91) FROM test.sky", "latitude must be within"),
        ("SELECT CIRCLE(1, 2, -1) FROM test.sky", "radius must be within"),
        ("SELECT POLYGON(1, 2, 3, 4, 5) FROM test.sky", "POLYGON takes"),
        ("SELECT POLYGON(1, 2, 1, 2, 1, 2) FROM test.sky", "at least 3 different vertices"),
        ("SELECT POLYGON(0, 0, 5, 5, 5, 0, 0, 5) FROM test.sky", "cross each other"),
        ("SELECT CAST('0 0 5 5 5 0 0 5' AS POLYGON) FROM test.sky", "cross each other"),
        ("SELECT REGION('POLYGON ICRS 0 0 5 5 5 0 0 5') FROM test.sky", "cross each other"),
        ("SELECT REGION('UNION ICRS') FROM test.sky", "no known shape"),
        ("SELECT DISTANCE(ra, dec) FROM test.sky", "DISTANCE takes 4 arguments of this kind, not 2"),
        ("SELECT IN_UNIT(n, 'deg') FROM test.sky", "this one has none"),
        ("SELECT IN_UNIT(ra, 'Jy') FROM test.sky", "deg cannot be converted to Jy"),
        ("SELECT IN_UNIT(ra, 'furlongs') FROM test.sky", "no VOUnit"),
        ("SELECT COALESCE(ra, name) FROM test.sky", "different types"),
        ("SELECT CAST(s_region AS INTEGER) FROM test.sky", "CAST does not make INTEGER of REGION"),
    ],
)
def test_mistakes_are_found_before_the_database_sees_them(query: str, said: str) -> None:
    """ADQL 2.1 section 2.2; checklist ADQL-90 and ADQL-91."""
    with pytest.raises(AdqlError) as caught:
        resolved(query)
    assert said in caught.value.located(query).message


def test_names_ignore_case_and_quoted_ones_do_not() -> None:
    """ADQL 2.1 section 2.1.6; result names are as published or as the alias says."""
    assert names('SELECT t.RA, T."dec", t.Name AS "My Name" FROM TEST.Sky AS t') == ["ra", "dec", "My Name"]
    assert names("SELECT sky.ra, test.sky.dec FROM test.sky") == ["ra", "dec"]
    assert names('SELECT "size" FROM test.sky') == ["size"]


def test_names_of_results_are_unique() -> None:
    """TAP 1.1 section 3.2: FIELD names differ, whatever their case."""
    assert names("SELECT ra, ra, dec AS RA, 1, 1+1 AS ra_2, COUNT(*) FROM test.bands GROUP BY ra, dec") == [
        "ra",
        "ra_3",
        "RA_4",
        "col_4",
        "ra_2",
        "count_6",
    ]


def test_metadata_travel_with_columns() -> None:
    """TAP 1.1 section 3.2: unit, UCD, description and type of result columns, through sub-queries, joins and sets."""
    for query in (
        "SELECT flux AS f FROM test.sky",
        "SELECT q.f FROM (SELECT s.flux AS f FROM test.sky s) AS q",
        "WITH w AS (SELECT flux AS f FROM test.sky) SELECT f FROM w",
        "SELECT flux AS f FROM test.sky UNION ALL SELECT energy FROM test.bands",
        "SELECT s.flux AS f FROM test.sky s LEFT JOIN test.bands b ON s.band = b.band",
        "SELECT MIN(flux) AS f FROM test.sky",
        "SELECT COALESCE(flux, 0) AS f FROM test.sky",
    ):
        (column,) = columns(query)
        assert (column.name, column.datatype, column.unit, column.ucd) == ("f", "double", "Jy", "phot.flux"), query
    made = columns(
        "SELECT AVG(mag), SUM(n), ra + 1, ra * 2, DEGREES(ra), seen, s_region, POINT(ra, dec), COUNT(*), name || 'x', "
        "UPPER(band), NULL, IN_UNIT(ra, 'arcsec'), MAX(seen), DISTANCE(ra, dec, 0, 0), CAST(ra AS REAL), n / 2, 1.5 "
        "FROM test.sky GROUP BY ra, dec, seen, s_region, name, band, n"
    )
    assert [(c.datatype, c.arraysize, c.xtype, c.unit) for c in made] == [
        ("double", None, None, "mag"),
        ("long", None, None, None),
        ("double", None, None, "deg"),
        ("double", None, None, "deg"),
        ("double", None, None, "deg"),
        ("char", "*", "timestamp", None),
        ("char", "*", "adql:REGION", None),
        ("double", "2", "point", "deg"),
        ("long", None, None, None),
        ("unicodeChar", "*", None, None),
        ("char", "*", None, None),
        ("char", "*", None, None),
        ("double", None, None, "arcsec"),
        ("char", "*", "timestamp", None),
        ("double", None, None, "deg"),
        ("float", None, None, "deg"),
        ("long", None, None, None),
        ("double", None, None, None),
    ]


def test_natural_and_using_columns_come_once() -> None:
    """ADQL 2.1 section 2.2.2, SQL-92 section 7.5."""
    assert names("SELECT * FROM test.bands NATURAL JOIN test.sky")[:4] == ["band", "ra", "dec", "energy"]
    both = names("SELECT * FROM test.sky s JOIN test.bands b USING (band)")
    assert both[0] == "band"
    assert both.count("band") == 1
    assert "ra" in both
    assert "ra_2" in both
    assert names("SELECT band, s.band FROM test.sky s JOIN test.bands b USING (band)") == ["band", "band_2"]


def test_common_tables_hide_tables_and_see_earlier_ones() -> None:
    """ADQL 2.1 section 4.5."""
    assert names("WITH a AS (SELECT ra FROM test.sky), b AS (SELECT ra AS x FROM a) SELECT * FROM b, a") == ["x", "ra"]


def test_sub_queries_see_the_tables_around_them() -> None:
    """ADQL 2.1 section 2.2.1: correlation; the nearest table of a name wins."""
    resolved(
        "SELECT ra FROM test.sky s WHERE EXISTS (SELECT 1 FROM test.bands WHERE energy > s.flux AND band = s.band)"
    )
    with pytest.raises(AdqlError, match="s is no table"):
        resolved("SELECT ra FROM test.sky s, (SELECT 1 AS one FROM test.bands WHERE energy > s.flux) AS q")


def test_what_is_declared_is_there() -> None:
    """TAPRegExt 1.0 section 2.3, ADQL 2.1 section 4.1: declared functions exist, others are unknown."""
    declared = {form for members in features().values() for form, _ in members}
    assert {
        "POINT",
        "CIRCLE",
        "CONTAINS",
        "DISTANCE",
        "WITH",
        "UNION",
        "CAST",
        "COALESCE",
        "UPPER",
        "OFFSET",
    } <= declared
    optional = {form for f in FUNCTIONS.values() if f.group is not None for form in f.forms}
    assert optional <= declared
    with pytest.raises(AdqlError, match="unknown function"):
        resolved("SELECT ivo_simbadpoint('Crab') FROM test.sky")
