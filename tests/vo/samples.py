"""A table with every type, NULL in each, limits and awkward text, as columns and rows of Python values."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pyarrow as pa

from vo.arrow import arrow_schema
from vo.columns import ColumnMeta

COLUMNS = (
    ColumnMeta("b", "boolean"),
    ColumnMeta("u", "unsignedByte"),
    ColumnMeta("s", "short"),
    ColumnMeta("i", "int"),
    ColumnMeta("l", "long"),
    ColumnMeta("f", "float", unit="m", ucd="em.wl"),
    ColumnMeta("s_ra", "double", unit="deg", ucd="pos.eq.ra", utype="obscore:Char.SpatialAxis", description="RA & so"),
    ColumnMeta("c", "char", "*", description='text <of> "ASCII"'),
    ColumnMeta("w", "unicodeChar", "*"),
    ColumnMeta("c8", "char", "8"),
    ColumnMeta("c8v", "char", "8*"),
    ColumnMeta("w4", "unicodeChar", "4"),
    ColumnMeta("when", "char", "*", xtype="timestamp", ucd="time.release"),
    ColumnMeta("t_min", "double", unit="d", ucd="time.start;obs.exposure"),
    ColumnMeta("dv", "double", "*"),
    ColumnMeta("f2", "float", "2", xtype="interval"),
    ColumnMeta("bv", "boolean", "*"),
    ColumnMeta("lv", "long", "4*"),
)
ROWS: list[tuple[Any, ...]] = [
    (
        *(True, 1, 2, 3, 2**62 + 1, 1.5, 0.1, "a<b&c>\"'", "Zoë € Ω", "ab", "x", "éa"),
        *(dt.datetime(2020, 1, 2, 3, 4, 5, 500000), 55555.123456789, [1.0, 1e-300], [1.0, 2.0], [True, False], [1, 2]),
    ),
    (None,) * len(COLUMNS),
    (
        *(False, 255, -(2**15), -(2**31), -(2**63), -math.inf, math.inf, "two\nlines\tand tab", "", "12345678"),
        *("12345678", "abcd", dt.datetime(1999, 12, 31), -0.0, [], [-math.inf, 1.0], [], []),
    ),
    (
        *(
            True,
            0,
            2**15 - 1,
            2**31 - 1,
            2**63 - 1,
            3.4028235e38,
            math.pi,
            "in  spaces",
            "\uffee",
            "a",
            "",
            "\u20acuro",
        ),
        *(dt.datetime(2038, 1, 19, 3, 14, 7, 1), 1e-308, [math.nan, math.inf], [0.1, 0.2], [False], [-(2**63)]),
    ),
]


def batch(columns: tuple[ColumnMeta, ...] = COLUMNS, rows: list[tuple[Any, ...]] | None = None) -> pa.RecordBatch:
    """The rows as an Arrow batch of the types that `vo.arrow` prescribes."""
    schema = arrow_schema(columns)
    values = ROWS if rows is None else rows
    return pa.RecordBatch.from_arrays(
        [pa.array([row[i] for row in values], kind.type) for i, kind in enumerate(schema)], schema=schema
    )
