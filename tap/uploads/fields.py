"""A FIELD of an uploaded VOTable: what its cells are, and the column that it becomes (VOTable 1.4 section 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod

import pyarrow as pa
import pyarrow.compute as pc

from vo import dali, regions
from vo.arrow import arrow_type
from vo.columns import DATATYPES, ColumnMeta
from vo.errors import UsageFault

_SIZE = re.compile(r"(?:\d{1,9}x){0,5}(?:\d{1,9}\*?|\*)", re.ASCII)
_MAX_ELEMENTS = 2**24
_OLD_POINT = "adql:point"
_OLD_TIMESTAMP = "adql:timestamp"


@dataclass
class Field:
    """Attributes of a FIELD, as written."""

    attributes: dict[str, str]
    null: str | None = None
    description: str = ""
    count: int | None = field(init=False)
    """Elements of each cell, None if they vary."""

    def __post_init__(self) -> None:
        self.name = self.attributes.get("name") or self.attributes.get("ID") or ""
        datatype = self.attributes.get("datatype", "")
        self.is_bits = datatype == "bit"
        self.datatype = "boolean" if self.is_bits else datatype
        if self.datatype not in DATATYPES:
            raise UsageFault(f"column {self.name[:60]}: datatype {datatype[:20]!r} is not taken")
        size = self.attributes.get("arraysize", "").strip()
        if size and not _SIZE.fullmatch(size):
            raise UsageFault(f"column {self.name[:60]}: {size[:40]!r} is no arraysize")
        self.arraysize = None if size in ("", "1") else size
        self.count = None if size.endswith("*") else prod(int(n) for n in size.split("x")) if size else 1
        if self.count is not None and not 0 < self.count <= _MAX_ELEMENTS:
            raise UsageFault(f"column {self.name[:60]}: {size[:40]!r} is no arraysize")

    @property
    def is_text(self) -> bool:
        return self.datatype in ("char", "unicodeChar")

    @property
    def xtype(self) -> str:
        """In lower case, empty if there is none."""
        return self.attributes.get("xtype", "").strip().lower()

    def meta(self) -> ColumnMeta:
        """The column as described; texts are texts, whatever their xtype says."""
        unit, ucd, utype, xtype = (
            (self.attributes.get(name) or "").strip() or None for name in ("unit", "ucd", "utype", "xtype")
        )
        xtype = None if self.is_text else xtype
        return ColumnMeta(self.name, self.datatype, self.arraysize, xtype, unit, ucd, utype, self.description)


def finished(field: Field, array: pa.Array) -> tuple[ColumnMeta, pa.Array]:
    """The column with the type that its xtype gives it; texts beyond ASCII make it unicodeChar.

    TAP 1.0's `adql:TIMESTAMP` becomes `timestamp`, its `adql:POINT` a `point`; `adql:REGION` stays STC-S.
    """
    meta = field.meta()
    if not field.is_text:
        return meta, array
    if field.xtype in ("timestamp", _OLD_TIMESTAMP):
        meta = meta.but(xtype="timestamp")
        return meta, pa.array([_moment(field, v) for v in array.to_pylist()], arrow_type(meta))
    if field.xtype == _OLD_POINT:
        meta = meta.but(datatype="double", arraysize="2", xtype="point")
        return meta, pa.array([_point(field, v) for v in array.to_pylist()], arrow_type(meta))
    if field.xtype == "adql:region":
        array = pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
    meta = meta.but(xtype=(field.attributes.get("xtype") or "").strip() or None)
    if meta.datatype == "char" and pc.all(pc.string_is_ascii(array)).as_py() is False:
        meta = meta.but(datatype="unicodeChar")
    return meta, array


def _moment(field: Field, text: str | None) -> object:
    if text is None or not text.strip():
        return None
    try:
        return dali.timestamp(text).replace(tzinfo=None)
    except UsageFault as error:
        raise UsageFault(f"column {field.name[:60]}: {error.message}") from None


def _point(field: Field, text: str | None) -> list[float] | None:
    if text is None or not text.strip():
        return None
    try:
        shape = regions.parse_stcs(text)
    except ValueError:
        shape = None
    if not isinstance(shape, regions.Point):
        raise UsageFault(f"column {field.name[:60]}: {text[:60]!r} is no position in STC-S")
    return [shape.lon, shape.lat]
