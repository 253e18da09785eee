"""Indexes of positions and regions, as operations for the migration of the room that owns the table.

    operations = [
        migrations.CreateModel("ObsCore", ...),
        *index_operations("ivoa_obscore", positions=[PositionIndex(...)], regions=[RegionIndex(...)]),
    ]

The migration depends on `("tap", "0001_geometry")`, which installs the functions. On PostgreSQL an index is a GiST
index of `cube` values; on SQLite an R-tree beside the table, kept by triggers.

Django remakes a table on SQLite when a later migration alters it, which drops its triggers: such a migration must end
with the same operations again (they replace what is there and fill the R-tree anew).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

from tap import rtree
from tap.registry import CellIndex, PositionIndex, RegionIndex


def install_functions(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """Create or replace the engine's functions (PostgreSQL; SQLite's are registered on each connection)."""
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            cursor.execute((Path(__file__).parent / "functions.sql").read_text())


def index_operations(
    table: str,
    positions: Sequence[PositionIndex] = (),
    regions: Sequence[RegionIndex | CellIndex] = (),
    key: str = "id",
) -> list[Operation]:
    """Migration operations that index these positions and regions of a database table with an integer key.

    Cells are regions of the table that they are kept in.
    """
    return [
        migrations.RunPython(_creator(table, key, hidden), _remover(table, hidden), elidable=False)
        for hidden in [p.xyz for p in positions] + [r.box for r in regions]
    ]


def index_name(table: str, hidden: Sequence[str]) -> str:
    """Name of the R-tree (SQLite) or GiST index (PostgreSQL) over these hidden columns."""
    return f"{table}_{hidden[0]}{rtree.SPHERE}"


def sqlite_statements(table: str, key: str, hidden: Sequence[str]) -> list[str]:
    """Statements that make and fill the R-tree of a table and its triggers, replacing what is there."""
    # A position has the same three columns as lower and upper limits.
    return rtree.statements(index_name(table, hidden), table, key, hidden[:3], hidden[-3:], "xyz")


def postgresql_statements(table: str, hidden: Sequence[str]) -> list[str]:
    """Statements that make the GiST index of a table, replacing what is there."""
    name = index_name(table, hidden)
    function = "tap_position_cube" if len(hidden) == 3 else "tap_region_cube"
    columns = ", ".join(f'"{column}"' for column in hidden)
    return [
        f'DROP INDEX IF EXISTS "{name}"',
        f'CREATE INDEX "{name}" ON "{table}" USING gist ({function}({columns}))',
    ]


def _creator(table: str, key: str, hidden: Sequence[str]) -> Callable[[Any, BaseDatabaseSchemaEditor], None]:
    def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            statements = postgresql_statements(table, hidden)
        else:
            statements = sqlite_statements(table, key, hidden)
        execute(editor, statements)

    return create


def _remover(table: str, hidden: Sequence[str]) -> Callable[[Any, BaseDatabaseSchemaEditor], None]:
    def remove(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        name = index_name(table, hidden)
        if editor.connection.vendor == "postgresql":
            execute(editor, [f'DROP INDEX IF EXISTS "{name}"'])
        else:
            execute(editor, rtree.drops(name))

    return remove


def execute(editor: BaseDatabaseSchemaEditor, statements: list[str]) -> None:
    """Run statements of a migration."""
    with editor.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
