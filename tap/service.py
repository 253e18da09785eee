"""Queries as other rooms use them: ADQL in, metadata and Arrow record batches out.

    query = prepare("SELECT TOP 5 * FROM ivoa.obscore", context)     # raises vo.errors.UsageFault with line and column
    query.columns                        # tuple[ColumnMeta, ...], known before anything runs
    with query.run(maxrec=20) as rows:   # the statement starts here
        for batch in rows:               # pyarrow.RecordBatch of arrow_schema(query.columns)
            ...
        rows.overflow                    # True if MAXREC cut the result; known when the iteration has ended
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

from tap.registry import PublishedTable, QueryContext
from vo.columns import ColumnMeta, ServiceDescriptor


class Rows(Protocol):
    """A running result. Closing it (leaving the `with`) ends the statement in the database."""

    overflow: bool

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Query(Protocol):
    """A checked and translated query."""

    text: str
    columns: tuple[ColumnMeta, ...]
    tables: tuple[PublishedTable, ...]
    descriptors: tuple[ServiceDescriptor, ...]
    """Service descriptors whose input columns are all in the result (names as in the result)."""

    def run(self, maxrec: int | None = None, timeout: float | None = None) -> AbstractContextManager[Rows]: ...


def prepare(text: str, context: QueryContext) -> Query:
    """Parse, resolve and translate an ADQL query for the configured database.

    Raises `vo.errors.UsageFault` with line and column for anything wrong with the query.
    """
    raise NotImplementedError
