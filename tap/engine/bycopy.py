"""Results of PostgreSQL by COPY over ADBC: Arrow record batches made outside Python, the quicker way for a long result.

COPY takes no parameters. Constants are written into the statement as literals, quoted by psycopg.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql  # type: ignore[import-untyped]  # its functions are annotated, py.typed is missing
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement

# The reader behind the driver's own DB-API: it alone keeps the SQLSTATE of an error between rows.
from adbc_driver_manager._reader import AdbcRecordBatchReader
from psycopg import sql as pgsql

from tap.engine.batches import Batch, Maker
from tap.engine.postgresql import raise_told
from tap.engine.sessions import Pool
from tap.engine.watch import Watch

logger = logging.getLogger(__name__)
BATCH_BYTES = 2 * 2**20
"""Size of a batch as PostgreSQL sends it."""
_PRIMARY: Any = b"PG_DIAG_MESSAGE_PRIMARY"
"""The detail of an error that holds the message alone (the driver's annotations say str)."""
_AHEAD = 2
"""Batches that are read before they are asked for."""
_databases: dict[tuple[int, str], AdbcDatabase] = {}
"""What the driver knows of the types of each database, by process."""


def _connect(address: str) -> AdbcConnection:
    key = (os.getpid(), address)
    if key not in _databases:
        _databases[key] = adbc_driver_postgresql.connect(address)
    return AdbcConnection(_databases[key])


POOL: Pool[AdbcConnection] = Pool(_connect)


def with_literals(sql: str, parameters: Mapping[str, Any]) -> str:
    """The statement with its parameters as literals; `sql` has them as `%(name)s`."""
    return sql % {name: _literal(value) for name, value in parameters.items()}


def _literal(value: Any) -> str:
    # Numbers as texts under a cast: a minus sign outside would bind weaker than the cast, and make -2^63 overflow.
    if isinstance(value, float):
        return f"'{value!r}'::float8"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"'{value}'::int8"
    return pgsql.Literal(value).as_string()


class CopyRun:
    """A running statement; a thread reads ahead while batches are encoded and sent."""

    def __init__(
        self,
        address: str,
        sql: str,
        parameters: Mapping[str, Any],
        timeout: float,
        departed: Callable[[], bool] | None = None,
    ) -> None:
        self.address = address
        self.sql = with_literals(sql, parameters)
        self.timeout = timeout
        self.departed = departed
        self.timed_out = False
        self.whole = False
        self.reader: AdbcRecordBatchReader | None = None
        self.statement: AdbcStatement | None = None
        self.ahead: _Ahead | None = None
        self.session, self.new = POOL.take(address)

    def start(self) -> None:
        """Send the statement and wait for its first rows."""
        try:
            self._guarded(self._start)
        except adbc_driver_manager.Error:
            if self.new:
                raise
            # The server may have closed the session while it was idle, and others with it.
            self._end()
            self.session.close()
            POOL.clear()
            self.session, self.new = POOL.take(self.address)
            self._guarded(self._start)
        self.first = self._guarded(self._read)

    def _start(self) -> None:
        self.statement = AdbcStatement(self.session)
        self.statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
        self.statement.set_sql_query(self.sql)
        handle, _ = self.statement.execute_query()
        self.reader = AdbcRecordBatchReader._import_from_c(handle.address)

    def _read(self) -> pa.RecordBatch | None:
        """The next batch; None at the end. Called by one thread at a time."""
        assert self.reader is not None
        try:
            return self.reader.read_next_batch()
        except StopIteration:
            self.whole = True
            return None

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """The action, with the database's errors in our words; those that are nobody's fault pass through."""
        try:
            with Watch(self, self.timeout, self.departed):
                return action()
        except adbc_driver_manager.Error as error:
            primary = dict(error.details or ()).get(_PRIMARY)
            message = primary.decode(errors="replace") if primary else None
            raise_told(error.sqlstate or "", message, self.timeout, timed_out=self.timed_out)
            raise

    def batches(self, maker: Maker) -> Iterator[Batch]:
        """The rows, as they come."""
        batch = self.first
        while batch is not None:
            yield maker.conformed(batch)
            if self.ahead is None:
                self.ahead = _Ahead(self._read)
            batch = self._guarded(self.ahead.next)

    def cancel(self) -> None:
        """Stop the statement; from any thread."""
        self.session.cancel()

    def _end(self) -> None:
        if self.ahead is not None:
            self.ahead.close()
        if self.reader is not None:
            self.reader.close()
        if self.statement is not None:
            self.statement.close()
        self.reader = self.statement = None

    def close(self) -> None:
        """End the statement and give the session back, unless the statement had to be stopped."""
        if self.whole:
            self._end()
            POOL.give(self.address, self.session)
            return
        with Watch(self, 0.0):
            try:
                self.cancel()
            except adbc_driver_manager.Error:
                logger.warning("a statement could not be cancelled; its session is closed", exc_info=True)
            self._end()
        self.session.close()


class _Ahead:
    """Reads batches in a thread, at most `_AHEAD` before they are asked for."""

    def __init__(self, read: Callable[[], pa.RecordBatch | None]) -> None:
        self._read = read
        self._batches: queue.Queue[pa.RecordBatch | Exception | None] = queue.Queue(_AHEAD)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="reading ahead", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._closed:
            try:
                batch: pa.RecordBatch | Exception | None = self._read()
            except Exception as error:  # noqa: BLE001 (raised where the batch is asked for)
                batch = error
            self._batches.put(batch)
            if not isinstance(batch, pa.RecordBatch):
                return

    def next(self) -> pa.RecordBatch | None:
        """The next batch, None at the end; raises what reading raised."""
        batch = self._batches.get()
        if isinstance(batch, Exception):
            raise batch
        return batch

    def close(self) -> None:
        """Stop reading; the statement must have ended or been cancelled."""
        self._closed = True
        while self._thread.is_alive():
            try:
                self._batches.get(timeout=0.01)
            except queue.Empty:
                continue
