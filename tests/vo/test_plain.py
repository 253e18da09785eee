"""Short results in plain values are written as the same values in Arrow arrays are, byte for byte."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap.engine.batches import BatchMaker, PlainMaker
from tests.examples import examples
from vo import text
from vo.columns import ColumnMeta
from vo.errors import UsageFault
from vo.plain import PlainBatch

COLUMNS = (
    ColumnMeta("id", "long"),
    ColumnMeta("ra", "double"),
    ColumnMeta("flux", "float"),
    ColumnMeta("name", "char", "*"),
    ColumnMeta("title, long", "unicodeChar", "*"),
    ColumnMeta("level", "short"),
    ColumnMeta("good", "boolean"),
    ColumnMeta("since", "char", "*", xtype="timestamp"),
    ColumnMeta("energies", "double", "*"),
    ColumnMeta("dec", "double"),
)
NOW = dt.datetime(2004, 3, 22, 12, 30, 0, 500_000)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def row() -> st.SearchStrategy[tuple[Any, ...]]:
    usual = st.floats(-1e16, 1e16) | st.floats(1e-20, 1e-3) | st.integers(-1000, 1000).map(float)
    number = usual | usual | st.floats() | st.sampled_from([1e15, 1e-5, 1e-6, 1e-7, float("nan"), float("-inf")])
    written = st.text(max_size=6) | st.text('ab,"\t\n\r\x01\x7f é', max_size=6) | st.sampled_from(["", "Crab"])
    return st.tuples(
        optional(st.integers(-(2**63), 2**63 - 1)),
        optional(number),
        optional(st.floats(width=32)),
        optional(written),
        optional(written),
        optional(st.integers(-(2**15), 2**15 - 1)),
        optional(st.booleans()),
        optional(st.just(NOW)),
        optional(st.lists(number, max_size=3)),
        optional(number),
    )


def documents(columns: tuple[ColumnMeta, ...], rows: Sequence[Sequence[Any]], **options: Any) -> tuple[bytes, bytes]:
    """What is written of Arrow arrays, and of plain values."""
    maker = BatchMaker(columns)
    plain = PlainMaker(maker).batch(rows)
    assert isinstance(plain, PlainBatch)
    arrays = maker.batch(rows)
    assert (plain.num_rows, plain.slice(1, 2).num_rows) == (arrays.num_rows, arrays.slice(1, 2).num_rows)
    parts = [plain.slice(0, 1), plain.slice(1, len(rows))]
    pieces = b"".join(text.write(columns, (p for p in parts if p.num_rows), **options))
    whole = b"".join(text.write(columns, [plain], **options))
    assert whole == pieces
    return b"".join(text.write(columns, [arrays], **options)), whole


@examples(200, 5_000)
@given(rows=st.lists(row(), min_size=1, max_size=5), dialect=st.sampled_from(["csv", "tsv"]))
def test_same_bytes(rows: list[tuple[Any, ...]], dialect: str) -> None:
    expected, found = documents(COLUMNS, rows, dialect=dialect)
    assert found == expected


@examples(300, 20_000)
@given(numbers=st.lists(st.none() | st.floats(-1e16, 1e16) | st.floats(1e-20, 1e-3) | st.floats(), min_size=1))
def test_numbers(numbers: list[float | None]) -> None:
    expected, found = documents(COLUMNS[1:2], [(number,) for number in numbers])
    assert found == expected


@pytest.mark.parametrize("exponent", range(-24, 25))
def test_numbers_of_every_size(exponent: int) -> None:
    """Where one notation ends and the next begins; each alone, since one that is uncommon makes its neighbours so."""
    for digits in ("1", "-1", "1.5", "9.999999999999999", "1.0000000000000002"):
        expected, found = documents(COLUMNS[1:2], [(float(f"{digits}e{exponent}"),)])
        assert found == expected


@pytest.mark.parametrize("dialect", ["csv", "tsv"])
@pytest.mark.parametrize("values", [(None,), ("",), ("a", None, ""), ("a,b",)])
def test_a_single_column(values: tuple[str | None, ...], dialect: str) -> None:
    """A line of CSV is never empty: readers skip those."""
    expected, found = documents(COLUMNS[3:4], [(v,) for v in values], dialect=dialect, header=False)
    assert found == expected


@pytest.mark.parametrize(("column", "value"), [(0, 2**63), (5, -(2**15) - 1), (5, 40_000)])
def test_an_integer_out_of_range(column: int, value: int) -> None:
    rows = [tuple(value if i == column else None for i in range(len(COLUMNS)))]
    with pytest.raises(UsageFault, match="out of range"):
        PlainMaker(BatchMaker(COLUMNS)).batch(rows)


def test_long_batches_are_arrow_arrays() -> None:
    rows = [(1,)] * 501
    assert not isinstance(PlainMaker(BatchMaker(COLUMNS[:1])).batch(rows), PlainBatch)


def test_size() -> None:
    """Texts are counted whole: what is called small is."""
    batch = PlainMaker(BatchMaker(COLUMNS[3:4])).batch([(None,), ("x" * 1000,)])
    assert 1000 <= batch.get_total_buffer_size() < 1100
