"""Parquet files and Arrow streams, read back by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse

from tests.vo.samples import COLUMNS, ROWS, batch
from vo import arrowstream, parquet
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import TransientFault
from vo.votable import Info

WRITERS = [parquet.write, arrowstream.write]


def read(document: bytes) -> pa.Table:
    """A Parquet file or an Arrow stream."""
    if document[:4] == b"PAR1":
        return pq.read_table(io.BytesIO(document))
    return pa.ipc.open_stream(document).read_all()


@pytest.mark.parametrize("write", WRITERS)
def test_values_round_trip(write: Any) -> None:
    """Every type, with NULL, NaN and empty text told from each other, over batches."""
    got = read(b"".join(write(COLUMNS, [batch(), batch()])))
    wanted = pa.Table.from_batches([batch(), batch()])
    assert got.schema.types == wanted.schema.types
    for name in wanted.column_names:
        assert str(got[name].to_pylist()) == str(wanted[name].to_pylist()), name
    assert got["w"].to_pylist()[:3] == ["Zoë € Ω", None, ""]


@pytest.mark.parametrize("write", WRITERS)
def test_text_is_that_of_other_formats(write: Any) -> None:
    """What `char` cannot hold is replaced, as in a VOTable."""
    columns = (ColumnMeta("c", "char", "*"),)
    assert read(b"".join(write(columns, [batch(columns, [("Zoë",)])])))["c"].to_pylist() == ["Zo?"]


@pytest.mark.parametrize("write", WRITERS)
def test_metadata_of_fields(write: Any) -> None:
    field = read(b"".join(write(COLUMNS, [batch()]))).schema.field("s_ra")
    assert {name.decode(): value.decode() for name, value in field.metadata.items() if b"PARQUET" not in name} == {
        "datatype": "double",
        "unit": "deg",
        "ucd": "pos.eq.ra",
        "utype": "obscore:Char.SpatialAxis",
        "description": "RA & so",
    }


@pytest.mark.parametrize("write", WRITERS)
def test_no_rows_and_equal_names(write: Any) -> None:
    columns = (ColumnMeta("a", "int"), ColumnMeta("A", "char", "*"), ColumnMeta("a", "double", "*"))
    got = read(b"".join(write(columns, [])))
    assert (got.num_rows, got.column_names) == (0, ["a", "A_2", "a_3"])


def test_votable_of_a_parquet_file() -> None:
    """IVOA Note VOParquet 1.0 section 2: the two keys, and a VOTable without data whose FIELDs are the columns."""
    descriptor = ServiceDescriptor("links", (("accessURL", "http://127.0.0.1/links"),), ((COLUMNS[7], "c"),))
    infos = [Info("query", "SELECT 'é'")]
    pieces = parquet.write(COLUMNS, [batch()], infos=infos, descriptors=[descriptor], overflow=lambda: True)
    metadata = pq.ParquetFile(io.BytesIO(b"".join(pieces))).metadata.metadata
    assert metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    document = parse(io.BytesIO(metadata[b"IVOA.VOTable-Parquet.content"]), verify="exception")
    fields = document.get_first_table().fields
    assert [(f.name, f.ucd) for f in fields] == [(c.name, c.ucd) for c in COLUMNS]
    told = {info.name: info.value for info in document.resources[0].infos}
    assert told == {"QUERY_STATUS": "OVERFLOW", "query": "SELECT 'é'"}
    assert document.resources[1].utype == "adhoc:service"


def test_few_row_groups_of_a_parquet_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are gathered, up to a bound."""
    many = [batch()] * 10
    assert pq.ParquetFile(io.BytesIO(b"".join(parquet.write(COLUMNS, many)))).num_row_groups == 1
    monkeypatch.setattr("vo.parquet._GROUP_ROWS", 2 * len(ROWS))
    file = pq.ParquetFile(io.BytesIO(b"".join(parquet.write(COLUMNS, many))))
    assert (file.num_row_groups, file.metadata.num_rows) == (5, 10 * len(ROWS))


def _failing() -> Iterator[pa.RecordBatch]:
    yield batch()
    raise TransientFault("too slow")


def test_error_in_the_first_group_comes_before_the_first_byte_of_a_parquet_file() -> None:
    with pytest.raises(TransientFault, match="too slow"):
        next(parquet.write(COLUMNS, _failing()))


def test_error_breaks_an_arrow_stream() -> None:
    """What was sent lacks the end-of-stream mark."""
    pieces = arrowstream.write(COLUMNS, _failing())
    sent = next(pieces)
    with pytest.raises(TransientFault):
        next(pieces)
    assert not sent.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    assert b"".join(arrowstream.write(COLUMNS, [batch()])).endswith(b"\xff\xff\xff\xff\0\0\0\0")


def test_arrow_stream_tells_query_and_overflow() -> None:
    infos = [Info("query", "SELECT 1")]
    full = b"".join(arrowstream.write(COLUMNS, [batch()], infos=infos, overflow=lambda: True))
    reader = pa.ipc.open_stream(full)
    assert reader.schema.metadata == {b"query": b"SELECT 1"}
    read_batches = list(reader.iter_batches_with_custom_metadata())
    assert [b.batch.num_rows for b in read_batches] == [len(ROWS), 0]
    assert dict(read_batches[1].custom_metadata) == {b"QUERY_STATUS": b"OVERFLOW"}
    whole = pa.ipc.open_stream(b"".join(arrowstream.write(COLUMNS, [batch()], overflow=lambda: False)))
    assert [b.custom_metadata for b in whole.iter_batches_with_custom_metadata()] == [None]


def test_arrow_stream_leaves_as_it_comes() -> None:
    pieces = arrowstream.write(COLUMNS, iter([batch(), batch()]))
    assert pa.ipc.open_stream(next(pieces)).read_next_batch().num_rows == len(ROWS)
