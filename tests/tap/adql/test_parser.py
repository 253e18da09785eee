"""The parser: the standard's grammar, and messages that say where and what instead."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tap.adql import tree
from tap.adql.lexer import RESERVED, AdqlError
from tap.adql.parser import parse


def refused(query: str) -> AdqlError | None:
    try:
        parse(query)
    except AdqlError as error:
        return error
    return None


@pytest.fixture(scope="module")
def samples(shared: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "standards" / "adql_queries_dev.json").read_text())
    return [sample for sample in found if not sample["contested"]]


def test_valid_queries_of_others_parse(samples: list[dict[str, Any]]) -> None:
    """ADQL 2.1 appendix A: every uncontested valid query is accepted."""
    missed = [(s["id"], s["query"], refused(s["query"])) for s in samples if s["valid"] and refused(s["query"])]
    assert not missed
    assert sum(s["valid"] for s in samples) > 600


def test_invalid_queries_of_others_are_refused_where_they_go_wrong(samples: list[dict[str, Any]]) -> None:
    """ADQL 2.1 appendix A: every uncontested invalid query is refused, not after the first impossible token."""
    invalid = [s for s in samples if not s["valid"]]
    missed = []
    for sample in invalid:
        error = refused(sample["query"])
        if error is None or error.at > sample["error_pos"]:
            missed.append((sample["id"], sample["query"], error))
    assert not missed
    assert len(invalid) > 100


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ("", (1, 1), "too early, expected SELECT"),
        ("SELECT date FROM t", (1, 8), 'date is a reserved word; as a name write "date"'),
        ("SELECT a, size FROM t", (1, 11), 'size is a reserved word; as a name write "size"'),
        ("SELECT region, a FROM t", (1, 8), 'region is a reserved word; as a name write "region"'),
        ("SELECT a FROM t LIMIT 10", (1, 23), "ADQL has no LIMIT: write SELECT TOP n"),
        ("SELECT a\nFROM t\nWHERE CONTAINS(POINT(1,2),b)", (3, 7), "write 1=CONTAINS(…)"),
        ("SELECT a FROM t WHERE INTERSECTS(b,c) AND d=1", (1, 23), "write 1=INTERSECTS(…)"),
        ("SELECT a>b FROM t", (1, 8), "a condition stands where a value is expected"),
        ("SELECT a FROM t WHERE b", (1, 23), "a value stands where a condition is expected"),
        ("SELECT a FROM t;;", (1, 17), "nothing may follow the ;"),
        ("SELECT a FROM t; DROP TABLE x", (1, 18), "nothing can be changed"),
        ("DROP TABLE x", (1, 1), "nothing can be changed"),
        ("SELECT a FROM t WHERE b = ''c''", (1, 29), "between single quotes"),
        ("SELECT a FROM t WHERE b = 'c", (1, 27), "not closed"),
        ('SELECT "" FROM t', (1, 8), "empty or not closed"),
        ("SELECT a FROM t WHERE a % 2 = 0", (1, 25), "MOD(x, y)"),
        ("SELECT a FROM t WHERE a == 2", (1, 26), "unexpected '='"),
        ("SELECT 2mass FROM t", (1, 8), "names begin with a letter"),
        ("SELECT _x FROM t", (1, 8), "names begin with a letter"),
        ("SELECT CASE WHEN a=1 THEN b END FROM t", (1, 8), "ADQL has no CASE"),
        ("SELECT é FROM t", (1, 8), "unexpected character"),
        ("SELECT aé FROM t", (1, 9), "put the name in double quotes"),
        ("SELECT ROUND(a, b) FROM t", (1, 17), "unexpected 'b'"),
        ("SELECT ABS(a, b) FROM t", (1, 8), "ABS takes 1 argument, not 2"),
        ("SELECT a FROM t CROSS JOIN u", (1, 17), "no CROSS JOIN"),
        ("SELECT a FROM t NATURAL JOIN u ON a=b", (1, 17), "neither ON nor USING"),
        ("SELECT SUM(*) FROM t", (1, 12), "only COUNT takes *"),
        ("SELECT a FROM t WHERE a+1 IS NULL", (1, 23), "IS NULL takes a column"),
        ("SELECT CAST(a AS FLOAT) FROM t", (1, 18), "write REAL or DOUBLE PRECISION"),
        ("SELECT a FROM (SELECT b FROM c)", (1, 32), "expected a name"),
        ("SELECT a FROM t WHERE b = 'x\0y'", (1, 29), "cannot be part of a query"),
        ("SELECT a FROM t WHERE b = 'x\ud800y'", (1, 29), "cannot be part of a query"),
        ("SELECT TOP 99999999999999999999 a FROM t", (1, 12), "too large"),
        ("SELECT a /* b */ FROM t", (1, 11), "unexpected '*'"),
    ],
)
def test_messages_say_where_and_what(query: str, place: tuple[int, int], said: str) -> None:
    error = refused(query)
    assert error is not None
    assert said in error.message
    assert (error.line, error.column) == place
    assert error.message.startswith(f"line {place[0]} column {place[1]}: ")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT " + "(" * 10_000 + "1" + ")" * 10_000 + " FROM t",
        "SELECT a FROM t WHERE " + "(" * 10_000 + "a=1" + ")" * 10_000,
        "SELECT " + "+".join(["1"] * 10_000) + " FROM t",
        "SELECT a FROM t" + " UNION SELECT a FROM t" * 5_000,
        "SELECT a FROM t" + " JOIN t" * 5_000,
        "SELECT " + "ABS(" * 5_000 + "1" + ")" * 5_000 + " FROM t",
        "SELECT a FROM t WHERE " + "a IN (SELECT a FROM t WHERE " * 1_000 + "a=1" + ")" * 1_000,
        "SELECT '" + "x" * 2_000_000 + "' FROM t",
    ],
)
def test_excessive_queries_end_quickly_in_a_clean_error(query: str) -> None:
    """ADQL checklist ADQL-93: no recursion limit, no long parse."""
    started = time.process_time()
    assert refused(query) is not None
    assert time.process_time() - started < 2


def test_long_conditions_and_lists_are_fine() -> None:
    """Clients generate them."""
    assert refused("SELECT a FROM t WHERE " + " OR ".join(f"a={i}" for i in range(5_000))) is None
    assert refused("SELECT a FROM t WHERE a IN (" + ",".join(map(str, range(5_000))) + ")") is None


def test_lexical_rules() -> None:
    """ADQL 2.1 sections 2.1.5-2.1.10: comments, quotes, numbers, case, one final semicolon."""
    for query in (
        "select a from t -- comment ' \" (",
        "-- before\nSELECT a FROM t;",
        'SELECT "a ""b""", \'it\'\'s\' FROM "T" AS x ;  -- end',
        "SELECT 1, 1., .5, 1e3, 1.5E-3, +2, -3 FROM t",
        "SELECT a- -1 FROM t",
        "sElEcT a fRoM t wHeRe a NoT bEtWeEn 1 AnD 2",
    ):
        assert refused(query) is None, query
    for query in ("SELECT 'a' 'b' FROM t", "SELECT 0x1F FROM t", "SELECT a --1 FROM t", "SELECT 'a FROM t"):
        assert refused(query) is not None, query


