"""JSON tables, read back by the standard library."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.vo.samples import COLUMNS, ROWS, batch
from vo import jsontable
from vo.columns import ColumnMeta
from vo.errors import TransientFault


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def read(pieces: Iterator[bytes]) -> dict[str, Any]:
    return json.loads(b"".join(pieces), parse_constant=no_constant)  # type: ignore[no-any-return]


def expected(value: Any) -> Any:
    """NaN and infinities are null, times are DALI timestamps."""
    if isinstance(value, list):
        return [expected(v) for v in value]
    if isinstance(value, dt.datetime):
        text = value.isoformat()
        return text.rstrip("0") if value.microsecond else text
    return None if isinstance(value, float) and not math.isfinite(value) else value


def test_values_round_trip() -> None:
    """RFC 8259: every type, NULL in each, limits and awkward text, over batches."""
    got = read(jsontable.write(COLUMNS, [batch(), batch()]))["data"]
    for row, wanted in zip(got, ROWS * 2, strict=True):
        for column, value, want in zip(COLUMNS, row, wanted, strict=True):
            if column.datatype == "float" and value is not None:
                assert np.array_equal(np.asarray(value, "f4"), np.asarray(expected(want), "f4"), equal_nan=True)
            else:
                assert value == expected(want), column.name


@pytest.mark.parametrize("text", ['"', "\\", '\\"', "\n\r\t", "a\\nb", "</script>", "\u2028é€", ""])
def test_text_is_escaped(text: str) -> None:
    columns = (ColumnMeta("w", "unicodeChar", "*"),)
    assert read(jsontable.write(columns, [batch(columns, [(text,)])]))["data"] == [[text]]


def test_metadata() -> None:
    """The attributes of a FIELD, those that are known; names in any script."""
    columns = (COLUMNS[6], ColumnMeta('Ω"', "char", "8*"))
    assert read(jsontable.write(columns, []))["metadata"] == [
        {
            "name": "s_ra",
            "datatype": "double",
            "unit": "deg",
            "ucd": "pos.eq.ra",
            "utype": "obscore:Char.SpatialAxis",
            "description": "RA & so",
        },
        {"name": 'Ω"', "datatype": "char", "arraysize": "8*"},
    ]


@pytest.mark.parametrize("rows", [0, 4])
def test_overflow(rows: int) -> None:
    """Whether MAXREC cut the result; asked when the batches have ended."""
    ended = []

    def batches() -> Iterator[pa.RecordBatch]:
        yield batch().slice(0, rows)
        ended.append(True)

    got = read(jsontable.write(COLUMNS, batches(), overflow=lambda: bool(ended)))
    assert (len(got["data"]), got["overflow"]) == (rows, True)
    assert read(jsontable.write(COLUMNS, [], overflow=lambda: False))["overflow"] is False


@pytest.mark.parametrize(("error", "words"), [(TransientFault("too slow"), "too slow"), (ValueError("x"), "internal")])
@pytest.mark.parametrize("before", [0, 1])
def test_error_in_mid_stream_is_told(error: Exception, words: str, before: int) -> None:
    """The document stays valid; what a defect says is not for the client."""

    def failing() -> Iterator[pa.RecordBatch]:
        yield from [batch()] * before
        raise error

    got = read(jsontable.write(COLUMNS, failing()))
    assert len(got["data"]) == before * len(ROWS)
    assert words in got["error"]
    assert "ValueError" not in got["error"]


def test_streamed() -> None:
    """Rows leave as they come."""
    pieces = jsontable.write(COLUMNS, iter([batch(), batch()]))
    assert next(pieces).count(b"\n[") == len(ROWS)
