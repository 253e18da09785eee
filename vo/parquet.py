"""Parquet files from Arrow record batches, with VO metadata.

Each field carries the attributes of its VOTable FIELD; the file carries a VOTable without data, as the IVOA Note
VOParquet 1.0 has it (section 2), which TOPCAT and astropy (`format="parquet.votable"`) read. It also tells of an
overflow. NULL, NaN and empty text are three different things; times are UTC microseconds without zone.

A reader begins with the end of the file: what breaks off before cannot be taken for a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from vo.columns import ColumnMeta, ServiceDescriptor
from vo.spool import described_schema, distinct, plain_batches
from vo.votable import Info, header_document

MEDIA_TYPE = "application/vnd.apache.parquet"
_GROUP_ROWS = 100_000
_GROUP_BYTES = 16 * 2**20


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    overflow: Callable[[], bool] | None = None,
) -> Iterator[bytes]:
    """The file in pieces, a row group at a time. An error of the batches is raised."""
    named = distinct(columns)
    schema = described_schema(named)
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd") as writer:
        for group in _groups(schema, plain_batches(schema, named, batches)):
            writer.write_table(group)
            yield sink.taken()
        status = "OVERFLOW" if overflow is not None and overflow() else "OK"
        votable = header_document(named, infos=infos, descriptors=descriptors, status=status)
        writer.add_key_value_metadata(
            {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": votable.decode()}
        )
    yield sink.taken()


class _Sink:
    """A file that is only written to, and emptied now and then."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """The last pieces can still be taken."""

    def taken(self) -> bytes:
        """What has been written since the last time."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


def _groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches gathered to row groups, so that readers have few and memory stays small."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, schema)
