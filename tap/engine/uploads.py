"""Uploaded tables in the database: temporary tables of a query's own connection, gone with it.

On SQLite they are in the schema `temp`, on PostgreSQL they end with the transaction. All names are our own.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql as pgsql

from tap.adql.types import Type, type_of
from tap.engine.batches import ROWS
from tap.engine.numbers import stored_timestamp
from tap.geometry.schema import index_name
from tap.uploads.table import KEY, XYZ, Upload

_POSTGRESQL_TYPES = {
    "boolean": "bool",
    "unsignedByte": "int2",
    "short": "int2",
    "int": "int4",
    "long": "int8",
    "float": "float4",
    "double": "float8",
}


def load_sqlite(connection: sqlite3.Connection, upload: Upload) -> None:
    """Make, fill and index the table in the schema `temp`."""
    table = upload.published.sql_name
    names = [KEY, *upload.sql_names, *(XYZ if upload.position else ())]
    kinds = ["INTEGER PRIMARY KEY", *(_sqlite_type(upload, i) for i in range(len(upload.columns)))]
    kinds += ["REAL"] * (len(names) - len(kinds))
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    connection.execute("BEGIN")
    connection.execute(f"CREATE TEMP TABLE {table} ({columns})")
    marks = ", ".join("?" * len(names))
    connection.executemany(f"INSERT INTO temp.{table} VALUES ({marks})", _rows(upload, _sqlite_values))  # noqa: S608
    if upload.position:
        tree = index_name(table, XYZ)
        x, y, z = XYZ
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.{tree} USING rtree(id, x_min, x_max, y_min, y_max, z_min, z_max)"
        )
        connection.execute(
            f"INSERT INTO temp.{tree} SELECT {KEY}, {x}, {x}, {y}, {y}, {z}, {z} "  # noqa: S608
            f"FROM temp.{table} WHERE {x} IS NOT NULL"
        )
    connection.execute("COMMIT")


def load_postgresql(connection: psycopg.Connection[Any], upload: Upload) -> None:
    """Make, fill and index the table, to be dropped with the transaction, which must still be READ WRITE."""
    table = pgsql.Identifier(upload.published.sql_name)
    kinds = ["int4", *(_postgresql_type(upload, i) for i in range(len(upload.columns)))]
    names = [KEY, *upload.sql_names]
    if upload.position:
        names, kinds = names + list(XYZ), kinds + ["float8"] * 3
    columns = pgsql.SQL(", ").join(
        pgsql.SQL("{} {}").format(pgsql.Identifier(name), pgsql.SQL(kind))
        for name, kind in zip(names, kinds, strict=True)
    )
    connection.execute(pgsql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(table, columns))
    with connection.cursor().copy(pgsql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(table)) as copy:
        copy.set_types(kinds)
        for row in _rows(upload, _postgresql_values):
            copy.write_row(row)
    if upload.position:
        hidden = pgsql.SQL(", ").join(map(pgsql.Identifier, XYZ))
        name = pgsql.Identifier(index_name(upload.published.sql_name, XYZ))
        connection.execute(
            pgsql.SQL("CREATE INDEX {} ON {} USING gist (tap_position_cube({}))").format(name, table, hidden)
        )
    connection.execute(pgsql.SQL("ANALYZE {}").format(table))


def _rows(upload: Upload, values: Any) -> Iterator[tuple[Any, ...]]:
    """Rows as the database takes them: key, columns, unit vector."""
    columns = [upload.data.column(i) for i in range(len(upload.columns))]
    if upload.position:
        columns += [pa.chunked_array([array]) for array in upload.vectors()]
    for start in range(0, upload.data.num_rows, ROWS):
        made = [values(column.slice(start, ROWS)) for column in columns]
        yield from zip(range(start + 1, start + ROWS + 1), *made, strict=False)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Python values; NaN is NULL, as it is in a VOTable."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return list(column.to_pylist())


def _sqlite_values(column: pa.ChunkedArray) -> list[Any]:
    values = _plain(column)
    if pa.types.is_timestamp(column.type):
        return [None if v is None else stored_timestamp(v) for v in values]
    if pa.types.is_list(column.type):
        # As tap.engine.batches unpacks them: eight bytes an element.
        letter = "d" if pa.types.is_floating(column.type.value_type) else "q"
        return [None if v is None else struct.pack(f"<{len(v)}{letter}", *v) for v in values]
    return values


def _postgresql_values(column: pa.ChunkedArray) -> list[Any]:
    values = _plain(column)
    if pa.types.is_timestamp(column.type):
        return [None if v is None else v.replace(tzinfo=UTC) for v in values]
    if pa.types.is_string(column.type):
        return [None if v is None else v.replace("\0", "\ufffd") for v in values]
    return values


def _sqlite_type(upload: Upload, index: int) -> str:
    meta = upload.columns[index]
    if meta.arraysize is not None and not meta.is_text:
        return "BLOB"
    type_ = type_of(meta)
    if type_ in (Type.REAL, Type.DOUBLE):
        return "REAL"
    return "INTEGER" if type_.is_integer or type_ is Type.BOOLEAN else "TEXT"


def _postgresql_type(upload: Upload, index: int) -> str:
    meta = upload.columns[index]
    if meta.is_text:
        return "timestamptz" if meta.xtype == "timestamp" else "text"
    return _POSTGRESQL_TYPES[meta.datatype] + ("" if meta.arraysize is None else "[]")
