"""Queries on SQLite: a read-only connection for each, with an authoriser, our functions and a time limit."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tap.adql.functions import FUNCTIONS
from tap.coverage.sqlite import FUNCTIONS as COVERAGE_FUNCTIONS
from tap.engine import numbers
from tap.engine.batches import ROWS, Batch, Maker
from tap.engine.faults import MESSAGES, STOPPED, TookTooLong, ValueFault
from tap.engine.uploads import load_sqlite
from tap.geometry.schema import index_name
from tap.geometry.sqlite import FUNCTIONS as GEOMETRY_FUNCTIONS
from tap.readable import indexes, readable
from tap.rtree import is_tree, shadows
from tap.uploads.table import XYZ, Upload
from vo.errors import TransientFault, UsageFault

_STEPS = 20_000
"""Virtual machine steps between two looks at the clock: a few milliseconds."""
_BETWEEN_LOOKS = 0.25
"""Seconds between two looks whether the client is still there."""
_SUBQUERY = re.compile(r"[a-z][0-9]+")
"""Names that the translator gives to sub-queries; no stored table has such a name."""

_SAID = {
    "integer overflow": "range",
    "parser stack overflow": "nesting",
    "Expression tree is too large": "nesting",
    "too many FROM clause terms": "nesting",
    "too many terms in compound SELECT": "nesting",
    "too many references": "nesting",
    "at most 64 tables in a join": "nesting",
    "pattern too complex": "pattern",
    "string or blob too big": "size",
}
"""What SQLite says (it has no codes for these) of the user's mistakes."""

_Double = Callable[[Any, Any], Any]


def _doubles(function: _Double) -> _Double:
    return lambda a, b: function(float(a), float(b))


_OWN_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    **{
        f"tap_{name}_integer": (2, function)
        for name, function in (
            ("add", numbers.add),
            ("subtract", numbers.subtract),
            ("multiply", numbers.multiply),
            ("divide", numbers.divide),
        )
    },
    **{
        f"tap_{name}_double": (2, _doubles(function))
        for name, function in (
            ("add", numbers.add),
            ("subtract", numbers.subtract),
            ("multiply", numbers.multiply),
            ("divide", numbers.divide),
        )
    },
    "tap_negate": (1, numbers.negate),
    "tap_to_integer": (2, numbers.to_integer),
    "tap_to_double": (1, numbers.to_double),
    "tap_to_real": (1, numbers.to_real),
    "tap_number_text": (1, numbers.number_text),
    "tap_real_text": (1, numbers.real_text),
    "tap_total": (2, numbers.total),
    "tap_to_timestamp": (1, numbers.to_timestamp),
    "tap_timestamp_text": (1, numbers.timestamp_text),
}
_ALL_FUNCTIONS = (
    _OWN_FUNCTIONS
    | GEOMETRY_FUNCTIONS
    | COVERAGE_FUNCTIONS
    | {f.sqlite_name: (-1, f.python) for f in FUNCTIONS.values() if f.python is not None}
)
_AGGREGATES = {f.sqlite_name: f.aggregate for f in FUNCTIONS.values() if f.aggregate is not None} | {
    "tap_sum_integer": numbers.SumInteger
}
_BUILT_IN = frozenset({"avg", "coalesce", "count", "like", "max", "min", "row_number", "substr", "sum"})
"""SQLite's own functions that translated queries use."""
_VALUE_TABLES = frozenset({"json_each"})
"""Tables of SQLite's own that hold no more than the parameter they are called with."""
_ALLOWED_FUNCTIONS = frozenset(_ALL_FUNCTIONS) | frozenset(_AGGREGATES) | _BUILT_IN
_VOLATILE = frozenset(f.sqlite_name for f in FUNCTIONS.values() if f.volatile)
_NULL_TAKING = frozenset(f.sqlite_name for f in FUNCTIONS.values() if f.takes_null) | {"tap_total"}


