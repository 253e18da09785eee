"""Lists of observations that users send as text with a job: VOTable, CSV, ECSV, or bare identifiers."""

from __future__ import annotations

import csv
import re

from tap.uploads.content import read
from vo.errors import UsageFault

COLUMNS = ("obs_publisher_did", "obs_id")
"""Columns that name an observation, the better one first; their case does not matter."""
MAX_ROWS = 10_000
_SEPARATORS = re.compile(r"[\s,;]+")


def observations(text: str) -> tuple[str, ...]:
    """The identifiers in a list, each once, in its order.

    A table (VOTable; CSV or ECSV with a line of column names) is read by its column obs_publisher_did or obs_id; text
    of any other form is taken as identifiers between blanks, commas or line ends, and lines that begin with # are left
    out. Raises UsageFault with a sentence for the user.
    """
    if text.lstrip().startswith("<"):
        found = _votable(text)
    else:
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        delimiter = "," if lines and "," in lines[0] else " "
        names = next(csv.reader(lines[:1], delimiter=delimiter, skipinitialspace=True), [])
        if _column(names) is not None or text.lstrip().startswith("# %ECSV"):
            rows = csv.reader(lines[1:], delimiter=delimiter, skipinitialspace=True)
            number = _needed(names)
            found = [row[number] for row in rows if len(row) > number]
        else:
            found = _SEPARATORS.split("\n".join(lines))
    named = tuple(dict.fromkeys(word for item in found if (word := item.strip())))
    if not named:
        raise UsageFault("the list of observations is empty")
    return named


def _column(names: list[str]) -> int | None:
    """Number of the column with the identifiers."""
    lower = [name.strip().lower() for name in names]
    return next((lower.index(name) for name in COLUMNS if name in lower), None)


def _needed(names: list[str]) -> int:
    number = _column(names)
    if number is None:
        raise UsageFault(f"the list has no column {' or '.join(COLUMNS)}, but {', '.join(names)[:200]}")
    return number


def _votable(text: str) -> list[str]:
    table = read(text.strip().encode(), "application/x-votable+xml", "", MAX_ROWS)
    values = table.data.column(_needed([meta.name for meta in table.columns]))
    return ["" if value is None else str(value) for value in values.to_pylist()]
