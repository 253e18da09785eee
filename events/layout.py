"""How a FITS file lies in its bytes: HDUs one after the other, and the columns of a binary table.

Source: FITS standard 4.0 sections 3, 4.4.1 and 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from events.cards import data_size, header_at, padding
from events.errors import Undistillable

_TFORM = re.compile(r"\s*(\d*)\s*([LXBIJKAEDCMPQ])", re.ASCII)
_WIDTHS = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}
_NUMBERS = {"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8"}


@dataclass(frozen=True, slots=True)
class Hdu:
    """An HDU and where it stands: header and data in bytes from the start of the file, the data without padding."""

    name: str
    header: fits.Header
    start: int
    data: int
    size: int

    @property
    def end(self) -> int:
        """Where the next HDU starts."""
        return self.data + self.size + padding(self.size)


def hdus(raw: memoryview) -> list[Hdu]:
    """The HDUs of a FITS file, names in capitals. Raises Undistillable for what is no complete one."""
    found: list[Hdu] = []
    at = 0
    while at < len(raw) and bytes(raw[at : at + 9]) in (b"SIMPLE  =", b"XTENSION="):
        try:
            header_bytes = header_at(raw, at)
            header = fits.Header.fromstring(header_bytes)
            size = data_size(header)
        except (ValueError, TypeError, KeyError, fits.VerifyError) as error:
            raise Undistillable("the FITS file is damaged: a header cannot be read") from error
        name = str(header.get("EXTNAME", "" if found else "PRIMARY")).strip().upper()
        hdu = Hdu(name, header, at, at + len(header_bytes), size)
        if hdu.data + size > len(raw):
            raise Undistillable("the FITS file is damaged: it is shorter than its headers announce")
        found.append(hdu)
        at = hdu.end
    if not found:
        raise Undistillable("the file is no FITS file")
    return found


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a binary table. `number` is NumPy's name of a scalar number, such as `f4`; empty for all others."""

    name: str
    form: str
    unit: str
    width: int
    """Bytes in a row."""
    number: str
    bits: int = 0
    """Length of a bit field, 0 for what is none."""
    scale: float = 1.0
    zero: float = 0.0

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Values of stored numbers: themselves, or as float64 where TSCAL and TZERO say so."""
        return stored if (self.scale, self.zero) == (1.0, 0.0) else stored * self.scale + self.zero


def columns(header: Mapping[str, Any], what: str) -> tuple[Column, ...]:
    """The columns of a binary table. Raises Undistillable for rows that are not all in one place."""
    found = []
    for n in range(1, int(header["TFIELDS"]) + 1):
        name, form = str(header.get(f"TTYPE{n}", "")).strip(), str(header[f"TFORM{n}"])
        match = _TFORM.match(form)
        if match is None:
            raise Undistillable(f"TFORM{n} {form!r} of {what} is no format of a column")
        count, code = int(match[1] or 1), match[2]
        if code in "PQ":
            raise Undistillable(f"column {name} of {what} has arrays of varying length, which cannot be distilled")
        width = -(-count // 8) if code == "X" else count * _WIDTHS[code]
        scale, zero = float(header.get(f"TSCAL{n}", 1)), float(header.get(f"TZERO{n}", 0))
        found.append(
            Column(
                name=name,
                form=form.strip(),
                unit=str(header.get(f"TUNIT{n}", "")).strip(),
                width=width,
                number=_NUMBERS.get(code, "") if count == 1 else "",
                bits=count if code == "X" else 0,
                scale=scale,
                zero=zero,
            )
        )
    if sum(column.width for column in found) != int(header["NAXIS1"]) or int(header.get("PCOUNT", 0)):
        raise Undistillable(f"the rows of {what} hold more than its columns, which cannot be distilled")
    return tuple(found)


_OF_COLUMNS = re.compile(r"T(TYPE|FORM|UNIT|SCAL|ZERO|NULL|DISP|DIM)\d+|TFIELDS|NAXIS\d*", re.ASCII)


def keys(header: fits.Header) -> dict[str, str | int | float | bool]:
    """Values of the cards of a table's header but for those that describe its columns, by keyword."""
    found = {}
    for card in header.cards:
        plain = isinstance(card.value, str | int | float | bool) and card.keyword not in ("HISTORY", "COMMENT", "")
        if plain and not _OF_COLUMNS.fullmatch(card.keyword):
            found[card.keyword] = card.value
    return found


@lru_cache(maxsize=256)
def row_type(described: tuple[Column, ...]) -> np.dtype[Any]:
    """NumPy type of the rows as they stand in the file; fields are called by their numbers, `0` and so on."""
    kinds = [f">{c.number}" if c.number else f"V{c.width}" for c in described]
    return np.dtype([(str(n), kind) for n, kind in enumerate(kinds)])


def find(described: tuple[Column, ...], name: str) -> int | None:
    """The number of the column of that name, whatever its case; None if there is none."""
    return next((n for n, column in enumerate(described) if column.name.upper() == name), None)
