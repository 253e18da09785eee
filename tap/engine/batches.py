"""Rows of a driver become Arrow record batches of the types that `vo.arrow` gives to columns."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from vo.arrow import arrow_schema
from vo.columns import ColumnMeta
from vo.errors import UsageFault
from vo.plain import Column, PlainBatch

ROWS = 5000
"""Most rows of a batch."""

_PLAIN = 500
"""Most rows of a batch that is quicker in plain values."""
_NULL = type(None)

Convert = Callable[[Any], Any]
Batch: TypeAlias = pa.RecordBatch | PlainBatch


class Maker(Protocol):
    """Makes batches of what a driver gives."""

    def batch(self, rows: Sequence[Sequence[Any]]) -> Batch: ...

    def conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch: ...


class BatchMaker:
    """Makes batches of rows for these columns."""

    def __init__(self, columns: tuple[ColumnMeta, ...]) -> None:
        self.schema = arrow_schema(columns)
        self.converters = [_converter(t) for t in self.schema.types]
        kinds = [_plain_type(t) for t in self.schema.types]
        self.plain = {kind: [i for i, k in enumerate(kinds) if k is kind] for kind in (str, float, int)}
        """Positions of columns whose values may stay as they are, by type."""
        self.others = [i for i, kind in enumerate(kinds) if kind is None]
        self.limits = {i: 2 ** (self.schema.types[i].bit_width - 1) for i in self.plain[int]}

    def batch(self, rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        """Raises UsageFault for an integer that its column cannot hold."""
        columns = zip(zip(*rows, strict=True), self.schema, self.converters, strict=True)
        return pa.RecordBatch.from_arrays([_array(*column) for column in columns], schema=self.schema)

    def array(self, position: int, values: tuple[Any, ...]) -> pa.Array:
        """The values of one column. Raises as `batch` does."""
        return _array(values, self.schema.field(position), self.converters[position])

    def conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch of a driver with the types and names of the result.

        Raises UsageFault for an integer that its column cannot hold.
        """
        arrays = [_fitting(array, field) for array, field in zip(batch.columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class PlainMaker:
    """The same for a writer that takes short batches in plain values too."""

    def __init__(self, maker: BatchMaker) -> None:
        self._maker = maker

    def conformed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """As that of `BatchMaker`."""
        return self._maker.conformed(batch)

    def batch(self, rows: Sequence[Sequence[Any]]) -> Batch:
        """Raises UsageFault for an integer that its column cannot hold."""
        maker = self._maker
        if not 0 < len(rows) <= _PLAIN:
            return maker.batch(rows)
        columns: list[Column] = list(zip(*rows, strict=True))
        for kind, positions in maker.plain.items():
            if not _are(kind, itertools.chain.from_iterable(columns[i] for i in positions)):
                for i in positions:
                    columns[i] = maker.array(i, columns[i]) if not _are(kind, columns[i]) else columns[i]
        for i, limit in maker.limits.items():
            _check_range(columns[i], limit, maker.schema.field(i))
        for i in maker.others:
            columns[i] = maker.array(i, columns[i])
        texts = (columns[i] for i in maker.plain[str] if isinstance(columns[i], tuple))
        return PlainBatch(columns, len(rows), "".join(filter(None, itertools.chain.from_iterable(texts))))


def _are(kind: type, values: Iterable[Any]) -> bool:
    """Whether all of them are of that type or NULL."""
    return {kind, _NULL}.issuperset(map(type, values))


def _check_range(values: Column, limit: int, field: pa.Field) -> None:
    known = [v for v in values if v is not None] if isinstance(values, tuple) else ()
    if known and not -limit <= min(known) <= max(known) < limit:
        raise _out_of_range(field)


def _plain_type(type_: pa.DataType) -> type | None:
    """The type of values that are left as they are."""
    if pa.types.is_string(type_):
        return str
    if pa.types.is_float64(type_):
        return float
    return int if pa.types.is_signed_integer(type_) else None


def _array(values: tuple[Any, ...], field: pa.Field, convert: Convert | None) -> pa.Array:
    """The values as they are if they are of the column's type, which is much faster; else converted one by one."""
    if not pa.types.is_list(field.type):  # Arrow takes SQLite's BLOB for a list of small numbers
        try:
            return pa.array(values, field.type)
        except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError):
            pass
    if convert is not None:
        values = tuple(None if v is None else convert(v) for v in values)
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError):
        raise _out_of_range(field) from None


def _fitting(array: pa.Array, field: pa.Field) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):  # numeric comes as text
        array = array.storage
    try:
        return array if array.type == field.type else array.cast(field.type)
    except pa.ArrowInvalid:
        raise _out_of_range(field) from None


def _out_of_range(field: pa.Field) -> UsageFault:
    return UsageFault(f"column {field.name}: a value is out of range of its type {field.type}")


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
