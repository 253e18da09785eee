"""Queries that behave as told, in place of the engine: for what a database cannot be made to do at will."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

import pyarrow as pa

from tap.registry import PublishedTable
from vo.arrow import arrow_schema
from vo.columns import ColumnMeta, ServiceDescriptor

COLUMNS = (ColumnMeta("n", "long"), ColumnMeta("name", "char", "*"))


class ScriptedRows(AbstractContextManager["ScriptedRows"]):
    """Batches of `size` rows, an error in place of batch `fails_at`; remembers whether it was closed."""

    def __init__(self, query: ScriptedQuery, maxrec: int | None) -> None:
        self.query = query
        self.left = query.batches * query.size if maxrec is None else min(maxrec, query.batches * query.size)
        self.overflow = maxrec is not None and maxrec < query.batches * query.size
        self.sent = 0

    def __enter__(self) -> Self:
        self.query.opened += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.query.closed += 1

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while self.left:
            if self.query.error is not None and self.sent == self.query.fails_at:
                raise self.query.error
            rows = min(self.left, self.query.size)
            self.left -= rows
            self.sent += 1
            yield pa.RecordBatch.from_arrays(
                [pa.array(range(rows), pa.int64()), pa.array(["x" * self.query.width] * rows)],
                schema=arrow_schema(COLUMNS),
            )


class ScriptedQuery:
    """A prepared query of `batches` batches of `size` rows."""

    text = "SELECT n, name FROM t"
    columns = COLUMNS
    tables: tuple[PublishedTable, ...] = ()
    descriptors: tuple[ServiceDescriptor, ...] = ()

    def __init__(
        self, batches: int = 1, size: int = 10, width: int = 1, error: Exception | None = None, fails_at: int = 0
    ) -> None:
        self.batches, self.size, self.width, self.error, self.fails_at = batches, size, width, error, fails_at
        self.opened = self.closed = 0
        self.timeout: float | None = None

    def run(
        self,
        maxrec: int | None = None,
        timeout: float | None = None,
        departed: Callable[[], bool] | None = None,
        *,
        plain: bool = False,
    ) -> ScriptedRows:
        self.timeout = timeout
        return ScriptedRows(self, maxrec)
