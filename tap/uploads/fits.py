"""The first table of a FITS file (FITS 4.0 section 7), with the column keywords that STILTS and TOPCAT write."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.io import fits
from numpy.typing import NDArray

from tap.uploads.content import Content, content, too_many
from vo.arrow import arrow_type
from vo.columns import ColumnMeta
from vo.errors import UsageFault

_DATATYPES = {
    "b1": "boolean",
    "u1": "unsignedByte",
    "i1": "short",
    "i2": "short",
    "u2": "int",
    "i4": "int",
    "u4": "long",
    "i8": "long",
    "f4": "float",
    "f8": "double",
}
_BROKEN = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError),
    fits.VerifyError,
    pa.ArrowException,
)
"""What astropy raises of files that are not in order."""


def read(data: bytes, max_rows: int, extension: int | None = None) -> Content:
    """The first table, or that of the extension of that number. Raises UsageFault if there is none to be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(io.BytesIO(data), memmap=False, disable_image_compression=True) as hdus:
                tables = [h for n, h in enumerate(hdus) if n == extension or extension is None]
                table = next((h for h in tables if isinstance(h, fits.BinTableHDU | fits.TableHDU)), None)
                if table is None:
                    raise UsageFault("the FITS file has no table")
                rows, width = int(table.header["NAXIS2"]), int(table.header["NAXIS1"])
                if rows > max_rows:
                    raise UsageFault(too_many(max_rows))
                if rows * width > len(data):
                    raise UsageFault("the FITS file ends before its table")
                values = table.data
                return content([_column(table, values, i) for i in range(len(table.columns))])
    except UsageFault:
        raise
    except _BROKEN as error:
        raise UsageFault(f"the FITS file cannot be read: {str(error)[:200]}") from None


def _column(table: Any, values: Any, index: int) -> tuple[ColumnMeta, pa.Array]:
    column = table.columns[index]
    held = values.field(index)
    said = {k: str(table.header.get(f"{k}{index + 1}", "")).strip() for k in ("TUCD", "TUTYP", "TXTYP", "TCOMM")}
    meta = ColumnMeta(
        column.name or "",
        "char",
        "*",
        unit=column.unit or None,
        ucd=said["TUCD"] or None,
        utype=said["TUTYP"] or None,
        description=said["TCOMM"],
    )
    if held.dtype.kind in "SU":
        if held.ndim > 1:
            raise UsageFault(f"column {column.name}: arrays of texts are not taken")
        texts = [str(v).rstrip("\0 ") or None for v in held]
        ascii_only = all(v is None or v.isascii() for v in texts)
        return meta.but(datatype="char" if ascii_only else "unicodeChar"), pa.array(texts, pa.string())
    if held.dtype.kind == "O":
        return _lists(meta, held)
    datatype = _datatype(meta.name, held.dtype)
    native = np.ascontiguousarray(held).astype(held.dtype.newbyteorder("="))
    if held.ndim > 1:
        size = "x".join(str(n) for n in reversed(held.shape[1:]))
        if size != "1":
            meta = meta.but(datatype=datatype, arraysize=size, xtype=said["TXTYP"] or None)
            return meta, pa.array(list(native.reshape(len(native), -1).tolist()), arrow_type(meta))
        native = native.reshape(len(native))
    meta = meta.but(datatype=datatype, arraysize=None)
    missing = _missing(column, table, index, native)
    return meta, pa.array(native, mask=missing).cast(arrow_type(meta))


def _missing(column: Any, table: Any, index: int, native: NDArray[Any]) -> NDArray[np.bool_]:
    """Where TNULL, NaN, or a logical that is neither true nor false stands."""
    if native.dtype.kind == "b":
        raw = table.data.view(np.ndarray)
        letters = raw[raw.dtype.names[index]].reshape(len(native))
        return np.asarray((letters != ord("T")) & (letters != ord("F")))
    if native.dtype.kind in "iu" and isinstance(column.null, int):
        return np.asarray(native == column.null + int(column.bzero or 0))
    return np.isnan(native) if native.dtype.kind == "f" else np.zeros(len(native), bool)


def _lists(meta: ColumnMeta, held: Any) -> tuple[ColumnMeta, pa.Array]:
    """An array of variable length in each row."""
    rows = [np.asarray(v) for v in held]
    if any(v.dtype.kind in "SU" for v in rows):
        texts = ["".join(map(str, v.tolist())) if v.ndim else str(v) for v in rows]
        return meta.but(datatype="unicodeChar"), pa.array(texts, pa.string())
    kinds = {v.dtype for v in rows}
    datatype = _datatype(meta.name, max(kinds, key=lambda d: d.itemsize) if kinds else np.dtype("f8"))
    meta = meta.but(datatype=datatype, arraysize="*")
    return meta, pa.array([v.ravel().tolist() for v in rows], arrow_type(meta))


def _datatype(name: str, dtype: np.dtype[Any]) -> str:
    datatype = _DATATYPES.get(dtype.newbyteorder("=").str[1:])
    if datatype is None:
        raise UsageFault(f"column {name[:60]}: values of type {dtype} are not taken")
    return datatype
