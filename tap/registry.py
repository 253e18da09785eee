"""Published tables: what ADQL can see, and how each name is found in the database.

A room above publishes a table from its application's `ready()`:

    publish(PublishedTable(meta=OBSCORE, sql_name="ivoa_obscore", positions=(...), regions=(...)))

Everything that knows of tables (ADQL resolution, TAP_SCHEMA, VOSI tables, documentation) reads this registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause

from vo.columns import SchemaMeta, ServiceDescriptor, TableMeta


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: decides which tables, rows and columns are seen. `name` is None for anonymous users."""

    name: str | None = None
    is_curator: bool = False


ANONYMOUS = Viewer()


@dataclass(frozen=True, slots=True)
class QueryContext:
    """What a query needs to know of its request: who asks, and the absolute base URL for links in results.

    `client` is whom the query is charged to (`tap.admission`): a user, or the network address of an anonymous one.
    """

    viewer: Viewer
    base_url: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class PositionIndex:
    """An indexed position: published columns `lon`, `lat` (ICRS deg) and hidden unit-vector columns x, y, z."""

    lon: str
    lat: str
    xyz: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class RegionIndex:
    """An indexed region: a published column of STC-S text and hidden columns with its bounding box on the unit
    sphere, in the order x_min, y_min, z_min, x_max, y_max, z_max."""

    column: str
    box: tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Parent:
    """A database table, one row of which belongs to many of a published table and lends its columns to them.

    `reference` is the column with the parent's `key`, of the published table or of a parent before this one; `columns`
    are the names that the parent's columns have in the published table.
    """

    sql_name: str
    reference: str
    columns: Mapping[str, str]
    key: str = "id"


@dataclass(frozen=True, slots=True)
class CellIndex:
    """A position found by the cell that its row is kept in: published columns `lon`, `lat` (ICRS deg).

    Cells are compact groups of rows in a table of their own, a `Parent`, whose boxes on the unit sphere have the index:
    a thousandth of the rows. `cell` is the hidden column with the cell of a row, `parent` the database table of cells,
    `box` its columns, hidden ones of the published table too, in the order of `RegionIndex`.
    """

    lon: str
    lat: str
    cell: str
    parent: str
    box: tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class CoverageIndex:
    """An indexed time coverage: a published column of T-MOC text, the hidden column of its intervals
    (`tap.coverage.field`), and hidden columns with its start and end (MJD in TCB; NULL if it is empty)."""

    column: str
    ranges: str
    bounds: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A query shown on the examples page (TAP 1.1 section 2.6); `id` is an XML name, unique in the service."""

    id: str
    name: str
    query: str
    description: str = ""


Expression = Callable[[FromClause, QueryContext], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table or view that ADQL can read.

    `sql_name` is its name in the database; a published column is the database column of the same name unless a parent
    has it, or `expressions` computes it (`access_url` from the request's base URL). `key` is the hidden integer primary
    key, by which indexes of SQLite find rows.
    `rows` gives the predicate of the rows a viewer may see, None for all. It is kept with the compiled query: what
    changes with time (an embargo, the groups of a user) is asked within the predicate, in the database.
    """

    meta: TableMeta
    sql_name: str
    key: str = "id"
    positions: tuple[PositionIndex, ...] = ()
    regions: tuple[RegionIndex, ...] = ()
    coverages: tuple[CoverageIndex, ...] = ()
    cells: tuple[CellIndex, ...] = ()
    parents: tuple[Parent, ...] = ()
    """Tables that lend columns: joined from left to right, and only read where their columns are asked for."""
    expressions: Mapping[str, Expression] = field(default_factory=dict)
    rows: Callable[[FromClause, Viewer], ColumnElement[bool] | None] | None = None
    descriptors: Callable[[str], tuple[ServiceDescriptor, ...]] | None = None
    """Service descriptors for results that select columns of this table; the argument is the base URL. One is attached
    when every column its inputs refer to is in the result."""
    examples: tuple[Example, ...] = ()
    """Queries of this table for the examples page; every one must run."""
    sql_columns: Mapping[str, str] = field(default_factory=dict)
    """Database columns of published columns, where their names differ."""
    identifier: str | None = None
    """The column that tells a row from all others, where no column has the UCD `meta.id;meta.main`."""


_schemas: dict[str, SchemaMeta] = {}
_tables: dict[str, PublishedTable] = {}
_changes = 0


def publish_schema(schema: SchemaMeta) -> None:
    _schemas[schema.name.lower()] = schema


def publish(table: PublishedTable) -> None:
    """Add a table; its schema must have been published."""
    if table.meta.schema.lower() not in _schemas:
        raise ValueError(f"schema {table.meta.schema!r} is not published")
    global _changes
    _changes += 1
    _tables[table.meta.name.lower()] = table


def withdraw(name: str) -> None:
    """Take a table back (tests)."""
    global _changes
    _changes += 1
    _tables.pop(name.lower(), None)


def generation() -> int:
    """Another number whenever what is published has changed."""
    return _changes


def schemas() -> tuple[SchemaMeta, ...]:
    return tuple(_schemas.values())


def tables() -> tuple[PublishedTable, ...]:
    return tuple(_tables.values())


def find(name: str) -> PublishedTable | None:
    """The table of that qualified name, whatever its case."""
    return _tables.get(name.lower())
