"""How a column travels: the Arrow type of each VOTable type. Engines produce these, writers consume them."""

from __future__ import annotations

import pyarrow as pa

from vo.columns import ColumnMeta

_SCALARS = {
    "boolean": pa.bool_(),
    "unsignedByte": pa.uint8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


def arrow_type(column: ColumnMeta) -> pa.DataType:
    """Arrow type of a column: timestamps as UTC microseconds without zone, text as string, arrays as lists."""
    if column.is_text:
        return pa.timestamp("us") if column.xtype == "timestamp" else pa.string()
    scalar = _SCALARS[column.datatype]
    return scalar if column.arraysize is None else pa.list_(scalar)


def arrow_schema(columns: tuple[ColumnMeta, ...]) -> pa.Schema:
    """Arrow schema of a result; all fields may be NULL."""
    return pa.schema([pa.field(c.name, arrow_type(c)) for c in columns])
