"""Two small tables with awkward values in the databases that a run has, and one answer of all of them.

A run on SQLite compares SQLite with the oracle. A run on PostgreSQL compares PostgreSQL with SQLite, in a file beside
it, and both with the oracle.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection

from tap import registry
from tap.adql.parser import parse
from tap.adql.resolve import resolve
from tap.adql.translate import LIMIT, translate
from tap.engine import rolesetup
from tap.engine.batches import BatchMaker
from tap.engine.engine import close_idle
from tap.engine.sqlite import SqliteRun
from tap.registry import PublishedTable, publish, publish_schema, withdraw
from tests.tap.differential.values import Row
from tests.tap.sky import CONTEXT, answer
from vo.columns import ColumnMeta, SchemaMeta, TableMeta
from vo.errors import UsageFault

ROWS: dict[str, list[Row]] = {}
COLUMNS = {
    "k": ("integer", "integer", ColumnMeta("k", "int")),
    "n": ("bigint", "bigint", ColumnMeta("n", "long")),
    "h": ("smallint", "smallint", ColumnMeta("h", "short")),
    "x": ("double precision", "real", ColumnMeta("x", "double", unit="TeV")),
    "r": ("real", "real", ColumnMeta("r", "float", unit="mag")),
    "s": ("text", "text", ColumnMeta("s", "unicodeChar", "*")),
    "t": ("timestamp with time zone", "datetime", ColumnMeta("t", "char", "*", xtype="timestamp")),
    "f": ("boolean", "bool", ColumnMeta("f", "boolean")),
}
"""Of each column the type in PostgreSQL, in SQLite, and what is published."""

_T = [datetime(2004, 3, 22, 12, 30), datetime(2004, 3, 22, 12, 30, 0, 500000), datetime(1999, 12, 31, 23, 59, 59)]
_A: list[tuple[Any, ...]] = [
    (1, 1, 1, 0.5, 0.5, "Crab", _T[0], True),
    (1, 2, 2, 0.1, 0.1, "crab", _T[1], False),
    (2, 3, None, -2.5, -2.5, "Ångström", _T[2], None),
    (2, None, 0, 2.5, 1e30, "ångström", None, True),
    (None, 9007199254740993, -1, 9007199254740992.0, 16777216.0, "größe", _T[0], True),
    (None, None, None, None, None, None, None, None),
    (3, 9223372036854775807, 32767, 1e300, 3.4e38, "100%", _T[1], False),
    (-3, -9223372036854775807, -32768, -1e-300, -1e-30, "a_b", _T[2], None),
    (0, 0, 0, 0.0, 0.0, "", None, False),
    (0, -7, 7, 1e15, 123456.0, "it's", _T[0], True),
    (7, -7, 3, 123456789.125, 1234567.0, "ΑΣ", _T[0], False),
]
_B: list[tuple[Any, ...]] = [
    (1, 1, 5, 0.5, 0.5, "Crab", _T[1], True),
    (1, 7, 5, 0.25, 0.25, "Vela X", _T[0], True),
    (2, 3, None, -2.5, 0.1, None, None, False),
    (None, 9007199254740992, 2, 0.1, 0.1, "ångström", _T[2], None),
    (5, None, 1, None, None, "%", None, None),
    (0, 0, 0, 4.0, -0.75, "", _T[0], False),
    (0, 2, 1, 1.0, 2.0, "ß", _T[2], True),
]


def _row(values: tuple[Any, ...]) -> Row:
    import numpy as np

    row = dict(zip(COLUMNS, values, strict=True))
    if row["r"] is not None:
        row["r"] = float(np.float32(row["r"]))
    return row


ROWS["a"], ROWS["b"] = [_row(v) for v in _A], [_row(v) for v in _B]


class Databases:
    """What runs queries: the configured database, and SQLite too if that is not it."""

    def __init__(self, other: Path | None) -> None:
        self.other = other

    def rows(self, adql: str, rounding: float = 1e-12) -> list[tuple[Any, ...]]:
        """The rows, which all databases agree on; UsageFault if all refuse the query."""
        found = self._outcome(answer, adql)
        if self.other is not None:
            beside = self._outcome(self._sqlite, adql)
            if isinstance(found, str) or isinstance(beside, str):
                # Which row is looked at first, and fails, is the database's choice.
                assert type(found) is type(beside), (adql, found, beside)
            else:
                assert same(found, beside, ordered=" ORDER BY " in adql, rounding=rounding), (adql, found, beside)
        if isinstance(found, str):
            raise UsageFault(found)
        return found

    def _outcome(self, run: Callable[[str], list[tuple[Any, ...]]], adql: str) -> list[tuple[Any, ...]] | str:
        """The rows, or what is said of the query."""
        try:
            return run(adql)
        except UsageFault as fault:
            return fault.message

    def refused(self, adql: str) -> bool:
        """Whether all databases refuse the query."""
        try:
            self.rows(adql)
        except UsageFault:
            return True
        return False

    def _sqlite(self, adql: str) -> list[tuple[Any, ...]]:
        resolved = resolve(parse(adql), registry.find, list)
        statement = translate(resolved, "sqlite", CONTEXT)
        maker = BatchMaker(tuple(meta for _, meta in resolved.columns))
        limit = 2**62 if statement.top is None else statement.top
        parameters = {**statement.parameters, LIMIT: limit}
        run = SqliteRun(str(self.other), statement.sql, parameters, statement.read, 60)
        try:
            run.start()
            return [tuple(r.values()) for chunk in run.chunks() for r in maker.batch(chunk).to_pylist()]
        finally:
            run.close()


@contextmanager
def small_tables(path: Path) -> Iterator[Databases]:
    """diff.a and diff.b exist and are published."""
    vendor = connection.vendor
    place = 0 if vendor == "postgresql" else 1
    _drop()
    with connection.cursor() as cursor:
        for name in ROWS:
            cursor.execute(_table(name, place))
            marks = ", ".join(["%s"] * (1 + len(COLUMNS)))
            rows = [tuple(_stored(v, vendor) for v in row) for row in _numbered(name)]
            cursor.executemany(f"INSERT INTO diff_{name} VALUES ({marks})", rows)
    other = None
    if vendor == "postgresql":
        other = path
        with sqlite3.connect(path) as beside:
            for name in ROWS:
                beside.execute(_table(name, 1))
                marks = ", ".join("?" * (1 + len(COLUMNS)))
                beside.executemany(
                    f"INSERT INTO diff_{name} VALUES ({marks})",
                    [tuple(_stored(v, "sqlite") for v in row) for row in _numbered(name)],
                )
        beside.close()
    publish_schema(SchemaMeta("diff"))
    for name in ROWS:
        publish(
            PublishedTable(TableMeta(f"diff.{name}", tuple(meta for _, _, meta in COLUMNS.values())), f"diff_{name}")
        )
    if vendor == "postgresql":
        rolesetup.grant()
    try:
        yield Databases(other)
    finally:
        for name in ROWS:
            withdraw(f"diff.{name}")
        close_idle()
        _drop()


def _drop() -> None:
    with connection.cursor() as cursor:
        for name in ROWS:
            cursor.execute(f"DROP TABLE IF EXISTS diff_{name}")


def _table(name: str, place: int) -> str:
    columns = ", ".join(f"{column} {kinds[place]}" for column, kinds in COLUMNS.items())
    return f"CREATE TABLE diff_{name} (id integer PRIMARY KEY, {columns})"


def _numbered(name: str) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(ROWS[name], 1):
        yield (number, *row.values())


def _stored(value: Any, vendor: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") + ("+00" if vendor == "postgresql" else "")
    return value


def same(
    found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]], *, ordered: bool = False, rounding: float = 1e-12
) -> bool:
    """Equal rows of equal types but for rounding; in any order, unless `ordered`."""
    if len(found) != len(expected):
        return False
    if not ordered:
        found, expected = sorted(found, key=_key), sorted(expected, key=_key)
    return all(
        len(a) == len(b) and all(_close(v, w, rounding) for v, w in zip(a, b, strict=True))
        for a, b in zip(found, expected, strict=True)
    )


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((v is not None, float(f"{v:.9e}") if isinstance(v, float) else v) for v in row)


def _close(a: Any, b: Any, rounding: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=rounding, abs_tol=1e-300)
    return type(a) is type(b) and a == b