class SqliteRun:
    """A statement running on a connection of its own; `timeout` is for each fetch, not for the reader's pauses."""

    def __init__(
        self,
        path: str,
        sql: str,
        parameters: dict[str, Any],
        read: frozenset[str],
        timeout: float,
        uploads: tuple[Upload, ...] = (),
        departed: Callable[[], bool] | None = None,
    ) -> None:
        self.sql = sql
        self.parameters = parameters
        self.read = read
        self.departed = departed
        self.timeout = timeout
        self.uploads = uploads
        self.deadline = self.look = 0.0
        self.fault: ValueFault | None = None
        self.timed_out = self.cancelled = False
        self.connection = sqlite3.connect(
            f"file:{quote(str(Path(path).resolve()))}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
        )

    def start(self) -> None:
        """Check the statement and find its first row."""
        self._prepare(self.read)
        self.cursor = self._guarded(lambda: self.connection.execute(self.sql, self.parameters))

    def _prepare(self, read: frozenset[str]) -> None:
        self.deadline = time.monotonic() + self.timeout
        connection = self.connection
        for upload in self.uploads:
            load_sqlite(connection, upload)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA case_sensitive_like=ON")
        connection.execute("PRAGMA busy_timeout=10000")
        # Virtual tables prepare statements of their own when first used: before the authoriser is there.
        for name in _VALUE_TABLES:
            connection.execute(f"SELECT 1 FROM {name}('[]') LIMIT 0")  # noqa: S608 (a name of our own)
        for name in read:
            if is_tree(name):
                connection.execute(f'SELECT 1 FROM "{name}" LIMIT 0')  # noqa: S608 (a name of our own)
        for name, (arguments, function) in _ALL_FUNCTIONS.items():
            made = self._function(function, null=name in _NULL_TAKING)
            connection.create_function(name, arguments, made, deterministic=name not in _VOLATILE)
        for name, aggregate in _AGGREGATES.items():
            connection.create_aggregate(name, -1, self._aggregate(aggregate))
        connection.set_authorizer(_authoriser(read, self.uploads))
        connection.set_progress_handler(self._is_late, _STEPS)

    def _function(self, function: Callable[..., Any], *, null: bool = False) -> Callable[..., Any]:
        """NULL in, NULL out, unless `null`; faults are kept, because SQLite only says that something went wrong."""

        def call(*arguments: Any) -> Any:
            if not null and None in arguments:
                return None
            try:
                return function(*arguments)
            except ValueFault as fault:
                self.fault = fault
                raise
            except OverflowError:
                self.fault = ValueFault("range")
                raise

        return call

    def _aggregate(self, aggregate: type[Any]) -> Any:
        """The class with its faults kept; NULLs reach it."""
        guarded = self._function

        class Guarded(aggregate):
            def __init__(self) -> None:
                super().__init__()
                self.step = guarded(super().step, null=True)
                self.finalize = guarded(super().finalize)

        return Guarded

    def _is_late(self) -> bool:
        now = time.monotonic()
        self.timed_out = now > self.deadline
        if self.departed is not None and now > self.look:
            self.look = now + _BETWEEN_LOOKS
            self.cancelled = self.cancelled or self.departed()
        return self.timed_out or self.cancelled

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """The action, with SQLite's errors in our words; those that are nobody's fault pass through."""
        self.deadline = time.monotonic() + self.timeout
        try:
            return action()
        except sqlite3.Error as error:
            if self.fault is not None:
                raise UsageFault(self.fault.message) from None
            if self.cancelled:
                raise TransientFault(STOPPED) from None
            if self.timed_out:
                raise TookTooLong.after(self.timeout) from None
            for said, kind in _SAID.items():
                if said in str(error):
                    raise UsageFault(MESSAGES[kind]) from None
            raise

    def chunks(self) -> Iterator[list[tuple[Any, ...]]]:
        """Rows in lists of at most `ROWS`."""
        while rows := self._guarded(lambda: self.cursor.fetchmany(ROWS)):
            yield rows

    def batches(self, maker: Maker) -> Iterator[Batch]:
        """The rows, as they come."""
        return map(maker.batch, self.chunks())

    def cancel(self) -> None:
        """Stop the statement; from any thread."""
        self.cancelled = True
        self.connection.interrupt()

    def close(self) -> None:
        """End the statement."""
        self.connection.close()


def _authoriser(read: frozenset[str], uploads: Sequence[Upload]) -> Callable[..., int]:
    """Allows reading those of these tables that are published (what of them is) or uploaded, and calling our functions.

    Nothing else: no other table, no statement but SELECT.
    """
    published = readable()
    columns = {name: {c.lower() for c in published[name]} | {""} for name in read & published.keys()}
    trees = (read & indexes()) | {index_name(u.published.sql_name, XYZ) for u in uploads}
    uploaded = {u.published.sql_name for u in uploads}
    whole = _VALUE_TABLES | uploaded | trees | {part for tree in trees for part in shadows(tree)}

    def may_read(name: str | None, column: str | None) -> bool:
        return name in whole or (name in columns and (column or "").lower() in columns[name])

    def authorise(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            # A sub-query none of whose columns is read is reported by its name, without a database.
            own = not database and _SUBQUERY.fullmatch(first or "")
            return sqlite3.SQLITE_OK if own or may_read(first, second) else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_OK if second in _ALLOWED_FUNCTIONS else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_DENY

    return authorise
