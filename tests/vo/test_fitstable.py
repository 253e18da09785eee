"""FITS tables, read back by astropy and by STILTS."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import Table

from tests.vo.samples import COLUMNS, ROWS, batch
from vo import fitstable
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import FatalFault, TransientFault, UsageFault
from vo.votable import Info

Columns = tuple[ColumnMeta, ...]


def written(columns: Columns = COLUMNS, rows: list[Any] | None = None, **options: Any) -> bytes:
    return b"".join(fitstable.write(columns, [batch(columns, rows)], **options))


def opened(document: bytes) -> fits.HDUList:
    hdus = fits.open(io.BytesIO(document))
    hdus.verify("exception")
    return hdus


def names(attribute: str) -> list[str]:
    return [c.name for c in COLUMNS if c.datatype == attribute]


def test_blocks_and_sizes() -> None:
    """FITS 4.0 section 3.1: blocks of 2880 bytes, and nothing after the last HDU."""
    document = written()
    hdus = opened(document)
    assert len(document) % 2880 == 0
    assert [type(hdu) for hdu in hdus] == [fits.PrimaryHDU, fits.BinTableHDU]
    assert hdus[1].filebytes() + hdus[0].filebytes() == len(document)


def test_scalars_round_trip() -> None:
    """FITS 4.0 section 7.3: numbers to the last bit, NULL as TNULL (section 7.3.2) and NaN."""
    table = Table.read(io.BytesIO(written()), hdu=1)
    for i, column in enumerate(COLUMNS):
        if column.is_text or column.arraysize is not None or column.datatype == "boolean":
            continue
        got = table[column.name].filled(np.nan).tolist() if column.datatype in ("float", "double") else None
        for n, row in enumerate(ROWS):
            value = table[column.name][n]
            if row[i] is None:
                assert value is np.ma.masked
            elif got is not None:
                assert got[n] == np.dtype("f4" if column.datatype == "float" else "f8").type(row[i])
                assert np.signbit(got[n]) == np.signbit(row[i])
            else:
                assert value == row[i]


def test_booleans() -> None:
    """FITS 4.0 section 7.3.3.1: T, F, and 0 for what is not known."""
    raw = opened(written())[1].data.field("b")
    assert raw.tolist() == [True, False, False, True]
    document = written((ColumnMeta("b", "boolean"),), [(True,), (None,), (False,)])
    assert document[-2880:].rstrip(b"\0") == b"T\0F"


def test_text() -> None:
    """Section 7.3.3.1: printable ASCII only; the width is that of the longest."""
    data = opened(written())[1].data
    assert data["c"].tolist() == ["a<b&c>\"'", "", "two lines and tab", "in  spaces"]
    assert data["w"].tolist() == ["Zo? ? ?", "", "", "?"]
    assert data["w4"].tolist() == ["?a", "", "abcd", "?uro"]
    assert data["when"].tolist() == ["2020-01-02T03:04:05.5", "", "1999-12-31T00:00:00", "2038-01-19T03:14:07.000001"]
    assert data.columns["c"].format == "17A"


def test_control_characters_of_text() -> None:
    data = opened(written((ColumnMeta("c", "char", "*"),), [("a\tb\r\nc\x7fd",)]))[1].data
    assert data["c"].tolist() == ["a b  c?d"]


def test_text_wider_in_a_later_batch() -> None:
    columns = (ColumnMeta("c", "char", "*"), ColumnMeta("n", "int"))
    batches = [batch(columns, [("a", 1)]), batch(columns, [("abc" * 50, None)]), batch(columns, [("", 3)])]
    table = Table.read(io.BytesIO(b"".join(fitstable.write(columns, batches))), hdu=1)
    assert table["c"].filled("").tolist() == ["a", "abc" * 50, ""]
    assert table["n"].tolist() == [1, None, 3]


@pytest.mark.parametrize("limit", [2**31, 0])
def test_arrays(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 7.3.5: arrays of varying length in the heap, by descriptors of 32 bits (P) or 64 (Q); over batches."""
    monkeypatch.setattr("vo.fitstable._LARGE_HEAP", limit)
    document = b"".join(fitstable.write(COLUMNS, [batch(), batch(), batch()]))
    data = opened(document)[1].data
    assert ("Q" if limit == 0 else "P") in data.columns["dv"].format
    for i, name in ((14, "dv"), (17, "lv")):
        assert [list(map(str, row)) for row in data[name]] == [
            list(map(str, np.asarray(row[i] or [], "f8" if name == "dv" else "i8"))) for row in ROWS * 3
        ]
    assert [bytes(row) for row in data["bv"]] == [b"TF", b"", b"", b"F"] * 3
    assert str(data["f2"].tolist()) == str([np.asarray(row[15] or [np.nan] * 2, "f4").tolist() for row in ROWS * 3])


def test_arrays_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """How rows are cut to pieces makes no difference to what is read, only to the order of the heap."""
    whole = written()
    monkeypatch.setattr("vo.fitstable._PART_BYTES", 1)
    cut = written()
    assert cut != whole
    for name in opened(whole)[1].columns.names:
        assert str(opened(cut)[1].data[name].tolist()) == str(opened(whole)[1].data[name].tolist())


def test_fixed_arrays_have_null_and_shape() -> None:
    """Section 7.3.2 (TDIMn), TNULL in arrays of integers."""
    columns = (ColumnMeta("m", "short", "2x3"), ColumnMeta("t", "boolean", "2"))
    hdu = opened(written(columns, [([1, 2, 3, 4, 5, 6], [True, False]), (None, None)]))[1]
    assert hdu.header["TDIM1"] == "(2,3)"
    assert hdu.data["m"].tolist() == [[[1, 2], [3, 4], [5, 6]], [[-(2**15)] * 2] * 3]
    assert hdu.header["TNULL1"] == -(2**15)


