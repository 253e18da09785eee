"""FITS files of one binary table, made whole: the bytes that astropy writes, in a tenth of the time.

Source: FITS standard 4.0 section 7.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from events.cards import Cards, padding


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers or of ASCII text: float64, int64 or bytes (`S`), one value a row."""

    name: str
    values: NDArray[Any]
    unit: str = ""

    @property
    def form(self) -> str:
        """TFORM; no text at all is taken for one letter of it."""
        kind = self.values.dtype
        return f"{max(1, kind.itemsize)}A" if kind.kind == "S" else {"f": "D", "i": "K"}[kind.kind]


def table_file(columns: Sequence[Column], keys: Mapping[str, Any], name: str) -> bytes:
    """A file of an empty primary HDU and a table of that EXTNAME with more header cards."""
    primary, header = Cards(), Cards()
    for key, number, comment in _PRIMARY:
        primary.set(key, number, comment)
    fields = [(str(n), f">{_CODES.get(c.form) or f'S{c.form[:-1]}'}") for n, c in enumerate(columns)]
    rows = np.empty(len(columns[0].values), np.dtype(fields))
    sizes = {"NAXIS1": rows.dtype.itemsize, "NAXIS2": len(rows), "TFIELDS": len(columns)}
    for key, value, comment in _TABLE:
        header.set(key, sizes.get(key, value), comment)
    for key, value in keys.items():
        header.set(key, value)
    header.set("EXTNAME", name, "extension name")
    for n, column in enumerate(columns):
        rows[str(n)] = column.values
        header.set(f"TTYPE{n + 1}", column.name)
        header.set(f"TFORM{n + 1}", column.form)
        if column.unit:
            header.set(f"TUNIT{n + 1}", column.unit)
    data = rows.tobytes()
    return b"".join((primary.whole(), header.whole(), data, b"\0" * padding(len(data))))


_CODES = {"D": "f8", "K": "i8"}
_PRIMARY: tuple[tuple[str, int | bool, str], ...] = (
    ("SIMPLE", True, "conforms to FITS standard"),
    ("BITPIX", 8, "array data type"),
    ("NAXIS", 0, "number of array dimensions"),
    ("EXTEND", True, ""),
)
_TABLE: tuple[tuple[str, int | str, str], ...] = (
    ("XTENSION", "BINTABLE", "binary table extension"),
    ("BITPIX", 8, "array data type"),
    ("NAXIS", 2, "number of array dimensions"),
    ("NAXIS1", 0, "length of dimension 1"),
    ("NAXIS2", 0, "length of dimension 2"),
    ("PCOUNT", 0, "number of group parameters"),
    ("GCOUNT", 1, "number of groups"),
    ("TFIELDS", 0, "number of table fields"),
)
