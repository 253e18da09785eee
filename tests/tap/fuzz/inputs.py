"""Queries, and what carelessness or malice makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from random import Random

from tests.environment import SHARED

SEEDS = (
    "SELECT * FROM diff.a",
    "SELECT k, n, x FROM diff.a WHERE k = 1 AND x > 0.5 OR s LIKE 'C%' ORDER BY n DESC",
    "SELECT a.k, b.s FROM diff.a AS a JOIN diff.b AS b ON a.k = b.k WHERE a.n IS NOT NULL",
    "SELECT * FROM diff.a NATURAL LEFT OUTER JOIN diff.b",
    "SELECT k, COUNT(*) AS c, SUM(n), AVG(x), MIN(s) FROM diff.a GROUP BY k HAVING COUNT(*) > 1 ORDER BY c",
    "SELECT DISTINCT TOP 3 s FROM diff.a ORDER BY s OFFSET 2",
    "WITH w AS (SELECT k, x FROM diff.a WHERE x < 10) SELECT w.k, v.k FROM w, w AS v WHERE w.x < v.x",
    "SELECT k FROM diff.a UNION ALL (SELECT n FROM diff.b EXCEPT SELECT h FROM diff.a) ORDER BY 1",
    "SELECT POWER(k, 2) + ROUND(x, 2) / SQRT(ABS(r)) - MOD(n, 7) FROM diff.a",
    "SELECT CAST(s AS INTEGER), CAST(x AS VARCHAR(5)), CAST('2015-01-01' AS TIMESTAMP) FROM diff.a",
    "SELECT UPPER(s) || LOWER('ÅB') || k FROM diff.a WHERE s ILIKE '%a_b%' AND t > '2004-03-22T12:30:00.5'",
    "SELECT k FROM diff.a WHERE 1 = CONTAINS(POINT('ICRS', x, r), CIRCLE('ICRS', 83.6, 22.0, 2.5))",
    "SELECT AREA(POLYGON(1, 1, 2, 1, 2, 2)), CENTROID(BOX(1, 2, 3, 4)), DISTANCE(x, k, 1, 2) FROM diff.a",
    "SELECT k FROM diff.a WHERE INTERSECTS(REGION('CIRCLE ICRS 1 2 3'), CIRCLE(POINT(k, k), 5)) = 1",
    "SELECT k FROM diff.a WHERE n IN (1, 2, -3.5, NULL) AND s NOT IN ('a', 'it''s') AND k IN (SELECT k FROM diff.b)",
    "SELECT k FROM diff.a AS o WHERE EXISTS (SELECT 1 FROM diff.b AS i WHERE i.k = o.k AND NOT i.x BETWEEN 1 AND o.x)",
    "SELECT COALESCE(s, 'none'), IN_UNIT(x, 'GeV'), ivo_healpix_index(5, x, 2.0), ivo_to_mjd(t) FROM diff.a",
    "SELECT k, ivo_string_agg(s, ', '), ivo_histogram(x, 0, 10, 5) FROM diff.a GROUP BY k",
    "SELECT q.c FROM (SELECT COUNT(n) AS c FROM diff.a WHERE f = 1) AS q WHERE q.c >= 0 -- comment",
    "SELECT table_name, \"size\" FROM TAP_SCHEMA.columns WHERE column_name = 'k';",
    "SELECT t.table_name FROM tap_schema.tables AS t JOIN tap_schema.columns AS c USING (table_name)",
)
_TOKEN = re.compile(
    r"\s+|--[^\n]*|[A-Za-z_]\w*|[0-9.]+(?:[eE][+-]?[0-9]+)?|'(?:[^']|'')*'|\"[^\"]*\"|<>|[<>!]=|\|\||.", re.S
)
_WORDS = tuple(
    """SELECT FROM WHERE GROUP BY HAVING ORDER OFFSET TOP DISTINCT ALL AS ON USING NATURAL LEFT RIGHT FULL OUTER
    INNER JOIN UNION EXCEPT INTERSECT WITH AND OR NOT NULL IS IN LIKE ILIKE BETWEEN EXISTS CAST COALESCE IN_UNIT POINT
    CIRCLE POLYGON BOX REGION CONTAINS INTERSECTS DISTANCE AREA CENTROID COORD1 COORDSYS ABS LOG MOD ROUND COUNT SUM MIN
    MAX AVG INTEGER REAL TIMESTAMP VARCHAR DELETE DROP TABLE INSERT PRAGMA ATTACH LIMIT COPY pg_sleep sqlite_master
    auth_user load_extension k n h x r s t f a b diff diff.a diff.b id rowid ctid xmin""".split()  # noqa: SIM905
)
_SIGNS = [
    "(",
    ")",
    ",",
    ".",
    ";",
    "*",
    "+",
    "-",
    "/",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "!=",
    "'",
    '"',
    "--",
    "/*",
    "%s",
    ":p1",
]
_VALUES = ["0", "1", "-1", "2.5", "1e308", "1e-320", "9223372036854775807", "99999999999999999999", "'x'", "''", "NULL"]
_VALUES += ["'%'", "'\\'", "'2004-02-30'", "'CIRCLE ICRS 1 91 3'", "'deg'", "1.", ".5", "1e", "'🔭'", '"k"', "'NaN'"]
_CHARACTERS = [chr(c) for c in (*range(9, 14), *range(32, 127), 0, 0xA0, 0xDF, 0x130, 0x2019, 0x202E, 0xFEFF, 0x1F52D)]


@cache
def seeds() -> tuple[str, ...]:
    """Our own queries, and those of others where they are at hand."""
    path = SHARED / "standards" / "adql_queries_dev.json"
    others = [sample["query"] for sample in json.loads(path.read_text())] if path.exists() else []
    return (*SEEDS, *others)


def tokens(query: str) -> list[str]:
    return _TOKEN.findall(query)


def mutated(random: Random, queries: Sequence[str]) -> str:
    """A query with some of its words or characters taken away, doubled, exchanged or replaced."""
    query = random.choice(queries)
    words = tokens(query)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        _change_word(random, words, queries)
    made = "".join(words)
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        place = random.randrange(len(made) + 1)
        made = made[:place] + random.choice((random.choice(_CHARACTERS), "")) + made[place + random.randrange(2) :]
    return made


def _change_word(random: Random, words: list[str], queries: Sequence[str]) -> None:
    if not words:
        words.append("SELECT")
    place = random.randrange(len(words))
    kind = random.randrange(9)
    if kind == 0:
        del words[place]
    elif kind == 1:
        words.insert(place, words[place])
    elif kind == 2:
        other = random.randrange(len(words))
        words[place], words[other] = words[other], words[place]
    elif kind == 3:
        words[place] = random.choice(random.choice((_WORDS, _SIGNS, _VALUES)))
    elif kind == 4:
        words.insert(place, f" {random.choice(random.choice((_WORDS, _SIGNS, _VALUES)))} ")
    elif kind == 5:
        other = tokens(random.choice(queries))
        start = random.randrange(len(other)) if other else 0
        words[place : place + random.randrange(8)] = other[start : start + random.randrange(1, 30)]
    else:
        # Something of the same kind, so that most of these are queries still.
        words[place] = random.choice(_alike(words[place]))


def _alike(word: str) -> list[str]:
    if word in "knhxrstf":
        return list("knhxrstf")
    if word[:1] in "'\"0123456789":
        return _VALUES
    if word.upper() in ("AND", "OR"):
        return ["AND", "OR", "AND NOT", "OR NOT"]
    if word in _SIGNS[5:15]:
        return _SIGNS[5:15]
    if word.isupper() and word.isalnum():
        return [w for w in _WORDS if w.isupper()]
    return [word]


def _nested(before: str, inner: str, after: str, depth: int) -> str:
    return before * depth + inner + after * depth


_A = "SELECT k FROM diff.a"
HOSTILE = {
    "parentheses": f"SELECT {_nested('(', '1', ')', 10_000)} FROM diff.a",
    "conditions in parentheses": f"{_A} WHERE {_nested('(', 'k=1', ')', 10_000)}",
    "NOT NOT": f"{_A} WHERE {'NOT ' * 10_000}k = 1",
    "NOT in parentheses": f"{_A} WHERE {_nested('NOT (', 'k=1', ')', 99)}",
    "signs": f"SELECT {'- ' * 10_000}1 FROM diff.a",
    "signs in parentheses": f"SELECT {_nested('-(', 'k', ')', 99)} FROM diff.a",
    "functions": f"SELECT {_nested('ABS(', 'k', ')', 5_000)} FROM diff.a",
    "sums": f"SELECT {'+'.join(['k'] * 20_000)} FROM diff.a",
    "many sums": f"SELECT {','.join(['k+' * 100 + 'k'] * 200)} FROM diff.a",
    "texts": f"SELECT {'||'.join(['s'] * 20_000)} FROM diff.a",
    "values of IN": f"{_A} WHERE k IN ({','.join(map(str, range(100_000)))})",
    "acceptable values of IN": f"{_A} WHERE k IN ({','.join(map(str, range(20_000)))})",
    "texts of IN": f"{_A} WHERE s IN ({','.join(repr(str(i)) for i in range(20_000))})",
    "columns of IN": f"{_A} WHERE k IN ({','.join(['n'] * 20_000)})",
    "many lists": " OR ".join([f"{_A} WHERE k IN (1, 2)"] + ["k IN (1, 2)"] * 5_000),
    "ORs": f"{_A} WHERE {' OR '.join(f'k = {i}' for i in range(12_000))}",
    "LIKEs": f"{_A} WHERE {' OR '.join(f's LIKE {i!r}' for i in map(str, range(5_000)))}",
    "sub-queries": f"{_A} WHERE {_nested('k IN (SELECT k FROM diff.a WHERE ', 'k=1', ')', 1_000)}",
    "tables in tables": "SELECT k FROM (" * 98 + _A + "".join(f") AS q{i}" for i in range(98)),
    "wide tables in tables": "SELECT * FROM (" * 98 + "SELECT * FROM diff.a" + "".join(f") AS q{i}" for i in range(98)),
    "doubled tables in tables": "SELECT p.k FROM diff.a AS p, (" * 98 + _A + "".join(f") AS q{i}" for i in range(98)),
    "joins": "SELECT 1 FROM diff.a AS a0" + "".join(f" JOIN diff.a AS a{i} ON a{i}.k=a0.k" for i in range(1, 60)),
    "natural joins": "SELECT 1 FROM diff.a AS a0" + "".join(f" NATURAL JOIN diff.a AS a{i}" for i in range(1, 60)),
    "too many joins": _A + " JOIN diff.a" * 5_000,
    "unions": _A + f" UNION {_A}" * 5_000,
    "unions in parentheses": _nested("(", _A, f" UNION {_A})", 99),
    "common tables": f"WITH a0 AS ({_A})"
    + "".join(f", a{i} AS (SELECT k FROM a{i - 1})" for i in range(1, 1_000))
    + " SELECT k FROM a999",
    "doubling common tables": f"WITH a0 AS ({_A})"
    + "".join(f", a{i} AS (SELECT p.k FROM a{i - 1} AS p, a{i - 1} AS q)" for i in range(1, 60))
    + " SELECT k FROM a59",
    "columns": f"SELECT {','.join(['k'] * 20_000)} FROM diff.a",
    "stars": f"SELECT {','.join(['*'] * 300)} FROM diff.a",
    "groups": f"SELECT COUNT(*) FROM diff.a GROUP BY {','.join(f'k+{i}' for i in range(3_000))}",
    "grouped columns": f"SELECT {','.join(f'k+{i}' for i in range(900))} FROM diff.a "
    f"GROUP BY {','.join(f'k+{i}' for i in range(900))}",
    "sorted": f"SELECT k FROM diff.a ORDER BY {','.join(f'k+{i}' for i in range(3_000))}",
    "polygon": f"SELECT POLYGON({','.join(f'{i % 360}, {i % 80}' for i in range(4_000))}) FROM diff.a",
    "polygon of points": f"SELECT AREA(POLYGON({','.join(f'POINT({i}, {i % 2})' for i in range(200))})) FROM diff.a",
    "polygon of columns": f"SELECT POLYGON({','.join(['k'] * 200)}) FROM diff.a",
    "COALESCE": f"SELECT COALESCE({','.join(['k'] * 9_000)}) FROM diff.a",
    "long text": f"SELECT '{'x' * 2_000_000}' FROM diff.a",
    "quotes": f"SELECT '{chr(39) * 400_000}' FROM diff.a",
    "open quote": f"SELECT {chr(39)}{'x' * 499_000} FROM diff.a",
    "long name": f"SELECT {'x' * 400_000} FROM diff.a",
    "unknown names": f"SELECT {','.join(f'nosuchcolumn{i}' for i in range(20_000))} FROM diff.a",
    "comments": "--\n" * 160_000 + _A,
    "spaces": " " * 490_000 + _A,
    "digits": f"SELECT {'9' * 400_000} FROM diff.a",
    "digits of TOP": f"SELECT TOP {'9' * 400_000} k FROM diff.a",
    "exponent": f"SELECT 1e{'9' * 400_000} FROM diff.a",
    "dots": f"SELECT {'k.' * 20_000}k FROM diff.a",
    "wild pattern": f"{_A} WHERE s LIKE '{'%a' * 100_000}'",
}
"""Queries meant to take long: deep, wide, or both."""
