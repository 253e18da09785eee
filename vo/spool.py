"""Results kept aside for formats that must be known whole before their first byte: in memory, then in a file."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pyarrow as pa

from vo.arrow import arrow_type
from vo.cells import column_array, text_array
from vo.columns import ColumnMeta
from vo.errors import TransientFault

IN_MEMORY = 8 * 2**20
CHUNK = 256 * 1024


@contextmanager
def spooled_file() -> Generator[IO[bytes]]:
    """A file that stays in memory while it is small, gone afterwards.

    Raises TransientFault when there is no room for it.
    """
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            yield file
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TransientFault("there is no room to hold a result of this size now") from error
            raise


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The file from its beginning."""
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk


@contextmanager
def spooled_batches(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Generator[Callable[[], Iterator[pa.RecordBatch]]]:
    """Reads all batches, which have this schema; each call of what is given reads them again from the first."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with spooled_file() as file:
        with pa.ipc.new_stream(pa.PythonFile(file, "w"), schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)

        def again() -> Iterator[pa.RecordBatch]:
            file.seek(0)
            return iter(pa.ipc.open_stream(pa.PythonFile(file, "r")))

        yield again


def plain_batches(
    schema: pa.Schema, columns: Sequence[ColumnMeta], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The batches in exactly this schema, their text as `vo.cells` has it for every format; times stay times."""
    for batch in batches:
        arrays = []
        for i, column in enumerate(columns):
            array = column_array(column, batch.column(i))
            arrays.append(text_array(column, array) if pa.types.is_string(array.type) else array)
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def described_schema(columns: Sequence[ColumnMeta]) -> pa.Schema:
    """Arrow schema with what is known of each column as metadata of its field, in VOTable's terms."""
    return pa.schema([pa.field(column.name, arrow_type(column), metadata=described(column)) for column in columns])


def described(column: ColumnMeta) -> dict[str, str]:
    """Attributes of a column that are known, without its name."""
    known = {
        "datatype": column.datatype,
        "arraysize": column.arraysize,
        "xtype": column.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "description": column.description,
    }
    return {name: value for name, value in known.items() if value}


def distinct(columns: Sequence[ColumnMeta]) -> tuple[ColumnMeta, ...]:
    """The columns with names that differ in more than case, for formats that find columns by name."""
    taken: set[str] = set()
    named = []
    for column in columns:
        name, n = column.name, 1
        while name.lower() in taken:
            n += 1
            name = f"{column.name}_{n}"
        taken.add(name.lower())
        named.append(column if name == column.name else column.but(name=name))
    return tuple(named)
