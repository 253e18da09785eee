"""Queries as other rooms use them: ADQL in, metadata and Arrow record batches out.

query = prepare("SELECT TOP 5 * FROM ivoa.obscore", context)     # raises vo.errors.UsageFault with line and column
query.columns                        # tuple[ColumnMeta, ...], known before anything runs
with query.run(maxrec=20) as rows:   # the statement starts here
    for batch in rows:               # pyarrow.RecordBatch of arrow_schema(query.columns)
        ...
    rows.overflow                    # True if MAXREC cut the result; known when the iteration has ended
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from tap import registry
from tap.admission import AdmittedRows, admission
from tap.adql import tree, typed
from tap.adql.lexer import AdqlError
from tap.adql.parser import parse
from tap.adql.resolve import resolve
from tap.adql.template import Check, Decimals, Template, ValuesNeeded
from tap.adql.translate import Statement, translate
from tap.engine import engine
from tap.engine.batches import Batch, BatchMaker, PlainMaker
from tap.kept import LRU
from tap.limits import limits_of
from tap.registry import PublishedTable, QueryContext
from tap.uploads.table import Upload
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import UsageFault
from vo.plain import PlainBatch

_KEPT = 256
"""Compiled queries that are kept in a process."""


class Rows(Protocol):
    """A running result. Closing it (leaving the `with`) ends the statement in the database."""

    @property
    def overflow(self) -> bool:
        """Whether MAXREC cut the result; known when the iteration has ended."""

    def __iter__(self) -> Iterator[Batch]: ...

    def cancel(self) -> None:
        """Stop the statement from any thread; whoever iterates gets a TransientFault."""


def texts(rows: Rows, position: int) -> Iterator[str]:
    """The texts in a column of a result, without NULL and empty ones."""
    for batch in rows:
        assert not isinstance(batch, PlainBatch)  # they are for writers of text
        yield from (value for value in batch.column(position).to_pylist() if isinstance(value, str) and value)


@dataclass(frozen=True)
class Query:
    """A checked and translated query."""

    text: str
    """As it was written; empty for one that was not."""
    columns: tuple[ColumnMeta, ...]
    tables: tuple[PublishedTable, ...]
    descriptors: tuple[ServiceDescriptor, ...]
    """Service descriptors whose input columns are all in the result (names as in the result)."""
    statement: Statement
    """What is sent to the database."""
    maker: BatchMaker
    """Makes record batches of what the database answers."""
    context: QueryContext
    uploads: tuple[Upload, ...] = ()
    """Tables that exist while this query runs."""

    def run(
        self,
        maxrec: int | None = None,
        timeout: float | None = None,
        departed: Callable[[], bool] | None = None,
        *,
        plain: bool = False,
    ) -> AbstractContextManager[Rows]:
        """The rows, at most `maxrec` of them; `timeout` in seconds, by default that of whoever asks.

        Short batches come as `vo.plain.PlainBatch` if `plain` is true, which is for writers of text.

        The statement waits for its place and its turns (`tap.admission`). Raises UsageFault for values that a function
        does not take, `tap.engine.faults.BetterAsync` (a TransientFault) when it has waited or taken too long,
        FatalFault when the database fails; also while the rows are iterated.
        """
        limits = limits_of(self.context.viewer)
        seconds = limits.timeout if timeout is None else timeout
        maker = PlainMaker(self.maker) if plain else self.maker
        rows = engine.Rows(self.statement, maker, maxrec, seconds, self.uploads, departed)
        return AdmittedRows(rows, self.context.client, limits.statements, admission())


@dataclass(frozen=True)
class _Compiled:
    """A query whose decimal numbers are still open."""

    query: Query
    checks: tuple[tuple[Check, tuple[typed.Constant, ...]], ...]

    def filled(self, text: str, values: Sequence[float], context: QueryContext) -> Query:
        """The query with these numbers. Raises AdqlError if one is not acceptable."""
        for check, constants in self.checks:
            check([constant.known(values) for constant in constants])
        made = self.query
        return Query(
            text,
            made.columns,
            made.tables,
            made.descriptors,
            made.statement.of(values),
            made.maker,
            context,
            made.uploads,
        )


_COMPILED: LRU[tuple[object, ...], _Compiled] = LRU(_KEPT)


def prepare(text: str, context: QueryContext, uploads: Sequence[Upload] = ()) -> Query:
    """Parse, resolve and translate an ADQL query for the configured database; `uploads` are tables of this query only.

    Raises `vo.errors.UsageFault` with line and column for anything wrong with the query.
    """
    template = Template.of(text)
    if template.shape is None or uploads:
        return _parsed(text, context, uploads, ()).filled(text, (), context)
    key = (template.shape, engine.dialect(), context.viewer, context.base_url, registry.generation())
    compiled = _COMPILED.get(key)
    if compiled is not None:
        try:
            return compiled.filled(text, template.values, context)
        except AdqlError:
            pass  # told by the compiler, with its place in this text
    try:
        compiled = _parsed(text, context, (), template.values)
    except ValuesNeeded:
        return _parsed(text, context, (), ()).filled(text, (), context)
    _COMPILED.put(key, compiled)
    return compiled.filled(text, template.values, context)


def prepare_selection(
    table: PublishedTable, items: Sequence[tree.Item], where: tree.Predicate, context: QueryContext
) -> Query:
    """The rows of a published table that meet a condition of `tap.conditions`; all columns if no items are given.

    Raises `vo.errors.UsageFault` for a condition that no query can have: too many constants, or a shape that is none.
    """
    parts = table.meta.name.split(".")
    name = tree.Qualified(0, tuple(tree.Name(0, part, quoted=True) for part in parts))
    columns: tuple[tree.Star | tree.Item, ...] = tuple(items) or (tree.Star(0, None),)
    select = tree.Select(0, False, None, columns, (tree.Table(0, name, None),), where, (), None)
    return _compiled(tree.Query(0, (), select, (), None), context, (), Decimals()).filled("", (), context)


def _parsed(text: str, context: QueryContext, uploads: Sequence[Upload], values: Sequence[float]) -> _Compiled:
    """A query with these decimal numbers compiled. Raises UsageFault with line and column."""
    try:
        return _compiled(parse(text), context, uploads, Decimals(values))
    except AdqlError as error:
        raise error.located(text) from None
    except RecursionError:
        raise UsageFault("the query is nested too deeply") from None


def _compiled(query: tree.Query, context: QueryContext, uploads: Sequence[Upload], decimals: Decimals) -> _Compiled:
    """Resolve and translate a syntax tree. Raises AdqlError, not located."""
    uploaded = {u.published.meta.name.lower(): u.published for u in uploads}

    def find(name: str) -> PublishedTable | None:
        return uploaded.get(name.lower()) or registry.find(name)

    def known() -> list[str]:
        return [t.meta.name for t in (*uploaded.values(), *registry.tables())]

    resolved = resolve(query, find, known, decimals)
    statement = translate(resolved, engine.dialect(), context)
    columns = tuple(meta for _, meta in resolved.columns)
    tables = tuple({t.meta.name: t for t in _tables(resolved.body)}.values())
    descriptors = _descriptors(resolved, context)
    made = Query("", columns, tables, descriptors, statement, BatchMaker(columns), context, tuple(uploads))
    return _Compiled(made, tuple(decimals.checks))


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
