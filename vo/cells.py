"""Whole columns made ready for a writer: text that the declared type can hold, numbers and times as text.

Every serialisation is fed from here, so that the same query gives the same values in BINARY2, TABLEDATA and CSV:

- `char` holds ASCII only (VOTable 1.4 section 2.1): other characters become `?`. A column whose text may go beyond
  ASCII is published as `unicodeChar`.
- `unicodeChar` is UCS-2: characters beyond the basic plane become U+FFFD.
- Control characters that XML 1.0 cannot hold become `?` (char) or U+FFFD (unicodeChar).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo.arrow import arrow_type
from vo.columns import ColumnMeta
from vo.errors import FatalFault

_NOT_CHAR = r"[^\t\n\r\x20-\x7F]"
_NOT_UNICODE_CHAR = r"[^\t\n\r\x20-\x{D7FF}\x{E000}-\x{FFFD}]"


_MAX_BATCH_BYTES = 2**28
_SHORT = 500
"""Rows of a batch in which calls cost more than values."""


def bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts small enough for Arrow's 32-bit offsets, whatever is made of their text; none if empty."""
    # The size of the buffers is known at once, that of a slice of them is not.
    is_large = batch.get_total_buffer_size() > _MAX_BATCH_BYTES and batch.nbytes > _MAX_BATCH_BYTES
    if is_large and batch.num_rows > 1:
        middle = batch.num_rows // 2
        yield from bounded(batch.slice(0, middle))
        yield from bounded(batch.slice(middle))
    elif batch.num_rows:
        yield batch


def joined_cells(cells: Sequence[pa.Array], between: str, after: str) -> bytes:
    """Columns of text as lines: `between` between the cells of a row, `after` between rows; NULL is empty."""
    lines = pc.binary_join_element_wise(*cells, pa.scalar(between), null_handling="replace", null_replacement="")
    whole = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines), after)
    return bytes(memoryview(whole[0].as_buffer()))


def column_array(column: ColumnMeta, array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as one array of the type that `vo.arrow` prescribes."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    expected = arrow_type(column)
    return array if array.type == expected else array.cast(expected)


def flat_bytes(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (int32, n + 1, from 0) and bytes (uint8) of a string or binary array.

    The bytes under a NULL count too, so offsets are of use without NULL only.
    """
    buffers = array.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[array.offset : array.offset + len(array) + 1]
    if not len(offsets):
        return np.zeros(1, np.int32), np.empty(0, np.uint8)
    data = np.empty(0, np.uint8) if buffers[2] is None else np.frombuffer(buffers[2], np.uint8)
    return offsets - offsets[0], data[offsets[0] : offsets[-1]]


def text_array(column: ColumnMeta, array: pa.Array) -> pa.Array:
    """Text of a `char` or `unicodeChar` column that its type and XML can hold; NULL stays NULL."""
    if pa.types.is_timestamp(array.type):
        return timestamps(array)
    _, data = flat_bytes(array)
    if not len(data):
        return array
    controls = data.min() < 0x20 and bool(np.any((data < 0x20) & (data != 9) & (data != 10) & (data != 13)))
    highest = data.max()
    if column.datatype == "char":
        if controls or highest > 0x7F:
            return pc.replace_substring_regex(array, _NOT_CHAR, "?")
    elif controls or highest >= 0xEF:  # first byte of U+F000 and above: the plane's last two, and other planes
        return pc.replace_substring_regex(array, _NOT_UNICODE_CHAR, "\ufffd")
    return array


def timestamps(array: pa.Array) -> pa.Array:
    """Times as DALI 1.1 section 3.3.3 writes them, without needless zeros: 2004-03-22T12:30:00.5."""
    if pa.types.is_timestamp(array.type) and array.type.unit != "us":
        array = array.cast(pa.timestamp("us"))
    text = pc.replace_substring(array.cast(pa.string()), " ", "T", max_replacements=1)
    return pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")


def numbers_as_text(array: pa.Array) -> pa.Array:
    """Numbers and booleans as VOTable TABLEDATA writes them; floats round-trip; NaN, +Inf, -Inf."""
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "true", "false")
    text = array.cast(pa.string())
    if pa.types.is_floating(array.type) and b"n" in flat_bytes(text)[1].tobytes():  # nan or inf
        infinite = pc.if_else(pc.greater(array, 0), "+Inf", "-Inf")
        text = pc.if_else(pc.is_finite(array), text, pc.if_else(pc.is_nan(array), "NaN", infinite))
    return text


def as_text(column: ColumnMeta, array: pa.Array) -> pa.Array:
    """Any column as text: arrays as numbers separated by spaces."""
    if column.is_text:
        return text_array(column, array)
    if pa.types.is_list(array.type):
        offsets, values = list_parts(column, array)
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), numbers_as_text(values))
        text = pc.binary_join(lists, " ")
        return pc.if_else(array.is_null(), None, text) if array.null_count else text
    return numbers_as_text(array)


Finish = Callable[[ColumnMeta, pa.Array], pa.Array]


def text_columns(columns: Sequence[ColumnMeta], batch: pa.RecordBatch, finish: Finish) -> list[pa.Array]:
    """Every column as text, made ready for the format by `finish`.

    In a short batch columns of one kind are handled as one: the calls would cost more than the values.
    """
    rows = batch.num_rows
    groups: dict[tuple[str, str], list[int]] = {}
    for i, column in enumerate(columns):
        alone = rows > _SHORT or (column.arraysize is not None and not column.is_text)
        kind = (column.datatype, column.xtype or "") if column.is_text else (column.datatype, "")
        groups.setdefault((str(i), "") if alone else kind, []).append(i)
    made: dict[int, pa.Array] = {}
    for members in groups.values():
        column = columns[members[0]]
        arrays = [column_array(columns[i], batch.column(i)) for i in members]
        text = finish(column, as_text(column, arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)))
        made.update((i, text.slice(n * rows, rows)) for n, i in enumerate(members))
    return [made[i] for i in range(len(columns))]


def list_parts(column: ColumnMeta, array: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Offsets (int32, from 0) and values without NULL of an array column; a NULL array is empty.

    Raises FatalFault for what no VOTable can hold: a NULL inside an array of integers or booleans, an array that has
    not the declared number of elements.
    """
    count = fixed_count(column)
    if count is not None and pc.any(pc.not_equal(array.value_lengths(), count)).as_py():
        raise FatalFault(f"column {column.name} holds an array that has not the declared {count} elements")
    if array.null_count:
        array = pc.if_else(array.is_null(), pa.scalar([], array.type), array)
    values = array.flatten()
    lengths = array.value_lengths().to_numpy(zero_copy_only=False)
    if values.null_count:
        if not pa.types.is_floating(values.type):
            raise FatalFault(f"column {column.name}: an array holds a NULL element, which a VOTable cannot say")
        values = values.fill_null(float("nan"))
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), values


def fixed_count(column: ColumnMeta) -> int | None:
    """Number of elements of a fixed-size array or text, None if it varies; 1 for scalars."""
    if column.arraysize is None:
        return 1
    if column.arraysize.endswith("*"):
        return None
    return int(np.prod([int(size) for size in column.arraysize.split("x")]))
