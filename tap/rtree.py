"""R-trees of SQLite beside a table, kept by triggers."""

from __future__ import annotations

from collections.abc import Sequence

SPHERE, TIMES = "_sphere", "_times"
"""Ends of the names of R-trees: of boxes on the unit sphere, of intervals of time."""
_SHADOWS = ("_node", "_rowid", "_parent")
"""Tables in which SQLite keeps an R-tree."""


def is_tree(name: str) -> bool:
    return name.endswith((SPHERE, TIMES))


def shadows(tree: str) -> tuple[str, ...]:
    """The tables that an R-tree is made of."""
    return tuple(f"{tree}{suffix}" for suffix in _SHADOWS)


def statements(
    tree: str, table: str, key: str, low: Sequence[str], high: Sequence[str], axes: Sequence[str]
) -> list[str]:
    """Statements that make and fill an R-tree of the boxes from columns `low` to columns `high`, and its triggers.

    What is there is replaced. The R-tree has columns `id` and `<axis>_min`, `<axis>_max` for each of the axes.
    """
    columns = [column for pair in zip(low, high, strict=True) for column in pair]
    hidden = dict.fromkeys((*low, *high))
    known = " AND ".join(f'{{row}}."{column}" IS NOT NULL' for column in hidden)
    values = ", ".join(f'{{row}}."{column}"' for column in [key, *columns])
    limits = ", ".join(f"{axis}_min, {axis}_max" for axis in axes)
    remove = f'DELETE FROM "{tree}" WHERE id = {{row}}."{key}";'  # noqa: S608 (our own names)
    insert = f'INSERT INTO "{tree}" SELECT {values} WHERE {known};'
    new, old = {"row": "NEW"}, {"row": "OLD"}
    watched = ", ".join(f'"{column}"' for column in [key, *hidden])
    return [
        *drops(tree),
        f'CREATE VIRTUAL TABLE "{tree}" USING rtree(id, {limits})',
        f'CREATE TRIGGER "{tree}_insert" AFTER INSERT ON "{table}" BEGIN '
        f"{remove.format(**new)} {insert.format(**new)} END",
        f'CREATE TRIGGER "{tree}_delete" AFTER DELETE ON "{table}" BEGIN {remove.format(**old)} END',
        f'CREATE TRIGGER "{tree}_update" AFTER UPDATE OF {watched} ON "{table}" BEGIN '
        f"{remove.format(**old)} {remove.format(**new)} {insert.format(**new)} END",
        f'INSERT INTO "{tree}" SELECT {values.format(row="t")} FROM "{table}" AS t '  # noqa: S608
        f"WHERE {known.format(row='t')}",
    ]


def drops(tree: str) -> list[str]:
    """Statements that remove an R-tree and its triggers, if they are there."""
    triggers = [f'DROP TRIGGER IF EXISTS "{tree}_{event}"' for event in ("insert", "delete", "update")]
    return [*triggers, f'DROP TABLE IF EXISTS "{tree}"']
