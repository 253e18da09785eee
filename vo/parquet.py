"""Parquet files from Arrow record batches, with VO metadata.

Each field carries the attributes of its VOTable FIELD; the file carries a VOTable without data, as the IVOA Note
VOParquet 1.0 has it (section 2), which TOPCAT and astropy (`format="parquet.votable"`) read. It also tells of an
overflow. A file is made aside and then sent, so that an error is raised before its first byte. NULL, NaN and empty text
are three different things; times are UTC microseconds without zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from vo.columns import ColumnMeta, ServiceDescriptor
from vo.spool import chunks, described_schema, distinct, plain_batches, spooled_file
from vo.votable import Info, header_document

MEDIA_TYPE = "application/vnd.apache.parquet"
_GROUP_ROWS = 100_000
_GROUP_BYTES = 32 * 2**20


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    overflow: Callable[[], bool] | None = None,
) -> Iterator[bytes]:
    """The file in pieces, once all batches have come."""
    named = distinct(columns)
    schema = described_schema(named)
    with spooled_file() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _groups(schema, plain_batches(schema, named, batches)):
                writer.write_table(group)
            status = "OVERFLOW" if overflow is not None and overflow() else "OK"
            votable = header_document(named, infos=infos, descriptors=descriptors, status=status)
            writer.add_key_value_metadata(
                {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": votable.decode()}
            )
        yield from chunks(file)


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
