"""Runs a translated statement on the configured database and yields Arrow record batches."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
import pyarrow as pa
from django.db import connections

from tap.adql.translate import LIMIT, Statement
from tap.engine.batches import BatchMaker
from tap.engine.postgresql import POOL, PostgresqlRun
from tap.engine.role import address
from tap.engine.sqlite import SqliteRun
from tap.uploads.table import Upload
from vo.columns import ColumnMeta
from vo.errors import FatalFault

logger = logging.getLogger(__name__)

_UNLIMITED = 2**62


class Run(Protocol):
    """A statement running in a database."""

    def chunks(self) -> Iterator[list[tuple[Any, ...]]]: ...

    def start(self) -> None: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def dialect() -> str:
    """`sqlite` or `postgresql`, as configured."""
    return str(connections["default"].vendor)


class Rows:
    """The result of a statement, which starts when this context is entered and ends when it is left."""

    def __init__(
        self,
        statement: Statement,
        columns: tuple[ColumnMeta, ...],
        maxrec: int | None,
        timeout: float,
        uploads: Sequence[Upload] = (),
    ) -> None:
        self.statement = statement
        self.maker = BatchMaker(columns)
        self.maxrec = maxrec
        self.uploads = tuple(u for u in uploads if u.published.sql_name in statement.read)
        self.timeout = timeout
        self.overflow = False
        self.run: Run | None = None

    def __enter__(self) -> Self:
        limits = [n for n in (self.statement.top, None if self.maxrec is None else self.maxrec + 1) if n is not None]
        parameters = {**self.statement.parameters, LIMIT: min(limits, default=_UNLIMITED)}
        try:
            self.run = _connect(self.statement, parameters, self.timeout, self.uploads)
            self.run.start()
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error | psycopg.Error):
                raise self._internal(error) from None
            raise
        return self

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        assert self.run is not None
        left = self.maxrec
        chunks = self.run.chunks()
        while True:
            try:
                rows = next(chunks, None)
            except (sqlite3.Error, psycopg.Error) as error:
                raise self._internal(error) from None
            if rows is None:
                return
            if left is not None and len(rows) > left:
                self.overflow = True
                rows = rows[:left]
            if rows:
                yield self.maker.batch(rows)
            if self.overflow:
                return
            if left is not None:
                left -= len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cancel(self) -> None:
        """Stop the statement; whoever iterates gets a TransientFault. May be called from any thread."""
        run = self.run
        if run is not None:
            run.cancel()

    def close(self) -> None:
        """End the statement and give its connection back."""
        run, self.run = self.run, None
        if run is not None:
            run.close()

    def _internal(self, error: Exception) -> FatalFault:
        """An error of the database that is not the user's: told with a reference, its text kept in the log."""
        reference = secrets.token_hex(4).upper()
        logger.error("query failed, reference %s: %s", reference, self.statement.sql, exc_info=error)
        return FatalFault(f"internal error in the database, reference {reference}")


def _connect(statement: Statement, parameters: dict[str, Any], timeout: float, uploads: tuple[Upload, ...]) -> Run:
    if dialect() == "sqlite":
        # Read when it is needed: the tests switch the database after the settings have been loaded.
        path = str(connections["default"].settings_dict["NAME"])
        return SqliteRun(path, statement.sql, parameters, statement.read, timeout, uploads)
    return PostgresqlRun(address(), statement.sql, parameters, timeout, uploads)


def close_idle() -> None:
    """Close connections that wait for the next query."""
    POOL.close()
