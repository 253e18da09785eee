"""TAP_SCHEMA: the registry of published tables written into tables that are queried like any other (TAP 1.1 section 4).

`publish_tap_schema` makes the five tables known to the registry, themselves included; `sync` writes the registry into
them and is run after every migration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import models, transaction

from tap.models import Column, Key, KeyColumn, Schema, Table
from tap.names import written
from tap.registry import Example, PublishedTable, publish, publish_schema, schemas, tables
from vo.columns import ColumnMeta, ForeignKeyMeta, SchemaMeta, TableMeta

_NAME = "tap_schema"
Row = tuple[object, ...]


def _text(name: str, description: str, size: str = "*", *, principal: bool = True, indexed: bool = False) -> ColumnMeta:
    return ColumnMeta(name, "char", size, description=description, std=True, principal=principal, indexed=indexed)


def _prose(description: str) -> ColumnMeta:
    return ColumnMeta("description", "unicodeChar", "*", description=description, std=True, principal=True)


def _integer(name: str, description: str, *, principal: bool = False) -> ColumnMeta:
    return ColumnMeta(name, "int", description=description, std=True, principal=principal)


_SCHEMAS = TableMeta(
    "tap_schema.schemas",
    (
        _text("schema_name", "Name of the schema", indexed=True),
        _text("utype", "UType of the schema, if it follows a data model", principal=False),
        _prose("What the schema holds"),
        _integer("schema_index", "Order in which to show schemas"),
    ),
    "Schemas of this service",
)
_TABLES = TableMeta(
    "tap_schema.tables",
    (
        _text("schema_name", "Schema that the table belongs to"),
        _text("table_name", "Name of the table as written in a query", indexed=True),
        _text("table_type", "Either table or view"),
        _text("utype", "UType of the table, if it follows a data model", principal=False),
        _prose("What the table holds"),
        _integer("table_index", "Order in which to show the tables of a schema"),
    ),
    "Tables of this service",
    foreign_keys=(ForeignKeyMeta("tap_schema.schemas", (("schema_name", "schema_name"),), "Schema of the table"),),
)
_COLUMNS = TableMeta(
    "tap_schema.columns",
    (
        _text("table_name", "Table that the column belongs to", indexed=True),
        _text("column_name", "Name of the column as written in a query"),
        _text("datatype", "VOTable datatype"),
        _text("arraysize", "VOTable arraysize; NULL for a scalar"),
        _text("xtype", "VOTable xtype", principal=False),
        _integer("size", "Length of a one-dimensional column of limited length (from TAP 1.0; use arraysize)"),
        _prose("What the column holds"),
        _text("utype", "UType of the column, if it follows a data model", principal=False),
        _text("unit", "Unit in VOUnits syntax"),
        _text("ucd", "Unified content descriptor"),
        _integer("indexed", "1 if the column has an index, else 0"),
        _integer("principal", "1 if the column is among the main ones, else 0"),
        _integer("std", "1 if a standard defines the column, else 0"),
        _integer("column_index", "Order in which to show the columns of a table"),
    ),
    "Columns of the tables of this service",
    foreign_keys=(ForeignKeyMeta("tap_schema.tables", (("table_name", "table_name"),), "Table of the column"),),
)
_KEYS = TableMeta(
    "tap_schema.keys",
    (
        _text("key_id", "Name of the relation", indexed=True),
        _text("from_table", "Table that refers"),
        _text("target_table", "Table that is referred to"),
        _prose("What the relation means"),
        _text("utype", "UType of the relation", principal=False),
    ),
    "Relations between tables that can be joined",
    foreign_keys=(
        ForeignKeyMeta("tap_schema.tables", (("from_table", "table_name"),), "Table that refers"),
        ForeignKeyMeta("tap_schema.tables", (("target_table", "table_name"),), "Table that is referred to"),
    ),
)
_KEY_COLUMNS = TableMeta(
    "tap_schema.key_columns",
    (
        _text("key_id", "Relation that the pair of columns belongs to", indexed=True),
        _text("from_column", "Column of the table that refers"),
        _text("target_column", "Column of the table that is referred to"),
    ),
    "Columns by which related tables are joined",
    foreign_keys=(ForeignKeyMeta("tap_schema.keys", (("key_id", "key_id"),), "Relation of the pair of columns"),),
)
_EXAMPLES = (
    Example(
        id="columns-by-ucd",
        name="Columns that hold a sky position",
        query="SELECT table_name, column_name, unit, ucd\nFROM tap_schema.columns\nWHERE ucd LIKE 'pos.eq%'\n"
        "ORDER BY table_name, column_index",
        description="TAP_SCHEMA describes every table of the service, and is queried like any other schema.",
    ),
)
_MODELS: dict[str, type[models.Model]] = {
    _SCHEMAS.name: Schema,
    _TABLES.name: Table,
    _COLUMNS.name: Column,
    _KEYS.name: Key,
    _KEY_COLUMNS.name: KeyColumn,
}


def publish_tap_schema() -> None:
    """Publish the five tables of TAP_SCHEMA."""
    publish_schema(SchemaMeta(_NAME, "Descriptions of the schemas, tables and columns of this service (TAP 1.1)"))
    for meta in (_SCHEMAS, _TABLES, _COLUMNS, _KEYS, _KEY_COLUMNS):
        examples = _EXAMPLES if meta is _COLUMNS else ()
        publish(PublishedTable(meta=meta, sql_name=_MODELS[meta.name]._meta.db_table, examples=examples))


def published() -> list[tuple[SchemaMeta, list[TableMeta]]]:
    """Schemas that hold a table, with their tables, in the order of publication."""
    found = [(s, [t.meta for t in tables() if t.meta.schema.lower() == s.name.lower()]) for s in schemas()]
    return [(schema, metas) for schema, metas in found if metas]


def sync() -> bool:
    """Make TAP_SCHEMA say what the registry says; True if something had to be written."""
    changed = False
    with transaction.atomic():
        for model, fields, rows in _contents():
            if list(model._default_manager.order_by("id").values_list(*fields)) != rows:
                changed = True
                model._default_manager.all().delete()
                model._default_manager.bulk_create(model(**dict(zip(fields, row, strict=True))) for row in rows)
    return changed


def _contents() -> Iterator[tuple[type[models.Model], tuple[str, ...], list[Row]]]:
    found = published()
    metas = [meta for _, group in found for meta in group]
    names = {meta.name.lower() for meta in metas}
    keys = [
        (f"{meta.name}.{n}", meta, key)
        for meta in metas
        for n, key in enumerate(meta.foreign_keys, 1)
        if key.target_table.lower() in names
    ]
    contents: list[tuple[type[models.Model], Sequence[Row]]] = [
        (Schema, [(s.name, s.utype, s.description or None, i) for i, (s, _) in enumerate(found)]),
        (Table, [_table_row(meta, i) for _, group in found for i, meta in enumerate(group)]),
        (Column, [_column_row(meta, column, i) for meta in metas for i, column in enumerate(meta.columns)]),
        (Key, [(key_id, m.name, k.target_table, k.description or None, k.utype) for key_id, m, k in keys]),
        (KeyColumn, [(key_id, written(a), written(b)) for key_id, _, key in keys for a, b in key.columns]),
    ]
    for model, rows in contents:
        yield model, tuple(f.name for f in model._meta.fields if f.name != "id"), list(rows)


def _table_row(meta: TableMeta, index: int) -> Row:
    return (meta.schema, meta.name, meta.table_type, meta.utype, meta.description or None, index)


def _column_row(meta: TableMeta, column: ColumnMeta, index: int) -> Row:
    return (
        meta.name,
        written(column.name),
        column.datatype,
        column.arraysize,
        column.xtype,
        _size(column),
        column.description or None,
        column.utype,
        column.unit,
        column.ucd,
        int(column.indexed),
        int(column.principal),
        int(column.std),
        index,
    )


def _size(column: ColumnMeta) -> int | None:
    """Length of a one-dimensional column of limited length (TAP 1.1 section 4.3)."""
    length = (column.arraysize or "").rstrip("*")
    return int(length) if length.isdigit() else None
