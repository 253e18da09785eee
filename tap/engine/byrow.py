"""Results of PostgreSQL in rows of psycopg: one message there and back, the quicker way for a short result.

Queries with uploaded tables come this way too, however long their results: the tables are made by psycopg, and are seen
by its session alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from tap.engine.batches import ROWS, Batch, Maker
from tap.engine.postgresql import raise_told
from tap.engine.sessions import Pool
from tap.engine.statements import Row, Session
from tap.engine.uploads import load_postgresql
from tap.engine.watch import Watch
from tap.uploads.table import Upload


def _connect(address: str) -> Session:
    return Session(psycopg.connect(address, autocommit=True))


POOL: Pool[Session] = Pool(_connect)


class RowsRun:
    """A running statement, with the uploaded tables that it reads."""

    def __init__(
        self,
        address: str,
        sql: str,
        parameters: Mapping[str, Any],
        timeout: float,
        uploads: tuple[Upload, ...] = (),
        departed: Callable[[], bool] | None = None,
    ) -> None:
        self.address = address
        self.sql = sql
        self.parameters = parameters
        self.timeout = timeout
        self.uploads = uploads
        self.departed = departed
        self.timed_out = False
        self.first: list[Row] = []
        self.session, self.new = POOL.take(address)

    def start(self) -> None:
        """Have the uploaded tables made, send the statement, and read its first rows."""
        try:
            self._guarded(self._start)
        except psycopg.OperationalError:
            if self.new or self.session.is_open:
                raise
            # The server closed the session while it was idle, and others with it.
            POOL.clear()
            self.session, self.new = POOL.take(self.address)
            self._guarded(self._start)

    def _start(self) -> None:
        if self.uploads:
            # One transaction, which takes the tables away when it ends.
            connection = self.session.connection
            connection.execute("BEGIN READ WRITE")
            for upload in self.uploads:
                load_postgresql(connection, upload)
            connection.execute("SET TRANSACTION READ ONLY")
        self.first = self.session.start(self.sql, self.parameters, keep=not self.uploads)

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """The action, with the database's errors in our words; those that are nobody's fault pass through."""
        try:
            with Watch(self, self.timeout, self.departed):
                return action()
        except psycopg.Error as error:
            raise_told(error.sqlstate or "", error.diag.message_primary, self.timeout, timed_out=self.timed_out)
            raise

    def batches(self, maker: Maker) -> Iterator[Batch]:
        """The rows, as they come."""
        rows = self.first
        while rows:
            yield maker.batch(rows)
            if len(rows) < ROWS:
                return
            rows = self._guarded(self.session.next)

    def cancel(self) -> None:
        """Stop the statement; from any thread."""
        self.session.connection.cancel_safe()

    def close(self) -> None:
        """End the statement and give the session back, if it is in order."""
        connection = self.session.connection
        try:
            if self.session.is_busy:
                with Watch(self, 0.0):
                    self.session.end()
            if self.uploads:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
        else:
            POOL.give(self.address, self.session)
