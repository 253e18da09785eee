"""Runs a translated statement on the configured database and yields Arrow record batches."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

import adbc_driver_manager
import psycopg
from django.db import connections

from tap.adql.translate import LIMIT, Statement
from tap.engine import bycopy, byrow
from tap.engine.batches import Batch, Maker
from tap.engine.postgresql import session_address
from tap.engine.role import address
from tap.engine.sqlite import SqliteRun
from tap.uploads.table import Upload
from vo.errors import FatalFault, OutageFault, VOError
from vo.outages import driver_will_pass

logger = logging.getLogger(__name__)

_UNLIMITED = 2**62
_SHORT = 25_000
"""Rows up to which a result is read row by row: it holds any result of the default MAXREC."""
_DATABASE_ERRORS = (sqlite3.Error, psycopg.Error, adbc_driver_manager.Error)
_MAYBE_AWAY = (
    *(sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError),
    *(adbc_driver_manager.OperationalError, adbc_driver_manager.InterfaceError),
)


class Run(Protocol):
    """A statement running in a database."""

    def start(self) -> None: ...

    def batches(self, maker: Maker) -> Iterator[Batch]: ...

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
        maker: Maker,
        maxrec: int | None,
        timeout: float,
        uploads: Sequence[Upload] = (),
        departed: Callable[[], bool] | None = None,
    ) -> None:
        self.statement = statement
        self.maker = maker
        self.maxrec = maxrec
        self.departed = departed
        self.uploads = tuple(u for u in uploads if u.published.sql_name in statement.read)
        self.timeout = timeout
        self.overflow = False
        self.stopped = False
        self.run: Run | None = None

    def __enter__(self) -> Self:
        limits = [n for n in (self.statement.top, None if self.maxrec is None else self.maxrec + 1) if n is not None]
        try:
            self.run = self._run(min(limits, default=_UNLIMITED))
            self.run.start()
        except BaseException as error:
            self.close()
            if isinstance(error, _DATABASE_ERRORS):
                raise self._internal(error) from None
            raise
        return self

    def _run(self, limit: int) -> Run:
        # Read when it is needed: the tests switch the database after the settings have been loaded.
        connection = connections["default"]
        sql, read, timeout, uploads = self.statement.sql, self.statement.read, self.timeout, self.uploads
        parameters = {**self.statement.parameters, LIMIT: limit}
        if connection.vendor == "sqlite":
            path = str(connection.settings_dict["NAME"])
            return SqliteRun(path, sql, parameters, read, timeout, uploads, self._is_given_up)
        place = session_address(address())
        if limit <= _SHORT or uploads:
            return byrow.RowsRun(place, sql, parameters, timeout, uploads, self._is_given_up)
        return bycopy.CopyRun(place, sql, parameters, timeout, self._is_given_up)

    def _is_given_up(self) -> bool:
        return self.stopped or (self.departed is not None and self.departed())

    def __iter__(self) -> Iterator[Batch]:
        assert self.run is not None
        left = self.maxrec
        batches = self.run.batches(self.maker)
        while True:
            try:
                batch = next(batches, None)
            except _DATABASE_ERRORS as error:
                raise self._internal(error) from None
            if batch is None:
                return
            if left is not None and batch.num_rows > left:
                self.overflow = True
                batch = batch.slice(0, left)
            if batch.num_rows:
                yield batch
            if self.overflow:
                return
            if left is not None:
                left -= batch.num_rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cancel(self) -> None:
        """Stop the statement; whoever iterates gets a TransientFault. May be called from any thread."""
        self.stopped = True
        run = self.run
        if run is not None:
            run.cancel()

    def close(self) -> None:
        """End the statement and give its connection back."""
        run, self.run = self.run, None
        if run is not None:
            run.close()

    def _internal(self, error: Exception) -> VOError:
        """An error of the database that is not the user's: an outage, or told by a reference; its text is logged."""
        if isinstance(error, _MAYBE_AWAY) and driver_will_pass(error):
            logger.error("the database is away or busy: %s", self.statement.sql, exc_info=error)
            return OutageFault()
        reference = secrets.token_hex(4).upper()
        logger.error("query failed, reference %s: %s", reference, self.statement.sql, exc_info=error)
        return FatalFault(f"internal error in the database, reference {reference}")


def close_idle() -> None:
    """Close connections that wait for the next query."""
    byrow.POOL.clear()
    bycopy.POOL.clear()
