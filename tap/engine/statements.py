"""Statements on a session of PostgreSQL: prepared when they come again, their rows read in chunks.

Below psycopg's cursors, which read in chunks or prepare, but not both: preparing spares the server a fifth of its work
for a cone search, and rows that are loaded by the chunk spare us some.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import errors, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from tap.engine.batches import ROWS

_PREPARED = 64
"""Most statements that a session keeps prepared."""
_REMEMBERED = 512
_PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s")
_ROWS = (ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_OK)
_LOST = (errors.InvalidSqlStatementName, errors.FeatureNotSupported)
"""A prepared statement is gone (a pooler between us and the server), or its tables have been changed."""

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]


class Session:
    """A connection in autocommit mode with what has been prepared on it. One statement at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._prepared: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._seen: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._number = 0
        self._types = Transformer(connection)
        self._is_first = False

    @property
    def is_open(self) -> bool:
        return not self.connection.closed

    @property
    def is_busy(self) -> bool:
        """Whether a statement runs of which not all has been read."""
        return self.connection.pgconn.transaction_status == TransactionStatus.ACTIVE

    def start(self, sql: str, parameters: Mapping[str, Any], *, keep: bool) -> list[Row]:
        """Send a statement with `%(name)s` for its parameters; its first rows, none if there are none.

        `keep` allows preparing it. Raises psycopg.Error.
        """
        try:
            return self._start(sql, parameters, keep=keep)
        except _LOST:
            if not keep or not self._prepared:
                raise
            self.connection.execute("DEALLOCATE ALL")
            self._prepared.clear()
            return self._start(sql, parameters, keep=False)

    def _start(self, sql: str, parameters: Mapping[str, Any], *, keep: bool) -> list[Row]:
        text, names = _numbered(sql)
        data = self._types.dump_sequence([parameters[name] for name in names], [PyFormat.AUTO] * len(names))
        types, formats = self._types.types or (), self._types.formats
        name = self._name(text, types) if keep else None
        server = self.connection.pgconn
        if name is None:
            server.send_query_params(text, data, types, formats, Format.BINARY)
        else:
            server.send_query_prepared(name, data, formats, Format.BINARY)
        if psycopg.Capabilities().has_stream_chunked():
            server.set_chunked_rows_mode(ROWS)
        else:
            server.set_single_row_mode()
        self._is_first = True
        self.connection.wait(generators.send(server))
        return self.next()

    def next(self) -> list[Row]:
        """The rows that come next, `ROWS` of them, fewer at the end. Raises psycopg.Error."""
        rows: list[Row] = []
        while len(rows) < ROWS:
            result = self._fetch()
            if result is None:
                break
            if result.status not in _ROWS:
                while self._fetch() is not None:
                    pass
                raise errors.error_from_result(result, self.connection.info.encoding)
            self._types.set_pgresult(result, set_loaders=self._is_first)
            self._is_first = False
            rows += self._types.load_rows(0, result.ntuples, tuple)
        return rows

    def end(self) -> None:
        """End a statement of which not all has been read. Raises psycopg.Error."""
        if self.is_busy:
            self.connection.cancel_safe()
            while self._fetch() is not None:
                pass

    def close(self) -> None:
        self.connection.close()

    def _fetch(self) -> PGresult | None:
        return self.connection.wait(generators.fetch(self.connection.pgconn))

    def _name(self, text: bytes, types: Sequence[int]) -> bytes | None:
        """The name of a prepared statement; None for one that comes for the first time."""
        key = (text, *types)
        name = self._prepared.get(key)
        if name is not None:
            self._prepared.move_to_end(key)
            return name
        if key not in self._seen:
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return None
        if len(self._prepared) >= _PREPARED:
            _, old = self._prepared.popitem(last=False)
            self.connection.execute(b"DEALLOCATE " + old)
        self._number += 1
        name = b"distiller_%d" % self._number
        server = self.connection.pgconn
        server.send_prepare(name, text, types)
        (result,) = self.connection.wait(generators.execute(server))
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result, self.connection.info.encoding)
        self._prepared[key] = name
        return name


@lru_cache(maxsize=_REMEMBERED)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with $1, $2, … for its parameters, and their names in that order."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match[1]
        return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _PLACEHOLDER.sub(number, sql).encode(), tuple(numbers)
