"""Results kept aside: no room on the disk, and memory that does not grow with the rows."""

from __future__ import annotations

import errno
import io
import tempfile
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vo import arrowstream, fitstable, jsontable, parquet
from vo.arrow import arrow_schema
from vo.columns import ColumnMeta
from vo.errors import TransientFault
from vo.spool import spooled_file

COLUMNS = tuple(ColumnMeta(f"d{n}", "double") for n in range(20)) + tuple(
    ColumnMeta(f"c{n}", "char", "*") for n in range(5)
)


def test_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told to come again, before the first byte."""
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda size: io.FileIO("/dev/full", "r+"))
    with pytest.raises(TransientFault, match="no room"):
        next(fitstable.write(COLUMNS, batches(2)))


def test_file_is_gone_when_the_client_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    spooled = tempfile.SpooledTemporaryFile

    def watched(size: int) -> Any:
        made.append(spooled(size))
        return made[-1]

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", watched)
    pieces = fitstable.write(COLUMNS, batches(2))
    next(pieces)
    assert [file.closed for file in made] == [False]
    pieces.close()
    assert [file.closed for file in made] == [True]


def test_other_errors_stay() -> None:
    with pytest.raises(FileNotFoundError), spooled_file():
        raise FileNotFoundError(errno.ENOENT, "nothing there")


def batches(count: int) -> Iterator[pa.RecordBatch]:
    """Random numbers, which do not compress: 1.1 MB each."""
    random = np.random.default_rng(1)
    schema = arrow_schema(COLUMNS)
    for _ in range(count):
        arrays = [pa.array(random.random(5000)) for _ in range(20)]
        arrays += [pa.array(random.integers(0, 10**9, 5000)).cast(pa.string()) for _ in range(5)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


@pytest.mark.parametrize("write", [fitstable.write, parquet.write, arrowstream.write, jsontable.write])
def test_memory_is_flat(write: Any) -> None:
    """400 000 rows of 25 columns: less than 64 MiB of Python's memory and of Arrow's."""
    pa.default_memory_pool().release_unused()
    tracemalloc.start()
    highest = size = 0
    before = pa.total_allocated_bytes()

    def watched() -> Iterator[pa.RecordBatch]:
        nonlocal highest
        for one in batches(80):
            highest = max(highest, pa.total_allocated_bytes() - before)
            yield one

    for piece in write(COLUMNS, watched()):
        size += len(piece)
        highest = max(highest, pa.total_allocated_bytes() - before)
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 75 * 2**20
    assert python < 64 * 2**20
    assert highest < 64 * 2**20
