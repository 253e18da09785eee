"""ADQL's types (section 3) and what VOTable calls them."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from vo.columns import ColumnMeta


class Type(Enum):
    """Type of an expression; the value is its name in ADQL."""

    SMALLINT = "SMALLINT"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    REAL = "REAL"
    DOUBLE = "DOUBLE PRECISION"
    TEXT = "VARCHAR"
    TIMESTAMP = "TIMESTAMP"
    BOOLEAN = "BOOLEAN"
    POINT = "POINT"
    CIRCLE = "CIRCLE"
    POLYGON = "POLYGON"
    REGION = "REGION"
    CLOB = "CLOB"
    BLOB = "BLOB"
    ARRAY = "array"
    NULL = "NULL"

    @property
    def is_integer(self) -> bool:
        return self in _INTEGERS

    @property
    def is_number(self) -> bool:
        return self in _INTEGERS or self in (Type.REAL, Type.DOUBLE)

    @property
    def is_geometry(self) -> bool:
        return self in (Type.POINT, Type.CIRCLE, Type.POLYGON, Type.REGION)

    @property
    def is_shape(self) -> bool:
        """A geometry that travels as numbers, not as text."""
        return self in (Type.POINT, Type.CIRCLE, Type.POLYGON)

    @property
    def is_opaque(self) -> bool:
        """No operator applies but selecting and IS NULL (section 3.1)."""
        return self in (Type.CLOB, Type.BLOB, Type.ARRAY)


_INTEGERS = (Type.SMALLINT, Type.INTEGER, Type.BIGINT)
_ORDER = (*_INTEGERS, Type.REAL, Type.DOUBLE)
_SCALARS = {
    "boolean": Type.BOOLEAN,
    "unsignedByte": Type.SMALLINT,
    "short": Type.SMALLINT,
    "int": Type.INTEGER,
    "long": Type.BIGINT,
    "float": Type.REAL,
    "double": Type.DOUBLE,
}
_VOTABLE: dict[Type, tuple[str, str | None, str | None]] = {
    Type.SMALLINT: ("short", None, None),
    Type.INTEGER: ("int", None, None),
    Type.BIGINT: ("long", None, None),
    Type.REAL: ("float", None, None),
    Type.DOUBLE: ("double", None, None),
    Type.TEXT: ("unicodeChar", "*", None),
    Type.TIMESTAMP: ("char", "*", "timestamp"),
    Type.BOOLEAN: ("boolean", None, None),
    Type.POINT: ("double", "2", "point"),
    Type.CIRCLE: ("double", "3", "circle"),
    Type.POLYGON: ("double", "*", "polygon"),
    Type.REGION: ("char", "*", "adql:REGION"),
    Type.NULL: ("char", "*", None),
}


def type_of(column: ColumnMeta) -> Type:
    """ADQL type of a published column (TAP 1.1 section 4.3, ADQL 2.1 section 3)."""
    xtype = (column.xtype or "").lower()
    if column.is_text:
        return {"timestamp": Type.TIMESTAMP, "adql:clob": Type.CLOB, "adql:region": Type.REGION}.get(xtype, Type.TEXT)
    if column.arraysize is None:
        return _SCALARS[column.datatype]
    if column.datatype == "double" and xtype in ("point", "circle", "polygon"):
        return Type[xtype.upper()]
    return Type.BLOB if column.datatype == "unsignedByte" else Type.ARRAY


@lru_cache(maxsize=256)
def column_of(type_: Type, name: str = "", *, ascii_only: bool = False) -> ColumnMeta:
    """Metadata of a result column of that type, with no more than the type."""
    datatype, arraysize, xtype = _VOTABLE[type_]
    if type_ is Type.TEXT and ascii_only:
        datatype = "char"
    return ColumnMeta(name, datatype, arraysize, xtype)


def wider(a: Type, b: Type) -> Type | None:
    """The type that holds values of both: the wider of two numbers, anything rather than NULL; else None."""
    if a is b or b is Type.NULL:
        return a
    if a is Type.NULL:
        return b
    if a.is_number and b.is_number:
        return max(a, b, key=_ORDER.index)
    return None
