"""Short results in columns of plain Python values: making Arrow arrays of a few rows costs more than writing them.

What is written of a `PlainBatch` is what `vo.cells` makes of the same values in a record batch, byte for byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import orjson
import pyarrow as pa

from vo.cells import as_text, numbers_as_text
from vo.columns import ColumnMeta

Column: TypeAlias = tuple[Any, ...] | pa.Array


_LARGE = 1e10
"""From here on Arrow writes numbers with an exponent."""
_CONTROLS = bytes([*range(0x20), 0x7F])


@dataclass(frozen=True, slots=True)
class PlainBatch:
    """Some rows of a result.

    A column of text is a tuple of `str`, one of integers a tuple of `int`, one of doubles a tuple of `float`, with None
    for NULL; any column may be an array as `vo.arrow` has it instead.
    """

    columns: Sequence[Column]
    num_rows: int
    text: str
    """All texts of plain columns, one after the other: what is asked of every one is asked of this."""

    def slice(self, offset: int, length: int) -> PlainBatch:
        """So many rows from there."""
        end = min(offset + length, self.num_rows)
        parts = [c[offset:end] if isinstance(c, tuple) else c.slice(offset, length) for c in self.columns]
        return PlainBatch(parts, end - offset, self.text)

    def get_total_buffer_size(self) -> int:
        """Bytes that the values would have in a record batch, roughly."""
        arrays = sum(c.get_total_buffer_size() for c in self.columns if not isinstance(c, tuple))
        return len(self.text) + 8 * self.num_rows * len(self.columns) + int(arrays)


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
        if not isinstance(values, tuple):
            others.append(i)
        elif column.is_text:
            texts.append(i)
        elif column.datatype == "double":
            doubles.append(i)
        else:
            made[i] = ["" if value is None else str(value) for value in values]
    for i, numbers in zip(doubles, _doubles([batch.columns[i] for i in doubles]), strict=True):
        made[i] = numbers
    if is_simple(batch.text, special):
        for i in texts:
            made[i] = _readied(batch.columns[i], empty)
    else:
        others += texts
    for i in others:
        values = batch.columns[i]
        array = pa.array(values, pa.string()) if isinstance(values, tuple) else values
        text = as_text(columns[i], array)
        if columns[i].is_text or columns[i].arraysize is not None:
            text = finish(columns[i], text)
        made[i] = ["" if value is None else value for value in text.to_pylist()]
    return made


def is_simple(text: str, special: bytes) -> bool:
    """Whether it is ASCII without control characters and without one of `special`."""
    if not text.isascii():
        return False
    data = text.encode()
    return len(data.translate(None, _CONTROLS + special)) == len(data)


def _readied(values: Sequence[str | None], empty: str) -> Sequence[str]:
    if "" in values and empty:
        values = [empty if value == "" else value for value in values]
    return ["" if value is None else value for value in values] if None in values else cast(Sequence[str], values)


def _doubles(columns: Sequence[Sequence[float | None]]) -> list[Sequence[str]]:
    """All numbers are written in one call."""
    if not columns:
        return []
    texts = _common(columns)
    if texts is None:
        written = numbers_as_text(pa.array(itertools.chain.from_iterable(columns), pa.float64()))
        texts = ["" if text is None else text for text in written.to_pylist()]
    rows = len(columns[0])
    return [texts[start : start + rows] for start in range(0, len(texts), rows)]


def _common(columns: Sequence[Sequence[float | None]]) -> list[str] | None:
    """What Arrow would write of these numbers, made eight times as fast; None if it writes some of them otherwise."""
    numbers = list(itertools.chain.from_iterable(columns))
    written = orjson.dumps(numbers)
    nulls = written.count(b"null")
    known = cast(list[float], [number for number in numbers if number is not None] if nulls else numbers)
    # Neither NaN nor an infinity is JSON; 0.000001 is 1e-6 here.
    if nulls != len(numbers) - len(known) or b"e-6" in written:
        return None
    if known and not -_LARGE < min(known) <= max(known) < _LARGE:
        return None
    texts = written[1:-1].decode() + ","
    return texts.replace("null,", ",").replace(".0,", ",").split(",")[:-1]
