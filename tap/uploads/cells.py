"""Cells of a VOTable become Arrow columns: from the text of TABLEDATA, from the bytes of BINARY and BINARY2.

VOTable 1.4 sections 2.1 (types), 5.1 (TABLEDATA), 5.4 (BINARY2).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tap.uploads.content import too_many
from tap.uploads.fields import Field
from vo.arrow import arrow_type
from vo.errors import UsageFault

_FLAGS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False, "": None, "?": None}
_FLAG_BYTES = {b"T": True, b"t": True, b"1": True, b"F": False, b"f": False, b"0": False}
_FORMATS = {"unsignedByte": ">u1", "short": ">i2", "int": ">i4", "long": ">i8", "float": ">f4", "double": ">f8"}
_WIDTHS = {"unsignedByte": 1, "short": 2, "int": 4, "long": 8, "float": 4, "double": 8, "boolean": 1, "char": 1}
_ENCODINGS = {"char": "utf-8", "unicodeChar": "utf-16-be"}


# --- TABLEDATA --------------------------------------------------------------------------------------------------------


def of_text(field: Field, texts: Sequence[str]) -> pa.Array:
    """A column of TD texts; an empty one is NULL. Raises UsageFault with the row of the first that is wrong."""
    if field.is_text:
        return pa.array([text or None for text in texts], pa.string())
    parse, type_ = _parser(field), arrow_type(field.meta())
    null = None if field.null is None else field.null.strip()
    scalar = field.arraysize is None
    made: list[Any] = []
    for text in texts:
        word = text.strip()
        if not word or (scalar and word == null):
            made.append(None)
            continue
        try:
            made.append(parse(word) if scalar else _elements(field, word, parse))
        except (ValueError, KeyError):
            raise _wrong(field, len(made), word) from None
    try:
        return pa.array(made, type_)
    except (pa.ArrowException, OverflowError):
        raise UsageFault(f"column {field.name[:60]}: a value is out of range of {field.datatype}") from None


def _parser(field: Field) -> Callable[[str], Any]:
    if field.datatype == "boolean":
        return lambda word: _FLAGS[word.lower()]
    if field.datatype in ("float", "double"):
        return _number
    return _integer


def _integer(word: str) -> int:
    if "_" in word:
        raise ValueError(word)
    return int(word, 16) if word.lower().startswith("0x") else int(word)


def _number(word: str) -> float | None:
    if "_" in word:
        raise ValueError(word)
    value = float(word)
    return None if math.isnan(value) else value


def _elements(field: Field, word: str, parse: Callable[[str], Any]) -> list[Any]:
    words = list(word) if field.is_bits and " " not in word else word.split()
    values = [parse(w) for w in words]
    if field.count is not None and len(values) != field.count:
        raise ValueError(word)
    if field.datatype in ("float", "double"):
        return [math.nan if v is None else v for v in values]
    if None in values:
        raise ValueError(word)
    return values


def _wrong(field: Field, row: int, word: str) -> UsageFault:
    size = f"[{field.arraysize}]" if field.arraysize else ""
    return UsageFault(f"column {field.name[:60]}, row {row + 1}: {word[:60]!r} is no {field.datatype}{size}")


# --- BINARY and BINARY2 -----------------------------------------------------------------------------------------------


def of_binary(fields: Sequence[Field], data: bytes, *, flags: bool, max_rows: int) -> list[pa.Array]:
    """Columns of a binary stream; `flags` for BINARY2, whose rows begin with one bit a column, 1 for NULL."""
    rows: list[list[bytes]] = [[] for _ in fields]
    nulls: list[list[bool]] = [[] for _ in fields]
    head = (len(fields) + 7) // 8 if flags else 0
    sizes = [None if f.count is None else _size(f, f.count) for f in fields]
    at = count = 0
    while at < len(data):
        if count >= max_rows:
            raise UsageFault(too_many(max_rows))
        bits, at = data[at : at + head], at + head
        for i, (field, fixed) in enumerate(zip(fields, sizes, strict=True)):
            size = fixed
            if size is None:
                size, at = _size(field, _length(field, data, at)), at + 4
            if at + size > len(data):
                raise UsageFault("the binary data of the VOTable end within a row")
            rows[i].append(data[at : at + size])
            nulls[i].append(flags and i // 8 < len(bits) and bool(bits[i // 8] & (0x80 >> i % 8)))
            at += size
        count += 1
    return [_column(f, r, n, flags=flags) for f, r, n in zip(fields, rows, nulls, strict=True)]


def _length(field: Field, data: bytes, at: int) -> int:
    """Number of elements of an array of variable length; of `8x*` they are all counted (section 5.3)."""
    if at + 4 > len(data):
        raise UsageFault("the binary data of the VOTable end within a row")
    (count,) = struct.unpack_from(">i", data, at)
    if count < 0:
        raise UsageFault(f"column {field.name[:60]}: an array of {count} elements")
    return int(count)


def _size(field: Field, count: int) -> int:
    if field.is_bits:
        return (count + 7) // 8
    return count * (2 if field.datatype == "unicodeChar" else _WIDTHS[field.datatype])


def _column(field: Field, cells: list[bytes], nulls: list[bool], *, flags: bool) -> pa.Array:
    if field.is_text:
        return pa.array([None if n else _text(field, c) for c, n in zip(cells, nulls, strict=True)], pa.string())
    type_ = arrow_type(field.meta())
    if field.arraysize is None and field.datatype in _FORMATS:
        values = np.frombuffer(b"".join(cells), _FORMATS[field.datatype])
        values = values.astype(values.dtype.newbyteorder("="))
        missing = np.array(nulls, bool)
        if values.dtype.kind == "f":
            missing |= np.isnan(values)
        elif field.null is not None:
            missing |= values == _null(field)
        return pa.array(values, type_, mask=missing)
    made = [None if n else _values(field, c) for c, n in zip(cells, nulls, strict=True)]
    if field.arraysize is None:
        return pa.array([None if v is None else v[0] for v in made], type_)
    if field.datatype == "boolean" and any(v is not None and None in v for v in made):
        raise UsageFault(f"column {field.name[:60]}: an array holds a value that is neither true nor false")
    # BINARY has no other way to say that there is no array.
    return pa.array([v if v or flags else None for v in made], type_)


def _null(field: Field) -> int:
    try:
        return int(str(field.null), 0)
    except ValueError:
        raise UsageFault(f"column {field.name[:60]}: VALUES null {str(field.null)[:40]!r} is no integer") from None


def _values(field: Field, cell: bytes) -> list[Any]:
    if field.is_bits and field.arraysize is None:
        return [any(cell)]  # writers do not agree on which bit of the byte it is
    if field.is_bits:
        bits = np.unpackbits(np.frombuffer(cell, np.uint8)).astype(bool).tolist()
        return list(bits if field.count is None else bits[: field.count])
    if field.datatype == "boolean":
        return [_FLAG_BYTES.get(cell[i : i + 1]) for i in range(len(cell))]
    return list(np.frombuffer(cell, _FORMATS[field.datatype]).tolist())


def _text(field: Field, cell: bytes) -> str:
    text = cell.decode(_ENCODINGS[field.datatype], "replace")
    return text.partition("\0")[0]
