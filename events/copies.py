"""The columnar copy of an event list: an Arrow file of its columns, and beside it all else that its FITS file holds.

Rows stand in chunks (record batches), in the order of the file; within a chunk they are sorted by HEALPix cell, within
blocks of rows by falling energy, and `ROW` tells where each was. Numbers are little-endian and as wide as in the file,
other columns are bytes: putting them together again gives the very same rows. Of each block of rows the copy knows a
box on the unit sphere and ranges of cells, energy and time, so that a selection reads only blocks that can hold an
event of it. What is not rows of events (headers, good time intervals, responses, unknown HDUs) is copied as it stands,
one HDU after the other, into a second file, which begins with the description of both and the statistics of the blocks.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from events.layout import Column, find
from vo.healpix import cells
from vo.mjdref import TimeReference
from vo.regions import unit_vectors

FORMAT = 2
"""Version of this format: a copy of another one is made anew."""
BLOCK_ROWS = 1024
CHUNK_ROWS = 2**18
"""Rows that are sorted, selected and written together, which bounds the memory; a multiple of `BLOCK_ROWS`."""
ROW = "distiller_row"
_MAGIC = b"DISTIL\0\1"
_START = struct.Struct("<8sQ")
STATISTICS = np.dtype(
    [("low", "<f8", 3), ("high", "<f8", 3), ("energy", "<f8", 2), ("time", "<f8", 2), ("cells", "<i8", 2)]
)
"""Of a block: the corners of its box, lowest and highest energy and time (values as in the file), first and last cell
(order 29). Ranges of nothing are NaN."""


class Damaged(Exception):
    """A copy is not what it should be."""


@dataclass(frozen=True, slots=True)
class Part:
    """An HDU among what is not rows: where its header, its data and the next HDU start, and the data's size without
    padding. Of the HDU that has the events only the header is there."""

    name: str
    start: int
    data: int
    size: int
    end: int


@dataclass(frozen=True, slots=True)
class Description:
    """What a copy says of itself: columns and HDUs of its file, which of them has the events, the zero of their times,
    and the values of the cards of their header that do not describe columns."""

    sha256: str
    rows: int
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    events: int
    reference: TimeReference | None
    keys: Mapping[str, str | int | float | bool]
    arrow_size: int = 0
    """Bytes of the Arrow file."""
    places: tuple[tuple[int, ...], ...] = ()
    """Where the values of each column, and after them `ROW`, begin in the Arrow file, for each chunk: reading them
    there takes a tenth of the time that opening the file takes, which is the larger part with many small files."""

    def encode(self) -> bytes:
        """As JSON; the columns as a text within it, which many files share and is read once for all of them."""
        values = dict(zip(self.__slots__, astuple(self), strict=True))
        values["columns"] = _text(values["columns"])
        return _text([FORMAT, *values.values()]).encode()

    @classmethod
    def decode(cls, text: bytes) -> Description:
        """The inverse of `encode`. Raises Damaged."""
        try:
            version, sha256, rows, columns, parts, events, reference, keys, arrow_size, places = json.loads(text)
            if version != FORMAT:
                raise Damaged(f"it has the format {version}")
            return cls(
                sha256,
                rows,
                _columns(columns),
                tuple(Part(*part) for part in parts),
                events,
                None if reference is None else TimeReference(*reference),
                keys,
                arrow_size,
                places,
            )
        except (TypeError, ValueError) as error:
            raise Damaged("its description cannot be read") from error


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@lru_cache(maxsize=256)
def _columns(text: str) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in json.loads(text))


def paths(base: Path) -> tuple[Path, Path]:
    """The Arrow file, and the file of the rest, of a copy."""
    return Path(f"{base}.arrow"), Path(f"{base}.hdus")


class EventFile:
    """An open copy. Its files are mapped into memory and read as far as they are looked at."""

    def __init__(self, base: Path) -> None:
        """Raises Damaged for what is no whole copy, FileNotFoundError where there is none."""
        self._arrow = f"{base}.arrow"
        try:
            self._rest = memoryview(_mapped(f"{base}.hdus"))
            magic, size = _START.unpack_from(self._rest)
        except (ValueError, struct.error) as error:
            raise Damaged("its beginning is missing") from error
        if magic != _MAGIC or _START.size + size > len(self._rest):
            raise Damaged("its beginning is not that of a copy")
        self.description = Description.decode(bytes(self._rest[_START.size : _START.size + size]))
        described = self.description
        blocks = -(-described.rows // BLOCK_ROWS)
        self._parts = _START.size + size + blocks * STATISTICS.itemsize
        if len(self._rest) != self._parts + described.parts[-1].end:
            raise Damaged("it is not as long as it should be")
        if os.stat(self._arrow).st_size != described.arrow_size:  # noqa: PTH116
            raise Damaged("its Arrow file is not as long as it should be")
        self.blocks: NDArray[Any] = np.frombuffer(self._rest, STATISTICS, blocks, _START.size + size)
        """What is known of each block (`STATISTICS`)."""
        self._mapped: mmap.mmap | None = None
        self._numbers: dict[str, int] | None = None

    @property
    def rows(self) -> int:
        """Number of events."""
        return self.description.rows

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the event list."""
        return self.description.columns

    def find(self, name: str) -> int | None:
        """The number of a column, None if there is none of that name (in capitals)."""
        if self._numbers is None:
            self._numbers = {}
            for number, column in enumerate(self.columns):
                self._numbers.setdefault(column.name.upper(), number)
        return self._numbers.get(name)

    def part(self, position: int) -> memoryview:
        """Header and data, with padding, of an HDU; of the one that has the events, its header."""
        described = self.description.parts[position]
        return self._rest[self._parts + described.start : self._parts + described.end]

    def stored(self, chunk: int, column: int) -> NDArray[Any]:
        """The stored values of a column in a chunk, in the order of the copy."""
        described = self.columns[column]
        return self._array(chunk, column, f"<{described.number}" if described.number else f"V{described.width}")

    def original_rows(self, chunk: int) -> NDArray[np.uint32]:
        """Where each row of a chunk stands in the file, counted from the first row of the chunk."""
        return self._array(chunk, len(self.columns), "<u4")

    def _array(self, chunk: int, column: int, kind: str) -> NDArray[Any]:
        if self._mapped is None:
            self._mapped = _mapped(self._arrow)
        rows = min(CHUNK_ROWS, self.rows - chunk * CHUNK_ROWS)
        return np.frombuffer(self._mapped, kind, rows, self.description.places[chunk][column])