def test_reserved_words_of_the_standard() -> None:
    """ADQL 2.1 sections 2.1.3 and 2.1.4: no reserved word is a name, each is one in quotes."""
    for word in RESERVED:
        assert refused(f"SELECT a AS {word} FROM t"), word
        assert refused(f'SELECT a AS "{word}" FROM t') is None, word
    for word in ("dec", "ra", "mag", "id", "type", "name", "count_1"):
        assert refused(f"SELECT {word} FROM t") is None, word


def test_the_tree_holds_what_was_written() -> None:
    """Associativity and precedence; AND and OR stay flat."""
    query = parse("SELECT a - b - c * d AS x FROM s.t WHERE NOT a = 1 AND (b = 2 OR c = 3) AND d <> 4 ORDER BY 1 DESC")
    assert isinstance(query.body, tree.Select)
    item = query.body.items[0]
    assert isinstance(item, tree.Item)
    difference = item.value
    assert isinstance(difference, tree.Arithmetic)
    assert difference.operator == "-"
    assert isinstance(difference.left, tree.Arithmetic)
    assert difference.left.operator == "-"
    assert isinstance(difference.right, tree.Arithmetic)
    assert difference.right.operator == "*"
    where = query.body.where
    assert isinstance(where, tree.And)
    assert [type(p) for p in where.parts] == [tree.Not, tree.Or, tree.Comparison]
    assert query.order_by[0].descending


def test_set_operators_bind_as_the_standard_says() -> None:
    """ADQL 2.1 section 4.6: INTERSECT before UNION and EXCEPT, which go from left to right."""
    query = parse("SELECT a FROM t UNION SELECT b FROM t INTERSECT SELECT c FROM t EXCEPT ALL SELECT d FROM t")
    assert isinstance(query.body, tree.SetOperation)
    assert (query.body.operator, query.body.all) == ("EXCEPT", True)
    union = query.body.left
    assert isinstance(union, tree.SetOperation)
    assert union.operator == "UNION"
    assert isinstance(union.right, tree.SetOperation)
    assert union.right.operator == "INTERSECT"
