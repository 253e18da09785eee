"""Index of a time coverage, as an operation for the migration of the room that owns the table.

On PostgreSQL a GiST index of the intervals; on SQLite an R-tree of start and end beside the table, kept by triggers.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

from tap import rtree
from tap.geometry.schema import execute
from tap.registry import CoverageIndex


def index_name(table: str, index: CoverageIndex) -> str:
    """Name of the R-tree (SQLite) or GiST index (PostgreSQL)."""
    return f"{table}_{index.ranges}{rtree.TIMES}"


def index_operation(table: str, index: CoverageIndex, key: str = "id") -> Operation:
    """Indexes a coverage of a database table with an integer key."""
    name = index_name(table, index)

    def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            gist = f'CREATE INDEX "{name}" ON "{table}" USING gist ("{index.ranges}")'
            execute(editor, [f'DROP INDEX IF EXISTS "{name}"', gist])
        else:
            start, stop = index.bounds
            execute(editor, rtree.statements(name, table, key, [start], [stop], "t"))

    def remove(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        is_postgresql = editor.connection.vendor == "postgresql"
        execute(editor, [f'DROP INDEX IF EXISTS "{name}"'] if is_postgresql else rtree.drops(name))

    return migrations.RunPython(create, remove, elidable=False)
