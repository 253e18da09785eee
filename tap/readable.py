"""What queries may read of the database: the columns that published tables need, and no others.

The role on PostgreSQL (`tap.engine.role`) and the authoriser on SQLite (`tap.engine.sqlite`) allow exactly this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnClause, FromClause, TableClause, column, select, table
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.visitors import iterate

from tap import registry
from tap.coverage import schema as coverage
from tap.geometry.schema import index_name
from tap.registry import ANONYMOUS, PublishedTable, QueryContext, Viewer

_VIEWERS = (ANONYMOUS, Viewer("user"), Viewer("user", is_curator=True))
"""One of each kind, to learn which columns a policy looks at."""


def as_from(published: PublishedTable, name: str, dialect: str) -> FromClause:
    """The database table, called `name`, with every column that expressions and policies may name.

    A table with parents is a sub-query that joins them, and has no columns but its own that are read and those lent.
    Every row has its parents, so that an outer join gives the same: PostgreSQL leaves it out where no column of the
    parent is asked for. SQLite does not, and would not begin with the parent either.
    """
    outer = dialect == "postgresql"
    if not published.parents:
        names = dict.fromkeys([*_stored(published), *_of_model(published.sql_name)])
        return table(published.sql_name, *map(column, names)).alias(name)
    lent = {name for parent in published.parents for name in parent.columns}
    source: FromClause = table(published.sql_name, *(column(n) for n in _stored(published) if n not in lent))
    found = {c.name: c for c in source.c}
    for parent in published.parents:
        joined = table(parent.sql_name, *map(column, dict.fromkeys([parent.key, *parent.columns.values()])))
        source = source.join(joined, found[parent.reference] == joined.c[parent.key], isouter=outer)
        found |= {lent_as: joined.c[stored] for lent_as, stored in parent.columns.items()}
    return select(*(c.label(n) for n, c in found.items())).select_from(source).correlate(None).subquery(name)


def columns(published: PublishedTable) -> tuple[str, ...]:
    """Columns of `as_from` that queries read: key, published ones, and what those are made from."""
    return tuple(dict.fromkeys([*_stored(published), *sorted(_tables(published)[published.sql_name])]))


def readable() -> dict[str, set[str]]:
    """Columns that queries may read, by database table; also of tables that only a policy of rows looks at."""
    found: dict[str, set[str]] = {}
    for published in registry.tables():
        for name, needed in _tables(published).items():
            found.setdefault(name, set()).update(needed)
    return found


def sources(published: PublishedTable) -> set[str]:
    """Database tables that hold the columns of a published table."""
    return {published.sql_name, *(parent.sql_name for parent in published.parents)}


def indexes() -> set[str]:
    """Names of the indexes of positions, regions and time coverages (on SQLite they are tables: R-trees)."""
    spheres = {index_name(t.sql_name, hidden) for t in registry.tables() for hidden in _on_sphere(t)}
    spheres |= {index_name(c.parent, c.box) for t in registry.tables() for c in t.cells}
    return spheres | {coverage.index_name(t.sql_name, index) for t in registry.tables() for index in t.coverages}


def _stored(published: PublishedTable) -> tuple[str, ...]:
    """The key, the published columns that are not computed, and those with indexes."""
    names = [
        published.sql_columns.get(c.name, c.name) for c in published.meta.columns if c.name not in published.expressions
    ]
    indexed = [name for hidden in _hidden(published) for name in hidden]
    references = [parent.reference for parent in published.parents]
    return tuple(dict.fromkeys([published.key, *names, *indexed, *references]))


def _hidden(published: PublishedTable) -> list[tuple[str, ...]]:
    cells = [(c.cell, *c.box) for c in published.cells]
    return _on_sphere(published) + [(c.ranges, *c.bounds) for c in published.coverages] + cells


def _on_sphere(published: PublishedTable) -> list[tuple[str, ...]]:
    return [p.xyz for p in published.positions] + [r.box for r in published.regions]


_known: dict[str, tuple[PublishedTable, Mapping[str, frozenset[str]]]] = {}
"""What was found for tables of the registry, by name: policies and expressions are asked once."""


def _tables(published: PublishedTable) -> Mapping[str, frozenset[str]]:
    if not published.expressions and published.rows is None and not published.parents:
        return {published.sql_name: frozenset(_stored(published))}
    name = published.meta.name
    if name not in _known or _known[name][0] is not published:
        _known[name] = (published, _needed(published))
    return _known[name][1]


def _needed(published: PublishedTable) -> Mapping[str, frozenset[str]]:
    """Columns by database table that its columns, expressions and policy of rows are made from."""
    source = as_from(published, "source", "sqlite")
    lent = {name for parent in published.parents for name in parent.columns}
    found: dict[str, set[str]] = {published.sql_name: set(_stored(published)) - lent}
    for parent in published.parents:
        found.setdefault(parent.sql_name, set()).update((parent.key, *parent.columns.values()))
    for viewer in _VIEWERS:
        context = QueryContext(viewer, "http://localhost")
        made = [expression(source, context) for expression in published.expressions.values()]
        visible = None if published.rows is None else published.rows(source, viewer)
        for name, read in _named(made if visible is None else [*made, visible]):
            found.setdefault(name, set()).add(read)
    return {name: frozenset(read) for name, read in found.items()}


def _named(expressions: Iterable[ColumnElement[Any]]) -> Iterable[tuple[str, str]]:
    """Database tables and columns that expressions name."""
    for expression in expressions:
        for element in iterate(expression):
            for root in element.base_columns if isinstance(element, ColumnClause) else ():
                if isinstance(root, ColumnClause) and isinstance(root.table, TableClause):
                    yield str(root.table.name), str(root.name)


@lru_cache(maxsize=256)
def _of_model(sql_name: str) -> tuple[str, ...]:
    from django.apps import apps

    for model in apps.get_models():
        if model._meta.db_table == sql_name:
            return tuple(str(f.column) for f in model._meta.concrete_fields)
    return ()
