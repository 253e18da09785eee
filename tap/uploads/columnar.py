"""Tables in CSV, TSV and Parquet: columns typed by what they hold, metadata from Parquet's fields."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tap.uploads.content import Content, content, too_many
from vo.arrow import arrow_type
from vo.columns import ColumnMeta
from vo.errors import UsageFault

_MAX_UNPACKED = 20
"""Times that a Parquet file may grow when it is unpacked, beyond the first 64 MiB."""
_SMALL = 64 * 2**20
_NUMBERS = {
    pa.bool_(): "boolean",
    pa.uint8(): "unsignedByte",
    pa.int8(): "short",
    pa.int16(): "short",
    pa.uint16(): "int",
    pa.int32(): "int",
    pa.uint32(): "long",
    pa.int64(): "long",
    pa.uint64(): "long",
    pa.float16(): "float",
    pa.float32(): "float",
    pa.float64(): "double",
}


def text(data: bytes, delimiter: str, max_rows: int) -> Content:
    """A table with a header line; an empty cell is NULL."""
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise UsageFault(f"the text cannot be read as a table: {str(error)[:200]}") from None
    return _content(table)


def parquet(data: bytes, max_rows: int) -> Content:
    """A Parquet file; unit, ucd, utype, xtype and description are taken from the fields' metadata."""
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(data))
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if file.metadata.num_rows > max_rows:
            raise UsageFault(too_many(max_rows))
        if sum(group.total_byte_size for group in groups) > max(_SMALL, _MAX_UNPACKED * len(data)):
            raise UsageFault("the Parquet file grows too much when it is unpacked")
        return _content(file.read(use_threads=False))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageFault(f"the Parquet file cannot be read: {str(error)[:200]}") from None


def _content(table: pa.Table) -> Content:
    columns = []
    for number, field in enumerate(table.schema):
        array = table.column(number)
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        columns.append(_column(field, array))
    return content(columns)


def _column(field: pa.Field, array: pa.Array) -> tuple[ColumnMeta, pa.Array]:
    said = {key.decode().lower(): value.decode("utf-8", "replace") for key, value in (field.metadata or {}).items()}
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    datatype, arraysize, xtype = _described(field.name, array)
    meta = ColumnMeta(
        field.name,
        datatype,
        arraysize,
        xtype or (said.get("xtype") or None if arraysize else None),
        unit=said.get("unit") or None,
        ucd=said.get("ucd") or None,
        utype=said.get("utype") or None,
        description=said.get("description", ""),
    )
    try:
        if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
            return meta, _moments(array)
        return meta, array.cast(arrow_type(meta))
    except pa.ArrowException:
        raise UsageFault(f"column {field.name[:60]}: a value is out of range of {datatype}") from None


def _moments(array: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
        array = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
    return array.cast(pa.timestamp("us"), safe=False)


def _described(name: str, array: pa.Array) -> tuple[str, str | None, str | None]:
    """Datatype, arraysize and xtype of a column."""
    type_ = array.type
    if type_ in _NUMBERS:
        return _NUMBERS[type_], None, None
    if pa.types.is_decimal(type_):
        return "double", None, None
    if pa.types.is_null(type_):
        return "char", "*", None
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        ascii_only = pc.all(pc.string_is_ascii(array)).as_py() is not False
        return "char" if ascii_only else "unicodeChar", "*", None
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return "char", "*", "timestamp"
    if (pa.types.is_list(type_) or pa.types.is_large_list(type_)) and type_.value_type in _NUMBERS:
        return _NUMBERS[type_.value_type], "*", None
    if pa.types.is_fixed_size_list(type_) and type_.value_type in _NUMBERS and type_.list_size > 1:
        return _NUMBERS[type_.value_type], str(type_.list_size), None
    raise UsageFault(f"column {name[:60]}: values of type {type_} are not taken")
