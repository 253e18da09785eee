"""FITS binary tables from Arrow record batches (FITS 4.0 section 7.3).

The primary HDU holds a VOTable without data ("fits-plus", which TOPCAT and STILTS read), so that UCDs, descriptions,
frames, the query and an overflow are not lost; the table's own header repeats what FITS readers know. Row count and
widths must be known first: the batches are kept aside, and an error of theirs is raised before the first byte.

- Text is as wide as the longest of its column, in printable ASCII: other characters become `?`, line ends and tabs
  spaces. NULL and empty text are the same.
- An integer column with NULLs has a TNULL that is none of its values, and a wider type if need be. NULL is NaN in
  floats, 0 in booleans (`L`).
- An array column of varying length lies in the heap; NULL is an empty array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io.fits import Header

from vo.arrow import arrow_type
from vo.cells import bounded, column_array, fixed_count, flat_bytes, list_parts, text_array
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import FatalFault, UsageFault
from vo.spool import distinct, spooled_batches
from vo.votable import Info, header_document

MEDIA_TYPE = "application/fits"
_BLOCK = 2880
_MOST_COLUMNS = 999
_MOST_BYTES = 2**34
_PART_BYTES = 2**24
_FORMS = {
    "boolean": ("L", "u1"),
    "unsignedByte": ("B", "u1"),
    "short": ("I", ">i2"),
    "int": ("J", ">i4"),
    "long": ("K", ">i8"),
    "float": ("E", ">f4"),
    "double": ("D", ">f8"),
}
_WIDER = {"unsignedByte": "short", "short": "int", "int": "long"}
_NULL_CANDIDATES = 256
_LARGE_HEAP = 2**31


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    overflow: Callable[[], bool] | None = None,
) -> Iterator[bytes]:
    """The file in pieces, once all batches have come. Raises UsageFault for what FITS cannot hold."""
    if len(columns) > _MOST_COLUMNS:
        raise UsageFault(f"a FITS table has {_MOST_COLUMNS} columns at most, the result has {len(columns)}")
    named = distinct(columns)
    fields = [_field(column) for column in named]
    schema = pa.schema([pa.field(field.column.name, field.type) for field in fields])
    with spooled_batches(schema, _measured(fields, schema, batches)) as again:
        full = overflow is not None and overflow()
        table = _Table(fields)
        status = "OVERFLOW" if full else "OK"
        columns = [field.column for field in fields]
        votable = header_document(columns, infos=infos, descriptors=descriptors, status=status)
        yield _primary(votable) + table.header(status)
        for batch in again():
            yield from table.rows(batch)
        if table.heap_bytes:
            for batch in again():
                yield from table.heap(batch)
        yield bytes(-table.bytes % _BLOCK)


class _Field:
    """A column as it stands in the rows: measured over all batches, then encoded. This one is a scalar number."""

    def __init__(self, column: ColumnMeta) -> None:
        self.column = column
        self.rows = 0
        self.type = arrow_type(column)
        self.letter, self.dtype = _FORMS.get(column.datatype, ("A", "u1"))
        self._nulls = False
        self._candidates = _null_candidates(self.type) if pa.types.is_integer(_values_type(self.type)) else None

    def prepared(self, array: pa.Array) -> pa.Array:
        """The array as it is kept aside."""
        return array

    def measure(self, array: pa.Array) -> None:
        self.rows += len(array)
        self._nulls = self._nulls or array.null_count > 0
        self._strike(array)

    def _strike(self, values: pa.Array) -> None:
        """Leave as candidates for TNULL only what is no value."""
        if self._candidates is None or not len(values):
            return
        extremes = pc.min_max(values)
        low, high = extremes["min"].as_py(), extremes["max"].as_py()
        if low is not None:
            near = (self._candidates >= low) & (self._candidates <= high)
            if near.any():
                held = np.isin(self._candidates, _numpy(values.drop_null()))
                self._candidates = self._candidates[~held]

    @property
    def null(self) -> int | None:
        """TNULL, None where there is no need of one."""
        return int(self._candidates[0]) if self._nulls and self._candidates is not None else None

    def settle(self) -> None:
        """All is measured: take a wider type if the values leave no room for NULL."""
        if self._nulls and self._candidates is not None and not len(self._candidates):
            wider = _WIDER.get(self.column.datatype)
            if wider is None:
                raise FatalFault(f"column {self.column.name} leaves no value to stand for NULL in FITS")
            self.column = self.column.but(datatype=wider)
            self.letter, self.dtype = _FORMS[wider]
            self.type = arrow_type(self.column)
            self._candidates = _null_candidates(self.type)

    @property
    def form(self) -> str:
        return self.letter

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    def encode(self, array: pa.Array) -> np.ndarray:
        return self._values(array)

    def _values(self, array: pa.Array) -> np.ndarray:
        if pa.types.is_boolean(array.type):
            said = np.where(_numpy(array.fill_null(False)), ord("T"), ord("F"))
            return np.where(_numpy(array.is_null()), 0, said).astype(np.uint8)
        if array.null_count and pa.types.is_floating(array.type):
            array = array.fill_null(float("nan"))
        elif array.null_count:
            array = array.cast(_values_type(self.type)).fill_null(self.null)
        return _numpy(array)


class _Text(_Field):
    """Text of fixed width."""

    def __init__(self, column: ColumnMeta) -> None:
        super().__init__(column)
        self.type = pa.string()
        self.width = 1

    def prepared(self, array: pa.Array) -> pa.Array:
        text = text_array(self.column.but(datatype="char"), array).fill_null("")
        data = flat_bytes(text)[1]
        if len(data) and (data.min() < 0x20 or data.max() > 0x7E):
            text = pc.replace_substring_regex(pc.replace_substring_regex(text, r"[\t\r\n]", " "), r"\x7F", "?")
        return text

    def measure(self, array: pa.Array) -> None:
        self.rows += len(array)
        if len(array):
            self.width = max(self.width, pc.max(pc.binary_length(array)).as_py())

    @property
    def form(self) -> str:
        return f"{self.width}A"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.width,)

    def encode(self, array: pa.Array) -> np.ndarray:
        padded = pc.ascii_rpad(array, self.width, padding="\0")
        return flat_bytes(padded)[1].reshape(len(array), self.width)


class _Array(_Field):
    """Arrays of the same shape in each row."""

    def __init__(self, column: ColumnMeta) -> None:
        super().__init__(column)
        self.count = fixed_count(column) or 0

    def measure(self, array: pa.Array) -> None:
        self.rows += len(array)
        self._nulls = self._nulls or array.null_count > 0
        self._strike(list_parts(self.column, array)[1])

    @property
    def form(self) -> str:
        return f"{self.count}{self.letter}"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,)

    def encode(self, array: pa.Array) -> np.ndarray:
        empty = np.nan if self.letter in "ED" else 0 if self.null is None else self.null
        cells = np.full((len(array), self.count), empty, self.dtype)
        cells[_numpy(array.is_valid())] = self._values(list_parts(self.column, array)[1]).reshape(-1, self.count)
        return cells


class _Varying(_Field):
    """Arrays of any length: count and place in the row, values in the heap."""

    def __init__(self, column: ColumnMeta) -> None:
        super().__init__(column)
        self.longest = self.total = 0
        self.item = np.dtype(self.dtype).itemsize
        self.dtype, self.pointer = ">i4", "P"

    def measure(self, array: pa.Array) -> None:
        self.rows += len(array)
        lengths = np.diff(list_parts(self.column, array)[0])
        self.longest = max(self.longest, int(lengths.max(initial=0)))
        self.total += int(lengths.sum())

    def wide(self) -> None:
        """A heap beyond 2 GiB needs descriptors of 64 bits (FITS 4.0 section 7.3.5)."""
        self.dtype, self.pointer = ">i8", "Q"

    @property
    def form(self) -> str:
        return f"1{self.pointer}{self.letter}({self.longest})"

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    def lengths(self, array: pa.Array) -> np.ndarray:
        return np.diff(list_parts(self.column, array)[0])

    def heap(self, array: pa.Array) -> bytes:
        values = self._values(list_parts(self.column, array)[1])
        return values.astype(_FORMS[self.column.datatype][1]).tobytes()


class _Table:
    """The binary table once all its columns are measured."""

    def __init__(self, fields: Sequence[_Field]) -> None:
        for field in fields:
            field.settle()
        self._fields = fields
        self._varying = [(i, field) for i, field in enumerate(fields) if isinstance(field, _Varying)]
        self.heap_bytes = sum(field.total * field.item for _, field in self._varying)
        if self.heap_bytes >= _LARGE_HEAP:
            for _, field in self._varying:
                field.wide()
        self._record = np.dtype([(f"f{i}", field.dtype, field.shape) for i, field in enumerate(fields)])
        self._row_count = fields[0].rows
        self._heap_end = 0
        self.bytes = self._row_count * self._record.itemsize + self.heap_bytes
        if self.bytes > _MOST_BYTES:
            raise UsageFault(
                f"this result would be a FITS file of {self.bytes / 2**30:.0f} GiB, for each text takes the room of"
                " the longest; ask for another format or fewer columns"
            )

    def header(self, status: str) -> bytes:
        header = Header()
        header["XTENSION"] = ("BINTABLE", "binary table")
        header["BITPIX"], header["NAXIS"] = 8, 2
        header["NAXIS1"] = (self._record.itemsize, "bytes in a row")
        header["NAXIS2"] = (self._row_count, "rows")
        header["PCOUNT"], header["GCOUNT"] = self.heap_bytes, 1
        header["TFIELDS"] = len(self._fields)
        header["EXTNAME"] = "results"
        header["QSTATUS"] = (status, "OVERFLOW: MAXREC cut the result")
        for n, field in enumerate(self._fields, 1):
            for keyword, value in _cards(field):
                header[f"{keyword}{n}"] = value
        text: str = header.tostring()
        return text.encode("ascii")

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """The rows of a batch, in pieces of moderate size."""
        step = max(1, _PART_BYTES // self._record.itemsize)
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            records = np.empty(part.num_rows, self._record)
            for i, field in enumerate(self._fields):
                if not isinstance(field, _Varying):
                    records[f"f{i}"] = field.encode(part.column(i))
            for i, varying in self._varying:
                lengths = varying.lengths(part.column(i))
                ends = self._heap_end + np.cumsum(lengths, dtype=np.int64) * varying.item
                records[f"f{i}"][:, 0] = lengths
                records[f"f{i}"][:, 1] = ends - lengths * varying.item
                self._heap_end = int(ends[-1])
            yield records.tobytes()

    def heap(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """The varying arrays of a batch, in the order in which `rows` counted them."""
        step = max(1, _PART_BYTES // self._record.itemsize)
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            for i, field in self._varying:
                yield field.heap(part.column(i))


def _field(column: ColumnMeta) -> _Field:
    if column.is_text:
        return _Text(column)
    if column.arraysize is None:
        return _Field(column)
    return _Varying(column) if fixed_count(column) is None else _Array(column)


def _measured(
    fields: Sequence[_Field], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for part in bounded(batch):
            arrays = []
            for i, field in enumerate(fields):
                array = field.prepared(column_array(field.column, part.column(i)))
                field.measure(array)
                arrays.append(array)
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _primary(votable: bytes) -> bytes:
    """The primary HDU: the bytes of a VOTable as an array."""
    header = Header()
    header["SIMPLE"], header["BITPIX"], header["NAXIS"], header["NAXIS1"] = True, 8, 1, len(votable)
    header["VOTMETA"] = (True, "the data are a VOTable that describes the table")  # fifth, where STILTS looks for it
    header["EXTEND"] = True
    header["NTABLE"] = (1, "tables in the extensions")
    block: bytes = header.tostring().encode("ascii")
    return block + votable + bytes(-len(votable) % _BLOCK)


def _cards(field: _Field) -> Iterator[tuple[str, str | int]]:
    """What the header says of a column; TUCD and the like are as TOPCAT has them."""
    column = field.column
    yield "TTYPE", _ascii(column.name)
    yield "TFORM", field.form
    if column.arraysize and "x" in column.arraysize and fixed_count(column) is not None:
        yield "TDIM", f"({column.arraysize.replace('x', ',')})"
    if field.null is not None:
        yield "TNULL", field.null
    for keyword, value in (
        ("TUNIT", column.unit),
        ("TUCD", column.ucd),
        ("TUTYP", column.utype),
        ("TXTYP", column.xtype),
        ("TCOMM", column.description),
    ):
        if value:
            yield keyword, _ascii(value)


def _ascii(value: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in " ".join(value.split()))


def _values_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_list(type_) else type_


def _null_candidates(type_: pa.DataType) -> np.ndarray:
    """Values that may stand for NULL, the likeliest first: the extremes."""
    limits = np.iinfo(_values_type(type_).to_pandas_dtype())
    half = _NULL_CANDIDATES // 2
    kind = limits.dtype
    low = np.arange(half, dtype=kind) + kind.type(limits.min)
    high = kind.type(limits.max) - np.arange(half, dtype=kind)
    return np.concatenate([high, low]) if limits.min == 0 else np.concatenate([low, high])


def _numpy(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False)
