"""SQL of what stands in FROM: published tables with the rows that the viewer may see, sub-queries, joins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    TableClause,
    select,
    true,
)
from sqlalchemy.sql.visitors import iterate

from tap.adql import typed
from tap.readable import as_from, columns, sources
from tap.registry import PublishedTable, QueryContext


class Tables:
    """Makes the FROM elements of one statement, each once, called by names of our own.

    `query` gives the SQL of a sub-query, `condition` that of the condition of a join; names of tables that are read are
    added to `read`.
    """

    def __init__(
        self,
        dialect: str,
        context: QueryContext,
        query: Callable[[typed.Query], Select[Any] | CompoundSelect[Any]],
        condition: Callable[[typed.Condition], ColumnElement[bool]],
        read: set[str],
    ) -> None:
        self.dialect = dialect
        self.context = context
        self.query = query
        self.condition = condition
        self.read = read
        self.froms: dict[int, FromClause] = {}
        self.labels: dict[int, dict[str, str]] = {}
        self.common_tables: dict[int, Any] = {}
        self.count = 0

    def new_name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def from_(self, node: typed.From) -> FromClause:
        if isinstance(node, typed.Source):
            return self.from_of(node)
        left, right = self.from_(node.left), self.from_(node.right)
        on = true() if node.on is None else self.condition(node.on)
        if node.kind == "RIGHT":
            return right.join(left, on, isouter=True)
        return left.join(right, on, isouter=node.kind == "LEFT", full=node.kind == "FULL")

    def from_of(self, source: typed.Source) -> FromClause:
        """The FROM element of a source, made once."""
        made = self.froms.get(id(source))
        if made is None:
            made = self.froms[id(source)] = self.new_from(source)
        return made

    def new_from(self, source: typed.Source) -> FromClause:
        if isinstance(source, typed.TableSource):
            return self.published(source.table)
        if isinstance(source, typed.QuerySource):
            query = source.query
            made: FromClause = self.query(query).subquery(self.new_name("q"))
        else:
            assert isinstance(source, typed.CommonTableSource)
            query = source.common_table.query
            shared = self.common_tables.get(id(source.common_table))
            if shared is None:
                shared = self.query(query).cte(self.new_name("w"))
                self.common_tables[id(source.common_table)] = shared
            made = shared.alias(self.new_name("q"))
        self.labels[id(source)] = {meta.name: f"c{n}" for n, (_, meta) in enumerate(query.columns, 1)}
        return made

    def published(self, published: PublishedTable) -> FromClause:
        self.read |= sources(published)
        aliased = as_from(published, self.new_name("t"), self.dialect)
        visible = None if published.rows is None else published.rows(aliased, self.context.viewer)
        if visible is None:
            return aliased
        self.read |= {str(e.name) for e in iterate(visible) if isinstance(e, TableClause)}
        return select(*(aliased.c[name] for name in columns(published))).where(visible).subquery(self.new_name("t"))

    def column(self, node: typed.ColumnReference) -> ColumnElement[Any]:
        from_ = self.from_of(node.source)
        if isinstance(node.source, typed.TableSource):
            computed = node.source.table.expressions.get(node.column)
            stored = node.source.table.sql_columns.get(node.column, node.column)
            return from_.c[stored] if computed is None else computed(from_, self.context)
        return from_.c[self.labels[id(node.source)][node.column]]
