"""Arrow IPC streams from Arrow record batches, with VO metadata in the fields.

An overflow is told in the custom metadata of a last, empty batch (`QUERY_STATUS`): the schema has gone by then. The
stream cannot tell of an error: it is raised, so that the server breaks the connection before the end-of-stream mark.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from vo.columns import ColumnMeta
from vo.spool import described_schema, distinct, plain_batches
from vo.votable import Info

MEDIA_TYPE = "application/vnd.apache.arrow.stream"


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    infos: Iterable[Info] = (),
    overflow: Callable[[], bool] | None = None,
) -> Iterator[bytes]:
    """The stream in pieces as the batches come; the infos are metadata of the schema."""
    named = distinct(columns)
    schema = described_schema(named).with_metadata({info.name: info.value for info in infos})
    sink = io.BytesIO()
    writer = pa.ipc.new_stream(sink, schema)
    for batch in plain_batches(schema, named, batches):
        writer.write_batch(batch)
        yield _taken(sink)
    if overflow is not None and overflow():
        empty = pa.RecordBatch.from_arrays([pa.array([], kind.type) for kind in schema], schema=schema)
        writer.write_batch(empty, custom_metadata={"QUERY_STATUS": "OVERFLOW"})
    writer.close()
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    """What was written since the last time."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
