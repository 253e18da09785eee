"""The one description of a column and a table.

VOTable FIELDs, VOSI tables, TAP_SCHEMA, the documentation and the forms are all made from these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

DATATYPES = frozenset({"boolean", "unsignedByte", "short", "int", "long", "float", "double", "char", "unicodeChar"})


@dataclass(frozen=True, slots=True)
class ColumnMeta:
    """Metadata of a column, in VOTable's terms (VOTable 1.4, TAP 1.1 section 4.3).

    `arraysize` is None for a scalar, `"*"`, `"8*"`, `"2"` otherwise; never `"1"`, which validators flag.
    """

    name: str
    datatype: str
    arraysize: str | None = None
    xtype: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    description: str = ""
    std: bool = False
    principal: bool = False
    indexed: bool = False

    def __post_init__(self) -> None:
        if self.datatype not in DATATYPES:
            raise ValueError(f"column {self.name}: {self.datatype!r} is no VOTable datatype")
        if self.arraysize == "1":
            raise ValueError(f"column {self.name}: a scalar has no arraysize")

    def but(self, **changes: Any) -> Self:
        """A copy with some attributes changed."""
        return replace(self, **changes)

    @property
    def is_text(self) -> bool:
        return self.datatype in ("char", "unicodeChar")


@dataclass(frozen=True, slots=True)
class ForeignKeyMeta:
    """A relation to another published table (TAP 1.1 section 4.4)."""

    target_table: str
    columns: tuple[tuple[str, str], ...]  # (from_column, target_column)
    description: str = ""
    utype: str | None = None


@dataclass(frozen=True, slots=True)
class TableMeta:
    """Metadata of a published table; `name` is qualified, as a user writes it (`ivoa.obscore`)."""

    name: str
    columns: tuple[ColumnMeta, ...]
    description: str = ""
    utype: str | None = None
    table_type: str = "table"
    foreign_keys: tuple[ForeignKeyMeta, ...] = ()

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    def column(self, name: str) -> ColumnMeta:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class SchemaMeta:
    """Metadata of a published schema."""

    name: str
    description: str = ""
    utype: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceDescriptor:
    """A DataLink 1.1 service descriptor (section 4) to be attached to a result.

    `params` are fixed PARAMs (accessURL, standardID, ...) as (name, value); `inputs` describe the inputParams:
    a ColumnMeta and, where the value comes from a column of the result, that column's name. For inputs by name:
    `options` are the allowed values, `values` the fixed ones, `limits` the lowest and highest (VALUES MIN, MAX).
    """

    id: str
    params: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[ColumnMeta, str | None], ...]
    description: str = ""
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    limits: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    utype: str = "adhoc:service"
    """`adhoc:this` for the service that answers with the document (DataLink 1.1 section 4.4)."""
    name: str | None = None
    """`this` for the service that answers in SIA 2.0 (section 3.1.2)."""
