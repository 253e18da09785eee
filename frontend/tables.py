"""Query results as tables for people: one page of rows, headings with units, cells that read well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from frontend import quantities
from tap.service import Query
from vo.columns import ColumnMeta

MAX_ROWS = 10_000
"""Most rows that a page looks through; the whole result is for TAP clients and downloads."""
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Heading:
    """Head of a column; `sort` is the query string that sorts by it, `order` ascending, descending or none."""

    name: str
    label: str
    unit: str = ""
    description: str = ""
    numeric: bool = False
    sort: str | None = None
    order: str = "none"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as text; `title` holds more digits or another form, `href` makes it a link."""

    text: str
    title: str = ""
    href: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a result. `total` counts the rows seen; `more` says that the result went on beyond them."""

    columns: tuple[ColumnMeta, ...]
    rows: list[dict[str, Any]]
    number: int
    size: int
    total: int
    more: bool

    @property
    def pages(self) -> int:
        return max(1, math.ceil(self.total / self.size))

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.total)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def fetch(query: Query, number: int = 1, size: int = PAGE_SIZE, timeout: float | None = 30) -> Page:
    """Run a query and keep one page of it (the last one if `number` is beyond the end)."""
    batches: list[pa.RecordBatch] = []
    with query.run(maxrec=MAX_ROWS, timeout=timeout) as rows:
        batches.extend(rows)
        more = rows.overflow
    total = sum(batch.num_rows for batch in batches)
    number = min(max(1, number), max(1, math.ceil(total / size)))
    kept: list[dict[str, Any]] = []
    start = (number - 1) * size
    for batch in batches:
        if start < batch.num_rows and len(kept) < size:
            kept.extend(batch.slice(max(0, start), size - len(kept)).to_pylist())
        start -= batch.num_rows
    return Page(query.columns, kept, number, size, total, more)


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready for the template: headings, and rows of cells."""

    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def is_numeric(column: ColumnMeta) -> bool:
    return not column.is_text and column.datatype != "boolean" and column.arraysize is None


def heading(column: ColumnMeta) -> Heading:
    return Heading(column.name, column.name, column.unit or "", column.description, is_numeric(column))


def cell(value: Any, column: ColumnMeta) -> Cell:
    """A value of any column, written for the eye, with the full value as title where that says less."""
    numeric = is_numeric(column)
    if value is None:
        return Cell("", "no value", numeric=numeric)
    if isinstance(value, float):
        digits = 9 if column.unit in ("deg", "d") else 6
        text = quantities.significant(value, digits)
        if "." in text and "e" not in text:
            text = text.rstrip("0").rstrip(".")
        return Cell(text, repr(value), numeric=numeric)
    if isinstance(value, list):
        return Cell(" ".join(str(v) for v in value))
    if isinstance(value, bytes):
        return Cell(value.hex(" "))
    text = str(value)
    href = text if text.startswith(("http://", "https://")) else ""
    return Cell(text, href=href, numeric=numeric)


def table(page: Page, caption: str = "") -> Table:
    """The page with all its columns as they are."""
    rows = [[cell(row[column.name], column) for column in page.columns] for row in page.rows]
    return Table([heading(column) for column in page.columns], rows, caption)
