"""Queries as other rooms use them: ADQL in, metadata and Arrow record batches out.

query = prepare("SELECT TOP 5 * FROM ivoa.obscore", context)     # raises vo.errors.UsageFault with line and column
query.columns                        # tuple[ColumnMeta, ...], known before anything runs
with query.run(maxrec=20) as rows:   # the statement starts here
    for batch in rows:               # pyarrow.RecordBatch of arrow_schema(query.columns)
        ...
    rows.overflow                    # True if MAXREC cut the result; known when the iteration has ended
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa

from tap import registry
from tap.admission import AdmittedRows, admission
from tap.adql import typed
from tap.adql.lexer import AdqlError
from tap.adql.parser import parse
from tap.adql.resolve import resolve
from tap.adql.translate import Statement, translate
from tap.engine import engine
from tap.limits import limits_of
from tap.registry import PublishedTable, QueryContext
from tap.uploads.table import Upload
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import UsageFault


class Rows(Protocol):
    """A running result. Closing it (leaving the `with`) ends the statement in the database."""

    @property
    def overflow(self) -> bool:
        """Whether MAXREC cut the result; known when the iteration has ended."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def cancel(self) -> None:
        """Stop the statement from any thread; whoever iterates gets a TransientFault."""


@dataclass(frozen=True)
class Query:
    """A checked and translated query."""

    text: str
    columns: tuple[ColumnMeta, ...]
    tables: tuple[PublishedTable, ...]
    descriptors: tuple[ServiceDescriptor, ...]
    """Service descriptors whose input columns are all in the result (names as in the result)."""
    statement: Statement
    """What is sent to the database."""
    context: QueryContext
    uploads: tuple[Upload, ...] = ()
    """Tables that exist while this query runs."""

    def run(self, maxrec: int | None = None, timeout: float | None = None) -> AbstractContextManager[Rows]:
        """The rows, at most `maxrec` of them; `timeout` in seconds, by default that of whoever asks.

        The statement waits for its place and its turns (`tap.admission`). Raises UsageFault for values that a function
        does not take, `tap.engine.faults.BetterAsync` (a TransientFault) when it has waited or taken too long,
        FatalFault when the database fails; also while the rows are iterated.
        """
        limits = limits_of(self.context.viewer)
        timeout = limits.timeout if timeout is None else timeout
        rows = engine.Rows(self.statement, self.columns, maxrec, timeout, self.uploads)
        return AdmittedRows(rows, self.context.client, limits.statements, admission())


def prepare(text: str, context: QueryContext, uploads: Sequence[Upload] = ()) -> Query:
    """Parse, resolve and translate an ADQL query for the configured database; `uploads` are tables of this query only.

    Raises `vo.errors.UsageFault` with line and column for anything wrong with the query.
    """
    uploaded = {u.published.meta.name.lower(): u.published for u in uploads}

    def find(name: str) -> PublishedTable | None:
        return uploaded.get(name.lower()) or registry.find(name)

    def known() -> list[str]:
        return [t.meta.name for t in (*uploaded.values(), *registry.tables())]

    try:
        resolved = resolve(parse(text), find, known)
        statement = translate(resolved, engine.dialect(), context)
    except AdqlError as error:
        raise error.located(text) from None
    except RecursionError:
        raise UsageFault("the query is nested too deeply") from None
    columns = tuple(meta for _, meta in resolved.columns)
    tables = tuple({t.meta.name: t for t in _tables(resolved.body)}.values())
    return Query(text, columns, tables, _descriptors(resolved, context), statement, context, tuple(uploads))


def _tables(body: typed.Body) -> Iterator[PublishedTable]:
    """Published tables in the FROM of a query and of the queries in it."""
    if isinstance(body, typed.Query):
        yield from _tables(body.body)
    elif isinstance(body, typed.SetOperation):
        yield from _tables(body.left)
        yield from _tables(body.right)
    else:
        for source in body.sources:
            if isinstance(source, typed.TableSource):
                yield source.table
            elif isinstance(source, typed.QuerySource):
                yield from _tables(source.query)
            elif isinstance(source, typed.CommonTableSource):
                yield from _tables(source.common_table.query)


def _descriptors(query: typed.Query, context: QueryContext) -> tuple[ServiceDescriptor, ...]:
    """Descriptors of the tables that result columns come from unchanged, with the names of the result."""
    origins: dict[int, tuple[PublishedTable, dict[str, str]]] = {}
    for position, (_, meta) in enumerate(query.columns):
        origin = _origin(query, position)
        if origin is not None:
            source, column = origin
            origins.setdefault(id(source), (source.table, {}))[1].setdefault(column, meta.name)
    made: dict[str, ServiceDescriptor] = {}
    for table, names in origins.values():
        for descriptor in table.descriptors(context.base_url) if table.descriptors else ():
            wanted = [column for _, column in descriptor.inputs if column is not None]
            if all(column in names for column in wanted) and descriptor.id not in made:
                inputs = tuple((c, None if name is None else names[name]) for c, name in descriptor.inputs)
                made[descriptor.id] = replace(descriptor, inputs=inputs)
    return tuple(made.values())


def _origin(body: typed.Body, position: int) -> tuple[typed.TableSource, str] | None:
    """The published column that a result column is, if it is one unchanged."""
    if isinstance(body, typed.Query):
        return _origin(body.body, position)
    if isinstance(body, typed.SetOperation):
        return _origin(body.left, position)
    expression = body.outputs[position].expression
    if not isinstance(expression, typed.ColumnReference):
        return None
    source = expression.source
    if isinstance(source, typed.TableSource):
        return source, expression.column
    query = source.query if isinstance(source, typed.QuerySource) else None
    if isinstance(source, typed.CommonTableSource):
        query = source.common_table.query
    if query is None:
        return None
    names = [meta.name for _, meta in query.columns]
    return _origin(query, names.index(expression.column))
