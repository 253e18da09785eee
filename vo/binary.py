"""BINARY2 and BINARY streams of a VOTable (VOTable 1.4 sections 5.3, 5.4), a batch at a time.

Columns of fixed width (and the lengths that precede those of varying width) go side by side into one NumPy record
array; Arrow then joins these records with the varying cells row by row. No Python code runs per row.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo.cells import bounded, column_array, fixed_count, flat_bytes, list_parts, text_array
from vo.columns import ColumnMeta
from vo.errors import FatalFault

_NUMPY = {
    "boolean": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "char": "u1",
    "unicodeChar": ">u2",
}
NULL_VALUES = {"unsignedByte": 255, "short": -(2**15), "int": -(2**31), "long": -(2**63)}
"""What stands for NULL in an integer column of BINARY, which has no flags. BINARY2 needs none."""

Part = tuple[str, np.ndarray]
Cell = tuple[list[Part], pa.Array | None]


class RowEncoder:
    """Encodes record batches as rows of BINARY2 (`flags=True`) or BINARY (`flags=False`)."""

    def __init__(self, columns: Sequence[ColumnMeta], *, flags: bool) -> None:
        self.columns = tuple(columns)
        self.flags = flags

    def encode(self, batch: pa.RecordBatch) -> bytes | memoryview:
        """All rows of the batch."""
        parts = [self._rows(part) for part in bounded(batch)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _rows(self, batch: pa.RecordBatch) -> memoryview:
        rows = batch.num_rows
        arrays = [column_array(c, batch.column(i)) for i, c in enumerate(self.columns)]
        parts: list[Part] = []
        if self.flags:
            parts.append((f"({(len(arrays) + 7) // 8},)u1", _null_flags(arrays, rows)))
        joined: list[pa.Array] = []
        for column, array in zip(self.columns, arrays, strict=True):
            fixed, varying = self._cell(column, array)
            parts += fixed
            if varying is not None:
                joined += [_records(parts, rows), varying]
                parts = []
        if parts or not joined:
            joined.append(_records(parts, rows))
        if len(joined) == 1:
            return flat_bytes(joined[0])[1].data
        whole = pc.binary_join_element_wise(*joined, pa.scalar(b"", pa.binary()))
        return flat_bytes(whole)[1].data

    def _cell(self, column: ColumnMeta, array: pa.Array) -> Cell:
        if column.is_text:
            return self._text(column, array)
        if column.datatype == "boolean" and column.arraysize is None:
            return [("u1", _booleans(array))], None
        if column.arraysize is None:
            return [(_NUMPY[column.datatype], self._numbers(column, array))], None
        return self._list(column, array)

    def _numbers(self, column: ColumnMeta, array: pa.Array) -> np.ndarray:
        if pa.types.is_floating(array.type):
            return _numpy(_filled(array, float("nan")))
        if self.flags:
            return _numpy(_filled(array, 0))
        null = NULL_VALUES[column.datatype]
        if pc.any(pc.equal(array, null)).as_py():
            raise FatalFault(f"column {column.name} holds {null}, which BINARY needs for NULL; ask for BINARY2")
        return _numpy(_filled(array, null))

    def _text(self, column: ColumnMeta, array: pa.Array) -> Cell:
        text = _filled(text_array(column, array), "")
        count = fixed_count(column)
        wide = column.datatype == "unicodeChar"
        if count is not None:
            lengths = pc.utf8_length(text)
            if len(text) and pc.max(lengths).as_py() > count:
                raise FatalFault(f"column {column.name} holds a text longer than its declared {count} characters")
            padded = pc.utf8_rpad(text, count, padding="\0")
            data = flat_bytes(padded)[1]
            flat = _utf16(data) if wide else data
            return [(f"({count},){'>u2' if wide else 'u1'}", flat.reshape(len(text), count))], None
        offsets, data = flat_bytes(text)
        if not wide:
            lengths = np.diff(offsets)
            return [(">u4", lengths)], _binary(offsets, data)
        lengths = _numpy(pc.utf8_length(text))
        return [(">u4", lengths)], _binary(_offsets(lengths, 2), _utf16(data))

    def _list(self, column: ColumnMeta, array: pa.Array) -> Cell:
        offsets, values = list_parts(column, array)
        kind = _NUMPY[column.datatype]
        flat = _booleans(values) if column.datatype == "boolean" else _numpy(values).astype(kind)
        lengths = np.diff(offsets)
        count = fixed_count(column)
        if count is None:
            return [(">u4", lengths)], _binary(_offsets(lengths, flat.dtype.itemsize), flat)
        valid = np.ones(len(array), bool) if not array.null_count else _numpy(array.is_valid())
        cells = np.zeros((len(array), count), flat.dtype)
        if flat.dtype.kind == "f":
            cells[~valid] = np.nan
        elif column.datatype == "boolean":
            cells[~valid] = ord("?")
        cells[valid] = flat.reshape(-1, count)
        return [(f"({count},){kind}", cells)], None


class Base64Stream:
    """Base64 of a stream of bytes that comes in pieces of any length, a line for each piece."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes | memoryview) -> bytes:
        """What can be said already of the bytes so far."""
        whole = b"".join((self._rest, data)) if self._rest else data
        end = len(whole) - len(whole) % 3
        self._rest = bytes(whole[end:])
        return binascii.b2a_base64(whole[:end]) if end else b""

    def end(self) -> bytes:
        """The last bytes with their padding; afterwards the stream is empty again."""
        rest, self._rest = self._rest, b""
        return binascii.b2a_base64(rest) if rest else b""


def _null_flags(arrays: Sequence[pa.Array], rows: int) -> np.ndarray:
    """First column in the most significant bit; 1 where the cell is NULL. Shape (rows, bytes)."""
    nulls = np.zeros((rows, len(arrays)), bool)
    for i, array in enumerate(arrays):
        if array.null_count:
            nulls[:, i] = _numpy(array.is_null())
    return np.packbits(nulls, axis=1)


def _filled(array: pa.Array, value: float | str) -> pa.Array:
    """The array with that value for NULL; without a copy where it has none, which matters for short results."""
    return array.fill_null(value) if array.null_count else array


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)


def _booleans(array: pa.Array) -> np.ndarray:
    values = np.where(_numpy(array.fill_null(False)), ord("T"), ord("F")).astype(np.uint8)
    if array.null_count:
        values[_numpy(array.is_null())] = ord("?")
    return values


def _utf16(data: np.ndarray) -> np.ndarray:
    """UTF-8 bytes to UTF-16 units, big-endian."""
    return np.frombuffer(data.tobytes().decode("utf-8").encode("utf-16-be"), ">u2")


def _offsets(lengths: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64) * size]).astype(np.int32)


def _binary(offsets: np.ndarray, data: np.ndarray) -> pa.Array:
    """Binary array of these offsets and bytes, without a copy."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets, np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _records(parts: Sequence[Part], rows: int) -> pa.Array:
    """Columns of fixed width side by side: one binary cell a row."""
    dtype = np.dtype([(f"f{i}", kind) for i, (kind, _) in enumerate(parts)])
    records = np.empty(rows, dtype)
    for i, (_, values) in enumerate(parts):
        records[f"f{i}"] = values
    return _binary(np.arange(rows + 1, dtype=np.int32) * dtype.itemsize, records.view(np.uint8))
