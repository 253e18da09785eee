"""Queries on PostgreSQL: read-only transactions with a time limit, on a small pool of connections of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
from psycopg import sql as pgsql

from tap.engine.batches import ROWS
from tap.engine.faults import MESSAGES, OWN_SQLSTATE, SQLSTATES, TookTooLong
from tap.engine.sqlite import STOPPED
from tap.engine.uploads import load_postgresql
from tap.uploads.table import Upload
from vo.errors import TransientFault, UsageFault

_NOTICE_CLIENTS_END = (
    b"SELECT set_config(name, '500', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)
"""A statement ends within 500 ms of the process that asked for it, even if that was killed (PostgreSQL 14 and newer;
an older one has no such setting, and goes on until the statement's time limit)."""
_IDLE = 4
"""Most idle connections that are kept."""

Connection = psycopg.Connection[tuple[Any, ...]]


class Pool:
    """Idle connections of this process by address; a fork starts with none."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: dict[tuple[int, str], list[Connection]] = {}

    def take(self, address: str) -> tuple[Connection, bool]:
        """A connection, and whether it is new."""
        with self.lock:
            waiting = self.idle.get((os.getpid(), address), [])
            while waiting:
                connection = waiting.pop()
                if not connection.closed:
                    return connection, False
        connection = psycopg.connect(address, connect_timeout=10)
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(_NOTICE_CLIENTS_END)
        connection.commit()
        return connection, True

    def give(self, address: str, connection: Connection) -> None:
        """Keep a connection, if it is in order."""
        usable = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self.lock:
            waiting = self.idle.setdefault((os.getpid(), address), [])
            if usable and len(waiting) < _IDLE:
                waiting.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle."""
        with self.lock:
            waiting = [c for (pid, _), connections in self.idle.items() if pid == os.getpid() for c in connections]
            self.idle.clear()
        for connection in waiting:
            connection.close()


POOL = Pool()


class PostgresqlRun:
    """A statement running behind a server-side cursor; `timeout` is for each fetch, not for the reader's pauses."""

    def __init__(
        self, address: str, sql: str, parameters: dict[str, Any], timeout: float, uploads: tuple[Upload, ...] = ()
    ) -> None:
        self.address = address
        self.sql = sql
        self.parameters = parameters
        self.timeout = timeout
        self.uploads = uploads
        self.cancelled = False
        self.connection, self.new = POOL.take(address)

    def start(self) -> None:
        """Check the statement and open its cursor."""
        try:
            self._start(self.sql, self.parameters)
        except psycopg.OperationalError:
            if self.new or not self.connection.closed:
                raise
            # The server closed it while it was idle.
            self.connection, _ = POOL.take(self.address)
            self._start(self.sql, self.parameters)

    def _start(self, sql: str, parameters: dict[str, Any]) -> None:
        if self.uploads:
            self._guarded(lambda: self.connection.execute("SET TRANSACTION READ WRITE"))
        limit = pgsql.SQL("SET LOCAL statement_timeout = {}").format(round(self.timeout * 1000))
        self._guarded(lambda: self.connection.execute(limit))
        if self.uploads:
            for upload in self.uploads:
                self._guarded(partial(load_postgresql, self.connection, upload))
            self._guarded(lambda: self.connection.execute("SET TRANSACTION READ ONLY"))
        # A cursor in SQL, not psycopg's: that one asks for a description and a CLOSE, two more ways to the server.
        declare = f"DECLARE tap NO SCROLL CURSOR FOR {sql}".encode()
        self._guarded(lambda: self.connection.execute(declare, parameters))
        self.cursor = self.connection.cursor(binary=True)

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """The action, with the database's errors in our words; those that are nobody's fault pass through."""
        try:
            return action()
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if state == OWN_SQLSTATE:
                raise UsageFault(error.diag.message_primary or MESSAGES["range"]) from None
            if state in SQLSTATES:
                raise UsageFault(MESSAGES[SQLSTATES[state]]) from None
            if state == "57014":
                raise (TransientFault(STOPPED) if self.cancelled else TookTooLong.after(self.timeout)) from None
            raise

    def chunks(self) -> Iterator[list[tuple[Any, ...]]]:
        """Rows in lists of at most `ROWS`."""
        fetch = pgsql.SQL("FETCH FORWARD {} FROM tap").format(ROWS)
        while rows := self._guarded(lambda: self.cursor.execute(fetch).fetchall()):
            yield rows
            if len(rows) < ROWS:
                return

    def cancel(self) -> None:
        """Stop the statement; from any thread."""
        self.cancelled = True
        self.connection.cancel_safe()

    def close(self) -> None:
        """End the statement and give the connection back."""
        try:
            self.connection.rollback()
        except psycopg.Error:
            self.connection.close()
        POOL.give(self.address, self.connection)
