"""CSV and TSV, read back by the standard library and by STILTS."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.vo.samples import COLUMNS, ROWS, batch
from vo import text
from vo.columns import ColumnMeta
from vo.errors import TransientFault

WORDS = (ColumnMeta("a", "char", "*"), ColumnMeta("b, c", "unicodeChar", "*"))


def written(columns: tuple[ColumnMeta, ...], rows: list[tuple[object, ...]], **options: object) -> str:
    return b"".join(text.write(columns, [batch(columns, rows)], **options)).decode()  # type: ignore[arg-type]


def test_csv_reads_back() -> None:
    """TAP 1.1 section 3.2, RFC 4180: a header row, values with comma, quote or line end quoted."""
    rows = [('say "hi"', "a,b"), ("two\nlines", "ü\r\n"), ("plain", "")]
    got = list(csv.reader(io.StringIO(written(WORDS, rows), newline="")))
    assert got == [["a", "b, c"], *map(list, rows)]


def test_csv_tells_null_from_empty() -> None:
    assert written(WORDS, [(None, "")]).split("\r\n")[1] == ',""'


def test_csv_of_one_column_has_no_empty_lines() -> None:
    """Readers skip empty lines: a NULL that stands alone is quoted."""
    lines = written(WORDS[:1], [(None,), ("x",)]).split("\r\n")
    assert lines == ["a", '""', "x", ""]


def test_tsv_has_no_tab_in_values() -> None:
    """TAP 1.1 section 3.2: no value holds a TAB; nor a line end, which would break the row."""
    assert written(WORDS, [("a\tb", "c\nd\re")], dialect="tsv") == "a\tb, c\na b\tc d e\n"


def test_header_can_be_left_out() -> None:
    assert written(WORDS, [("x", "y")], header=False) == "x,y\r\n"


def test_no_rows_leave_the_header() -> None:
    assert written(WORDS, []) == 'a,"b, c"\r\n'


def test_numbers_round_trip() -> None:
    """TAP-50: floats round-trip, NaN and infinities as VOTable spells them, times as DALI does."""
    got = list(csv.DictReader(io.StringIO(written(COLUMNS, ROWS), newline="")))
    for name in ("s_ra", "t_min", "f"):
        values = [(g[name], row[[c.name for c in COLUMNS].index(name)]) for g, row in zip(got, ROWS, strict=True)]
        assert all(
            value is None if said == "" else float(said) == pytest.approx(value, rel=1e-7) for said, value in values
        )
    assert [g["s_ra"] for g in got] == ["0.1", "", "+Inf", "3.141592653589793"]
    assert [g["l"] for g in got] == ["4611686018427387905", "", "-9223372036854775808", "9223372036854775807"]
    assert [g["b"] for g in got] == ["true", "", "false", "true"]
    assert got[3]["dv"] == "NaN +Inf"
    assert [g["when"] for g in got][:3] == ["2020-01-02T03:04:05.5", "", "1999-12-31T00:00:00"]


def test_error_in_mid_stream_is_raised() -> None:
    """CSV cannot tell of an error (TAP 1.1 section 3.4): the connection must break rather than end well."""

    def failing() -> Iterator[pa.RecordBatch]:
        yield batch()
        raise TransientFault("too slow")

    pieces = text.write(COLUMNS, failing())
    next(pieces)
    with pytest.raises(TransientFault):
        next(pieces)


def test_tsv_reads_back() -> None:
    got = written(COLUMNS, ROWS, dialect="tsv").split("\n")
    assert [len(line.split("\t")) for line in got] == [len(COLUMNS)] * (len(ROWS) + 1) + [1]


def test_stilts_reads_every_row(need: Callable[[str], str], tmp_path: Path) -> None:
    """STILTS reads as many rows and columns of CSV as were written."""
    path = tmp_path / "sample.csv"
    path.write_bytes(b"".join(text.write(COLUMNS, [batch()])))
    command = [need("stilts"), "tpipe", f"in={path}", "ifmt=csv", "omode=count"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == ["columns:", str(len(COLUMNS)), "rows:", str(len(ROWS))]