def test_null_takes_a_wider_type_when_all_values_are_used() -> None:
    """A column of all 256 bytes and a NULL: no byte is left for TNULL."""
    columns = (ColumnMeta("u", "unsignedByte"),)
    document = written(columns, [*((n,) for n in range(256)), (None,)])
    table = Table.read(io.BytesIO(document), hdu=1)
    assert opened(document)[1].columns["u"].format == "I"
    assert table["u"].tolist() == [*range(256), None]
    assert "TNULL1" not in opened(written(columns, [(n,) for n in range(256)]))[1].header


def test_no_value_left_for_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo.fitstable._NULL_CANDIDATES", 2)
    with pytest.raises(FatalFault, match="column n leaves no value"):
        written((ColumnMeta("n", "long"),), [(-(2**63),), (2**63 - 1,), (None,)])


def test_metadata_of_columns() -> None:
    """Section 7.3.2: TUNIT; UCD, utype and the like as TOPCAT has them."""
    long = "x" * 200 + " µm"
    header = opened(written((COLUMNS[6].but(description=long), COLUMNS[12])))[1].header
    assert (header["TTYPE1"], header["TUNIT1"], header["TUCD1"]) == ("s_ra", "deg", "pos.eq.ra")
    assert (header["TUTYP1"], header["TCOMM1"]) == ("obscore:Char.SpatialAxis", "x" * 200 + " ?m")
    assert header["TXTYP2"] == "timestamp"


def test_votable_of_the_primary_hdu() -> None:
    """Fits-plus: the fifth card is VOTMETA, the data a VOTable without data that tells of frames, query, services."""
    descriptor = ServiceDescriptor("links", (("accessURL", "http://127.0.0.1/links"),), ((COLUMNS[7], "c"),))
    infos = [Info("query", "SELECT 'é'")]
    written_file = written(infos=infos, descriptors=[descriptor], overflow=lambda: True)
    assert written_file[4 * 80 :].startswith(b"VOTMETA =                    T")
    primary = opened(written_file)[0]
    document = parse(io.BytesIO(primary.data.tobytes()), verify="exception")
    resource = document.resources[0]
    assert [f.name for f in document.get_first_table().fields] == [c.name for c in COLUMNS]
    assert {info.name: info.value for info in resource.infos} == {"QUERY_STATUS": "OVERFLOW", "query": "SELECT 'é'"}
    assert [system.system for system in resource.coordinate_systems] == ["ICRS"]
    assert document.resources[1].utype == "adhoc:service"


@pytest.mark.parametrize(("full", "status"), [(True, "OVERFLOW"), (False, "OK")])
def test_overflow_is_told(full: bool, status: str) -> None:
    assert opened(written(overflow=lambda: full))[1].header["QSTATUS"] == status


def test_no_rows() -> None:
    """MAXREC=0: the columns are there."""
    document = b"".join(fitstable.write(COLUMNS, []))
    hdu = opened(document)[1]
    assert (hdu.header["NAXIS2"], len(hdu.columns)) == (0, len(COLUMNS))
    assert len(document) % 2880 == 0


def test_names_that_differ_in_case_only() -> None:
    """Section 7.3.2: TTYPE is compared without regard to case."""
    columns = tuple(ColumnMeta(name, "int") for name in ("a", "A", "a", "b"))
    assert opened(written(columns, [(1, 2, 3, 4)]))[1].columns.names == ["a", "A_2", "a_3", "b"]


def test_error_comes_before_the_first_byte() -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch()
        raise TransientFault("too slow")

    with pytest.raises(TransientFault, match="too slow"):
        next(fitstable.write(COLUMNS, failing()))


def test_too_many_columns() -> None:
    """Section 7.3.1: TFIELDS is 999 at most."""
    with pytest.raises(UsageFault, match="999 columns at most"):
        next(fitstable.write([ColumnMeta(f"c{n}", "int") for n in range(1000)], []))


def test_text_that_makes_the_file_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo.fitstable._MOST_BYTES", 100)
    with pytest.raises(UsageFault, match="ask for another format or fewer columns"):
        written()


def test_stilts_reads_types_and_values(need: Callable[[str], str], tmp_path: Path) -> None:
    """STILTS takes it for fits-plus, metadata from the VOTable, values from the table."""
    path = tmp_path / "sample.fits"
    path.write_bytes(written(infos=[Info("query", "SELECT é")]))

    def stilts(*words: str) -> str:
        command = [need("stilts"), "tpipe", f"in={path}", "ifmt=fits-plus", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    described = stilts("omode=meta")
    assert "SELECT é" in described
    assert "s_ra(Double)/deg - RA & so" in described
    rows = stilts("cmd=keepcols 'b u s i l s_ra c when lv'", "ofmt=csv").splitlines()
    assert rows[1] == 'true,1,2,3,4611686018427387905,0.1,"a<b&c>""\'",2020-01-02T03:04:05.5,"(1, 2)"'
    assert rows[2] == ",,,,,,,,"
    assert rows[3].startswith(f"false,255,{-(2**15)},{-(2**31)},{-(2**63)},Infinity,two lines and tab,1999-12-31")


def test_moments_keep_microseconds() -> None:
    columns = (ColumnMeta("when", "char", "*", xtype="timestamp"),)
    moment = dt.datetime(2024, 2, 29, 23, 59, 59, 999999)
    assert opened(written(columns, [(moment,)]))[1].data["when"].tolist() == [moment.isoformat()]