def _mapped(path: str) -> mmap.mmap:
    """A file in memory. By its descriptor alone: a thousand files are opened for one answer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)


def write_copy(
    base: Path,
    description: Description,
    chunks: Iterable[NDArray[Any]],
    parts: Iterable[bytes | memoryview],
) -> None:
    """Write the two files of a copy under the names that `base` gives. `description.arrow_size` is found here.

    `chunks` are rows as they stand in the file (`layout.row_type`), `CHUNK_ROWS` in each but the last; `parts` the
    bytes of `description.parts`.
    """
    arrow, rest = paths(base)
    statistics = [np.empty(0, STATISTICS)]
    schema = pa.schema([*(_field(n, column) for n, column in enumerate(description.columns)), (ROW, pa.uint32())])
    with pa.OSFile(str(arrow), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for rows in chunks:
            batch, known = _sorted(description.columns, rows, schema)
            writer.write_batch(batch)
            statistics.append(known)
    text = replace(description, arrow_size=arrow.stat().st_size, places=_places(arrow)).encode()
    # Statistics and parts begin at multiples of 8.
    text += b" " * (-len(text) % 8)
    with rest.open("wb") as file:
        file.write(_START.pack(_MAGIC, len(text)))
        file.write(text)
        file.writelines(known.tobytes() for known in statistics)
        file.writelines(parts)


def _places(arrow: Path) -> tuple[tuple[int, ...], ...]:
    whole = pa.memory_map(str(arrow)).read_buffer()
    with pa.ipc.open_file(whole) as reader:
        batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
    return tuple(tuple(column.buffers()[1].address - whole.address for column in batch) for batch in batches)


def _field(number: int, column: Column) -> pa.Field:
    kinds = {"u1": pa.uint8(), "i2": pa.int16(), "i4": pa.int32(), "i8": pa.int64(), "f4": pa.float32()}
    kinds["f8"] = pa.float64()
    return pa.field(f"{column.name or 'column'}_{number}", kinds.get(column.number) or pa.binary(column.width))


def _sorted(columns: Sequence[Column], rows: NDArray[Any], schema: pa.Schema) -> tuple[pa.RecordBatch, NDArray[Any]]:
    """A chunk sorted by cell and energy, and the statistics of its blocks."""

    def values(name: str) -> NDArray[Any] | None:
        number = find(tuple(columns), name)
        if number is None or not columns[number].number:
            return None
        return np.asarray(columns[number].values(rows[str(number)]), dtype=np.float64)

    ra, dec, energy, time = (values(name) for name in ("RA", "DEC", "ENERGY", "TIME"))
    starts = np.arange(0, len(rows), BLOCK_ROWS)
    known = np.zeros(len(starts), dtype=STATISTICS)
    for name in ("low", "high", "energy", "time"):
        known[name] = np.nan
    known["cells"] = -1
    order = np.arange(len(rows))
    if ra is not None and dec is not None and len(rows):
        found = cells(ra, dec)
        order = np.argsort(found, kind="stable")
        vectors = unit_vectors(ra[order], dec[order])
        known["low"], known["high"] = np.fmin.reduceat(vectors, starts), np.fmax.reduceat(vectors, starts)
        known["cells"] = np.stack(
            [np.minimum.reduceat(found[order], starts), np.maximum.reduceat(found[order], starts)], axis=-1
        )
    if energy is not None:
        # Selections have mostly a lowest energy: what they take of a block stands together, on few pages.
        order = order[np.lexsort((-energy[order], np.arange(len(rows)) // BLOCK_ROWS))]
    for name, array in (("energy", energy), ("time", time)):
        if array is not None and len(rows):
            known[name] = np.stack(
                [np.fmin.reduceat(array[order], starts), np.fmax.reduceat(array[order], starts)], axis=-1
            )
    arrays = []
    for number, column in enumerate(columns):
        taken = rows[str(number)][order]
        stored = np.ascontiguousarray(taken.astype(f"<{column.number}") if column.number else taken)
        arrays.append(
            pa.Array.from_buffers(schema.field(number).type, len(rows), [None, pa.py_buffer(stored.view(np.uint8))])
        )
    arrays.append(pa.array(order, pa.uint32()))
    return pa.RecordBatch.from_arrays(arrays, schema=schema), known
