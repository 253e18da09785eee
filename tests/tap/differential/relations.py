"""Generated tables of a query: parts of diff.a and diff.b, each with the rows it has in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.tap.differential.databases import ROWS
from tests.tap.differential.values import Condition, Row, conditions

Cell = Any


@dataclass(frozen=True)
class Relation:
    """ADQL of a table in FROM, what it is called there, and its rows by column."""

    text: str
    name: str
    columns: str
    rows: list[Row]

    def qualified(self) -> list[Row]:
        """The rows with the table's name before those of the columns."""
        return [{f"{self.name}.{c}": row[c] for c in self.columns} for row in self.rows]

    def nothing(self) -> Row:
        """The row of NULLs that an outer join puts beside what has no partner."""
        return {f"{self.name}.{c}": None for c in self.columns}


def part(table: str, columns: str, condition: Condition | None, name: str, doubled: bool) -> Relation:
    """Some rows of a table; twice if `doubled`."""
    rows = [{c: row[c] for c in columns} for row in ROWS[table] if condition is None or condition.of(row) is True]
    listed = ", ".join(columns)
    text = f"SELECT {listed} FROM diff.{table}"
    if condition is not None:
        text += f" WHERE {condition.text}"
    if doubled:
        text, rows = f"{text} UNION ALL {text}", rows * 2
    elif condition is None and columns == "knhxrstf":
        return Relation(f"diff.{table} AS {name}", name, columns, rows)
    return Relation(f"({text}) AS {name}", name, columns, rows)


def relations(name: str, *columns: str) -> st.SearchStrategy[Relation]:
    """A table called `name` with one of these sets of columns."""
    return st.builds(
        part,
        st.sampled_from("ab"),
        st.sampled_from(columns),
        st.none() | conditions(),
        st.just(name),
        st.booleans(),
    )
