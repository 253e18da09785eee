"""Rows of a driver become Arrow record batches of the types that `vo.arrow` gives to columns."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from vo.arrow import arrow_schema, arrow_type
from vo.columns import ColumnMeta
from vo.errors import UsageFault

ROWS = 5000
"""Most rows of a batch."""

Convert = Callable[[Any], Any]


class BatchMaker:
    """Makes batches of rows for these columns."""

    def __init__(self, columns: tuple[ColumnMeta, ...]) -> None:
        self.schema = arrow_schema(columns)
        self.types = [arrow_type(c) for c in columns]
        self.converters = [_converter(t) for t in self.types]

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Raises UsageFault for an integer that its column cannot hold."""
        arrays = []
        for values, type_, convert in zip(zip(*rows, strict=True), self.types, self.converters, strict=True):
            made = values if convert is None else [None if v is None else convert(v) for v in values]
            try:
                arrays.append(pa.array(made, type=type_))
            except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError):
                name = self.schema.field(len(arrays)).name
                raise UsageFault(f"column {name}: a value is out of range of its type {type_}") from None
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _converter(type_: pa.DataType) -> Convert | None:
    if pa.types.is_boolean(type_):
        return bool
    if pa.types.is_timestamp(type_):
        return _moment
    if pa.types.is_list(type_):
        return _values if pa.types.is_floating(type_.value_type) else _integers
    if pa.types.is_string(type_):
        return _text
    if pa.types.is_floating(type_):
        return float
    return None


def _moment(value: Any) -> datetime:
    """UTC without zone, from the driver's datetime or from SQLite's text."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _values(value: Any) -> Any:
    return struct.unpack(f"<{len(value) // 8}d", value) if isinstance(value, bytes) else value


def _integers(value: Any) -> Any:
    """Integers or booleans, from the driver's list or from SQLite's BLOB."""
    return struct.unpack(f"<{len(value) // 8}q", value) if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
