"""Short results in columns of plain Python values: making Arrow arrays of a few rows costs more than writing them.

What is written of a `PlainBatch` is what `vo.cells` makes of the same values in a record batch, byte for byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from vo.cells import as_text, numbers_as_text
from vo.columns import ColumnMeta

Column: TypeAlias = tuple[Any, ...] | pa.Array


_CONTROLS = bytes([*range(0x20), 0x7F])


@dataclass(frozen=True, slots=True)
class PlainBatch:
    """Some rows of a result.

    A column of text is a tuple of `str`, one of integers a tuple of `int`, one of doubles a tuple of `float`, with None
    for NULL; any column may be an array as `vo.arrow` has it instead.
    """

    columns: tuple[Column, ...]
    num_rows: int

    def slice(self, offset: int, length: int) -> PlainBatch:
        """So many rows from there."""
        end = min(offset + length, self.num_rows)
        parts = (c.slice(offset, length) if isinstance(c, pa.Array) else c[offset:end] for c in self.columns)
        return PlainBatch(tuple(parts), end - offset)

    def get_total_buffer_size(self) -> int:
        """Bytes that the values would have in a record batch, roughly."""
        return sum(map(_size, self.columns))


def _size(column: Column) -> int:
    if isinstance(column, pa.Array):
        return int(column.get_total_buffer_size())
    known = next((value for value in column if value is not None), None)
    return (len("".join(filter(None, column))) if isinstance(known, str) else 0) + 8 * len(column)


Finish = Callable[[ColumnMeta, pa.Array], pa.Array]


def text_columns(
    columns: Sequence[ColumnMeta], batch: PlainBatch, special: bytes, empty: str, finish: Finish
) -> list[Sequence[str]]:
    """Every column as text; NULL is an empty one.

    Texts that are ASCII without control characters and without one of `special` stand as they are, an empty one as
    `empty`; the others are made by `vo.cells` and readied by `finish`.
    """
    made: list[Sequence[str]] = [()] * len(columns)
    doubles: list[int] = []
    texts: list[int] = []
    others: list[int] = []
    for i, (column, values) in enumerate(zip(columns, batch.columns, strict=True)):
        if isinstance(values, pa.Array):
            others.append(i)
        elif column.is_text:
            texts.append(i)
        elif column.datatype == "double":
            doubles.append(i)
        else:
            made[i] = ["" if value is None else str(value) for value in values]
    for i, numbers in zip(doubles, _doubles([batch.columns[i] for i in doubles]), strict=True):
        made[i] = numbers
    if is_simple(itertools.chain.from_iterable(batch.columns[i] for i in texts), special):
        for i in texts:
            made[i] = _readied(batch.columns[i], empty)
    else:
        others += texts
    for i in others:
        values = batch.columns[i]
        array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        text = as_text(columns[i], array)
        if columns[i].is_text or columns[i].arraysize is not None:
            text = finish(columns[i], text)
        made[i] = ["" if value is None else value for value in text.to_pylist()]
    return made


def is_simple(texts: Iterable[str | None], special: bytes) -> bool:
    """Whether all of them are ASCII without control characters and without one of `special`."""
    held = "".join(filter(None, texts))
    if not held.isascii():
        return False
    data = held.encode()
    return len(data.translate(None, _CONTROLS + special)) == len(data)


def _readied(values: Sequence[str | None], empty: str) -> Sequence[str]:
    if "" in values and empty:
        values = [empty if value == "" else value for value in values]
    return ["" if value is None else value for value in values]


def _doubles(columns: Sequence[Sequence[float | None]]) -> list[Sequence[str]]:
    """All numbers are written in one call."""
    if not columns:
        return []
    texts = numbers_as_text(pa.array(itertools.chain.from_iterable(columns), pa.float64())).to_pylist()
    if any(None in column for column in columns):
        texts = ["" if text is None else text for text in texts]
    rows = len(columns[0])
    return [texts[start : start + rows] for start in range(0, len(texts), rows)]
