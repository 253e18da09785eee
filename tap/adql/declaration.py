"""How a function is declared: signatures, types and units, both compilations, documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, collate, func

from tap.adql.types import Type

Sql = ColumnElement[Any]
Compile = Callable[..., Sql]

NUMBER, INTEGER, TEXT, TIME, TMOC = "number", "integer", "text", "time", "tmoc"
UDF = "udf"


_DECLARED = {
    NUMBER: "DOUBLE PRECISION",
    INTEGER: "INTEGER",
    TEXT: "TEXT",
    TIME: "TIMESTAMP",
    TMOC: "TEXT",
    "point": "POINT",
    "geometry": "GEOMETRY",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is NUMBER, INTEGER, TEXT, TIME, TMOC, `geometry`, `point` or `any`; `type` what capabilities call it."""

    name: str
    kind: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of ADQL.

    `signatures` are the lists of parameters it takes (the last may repeat if `variadic`); `unit` is that of the result,
    "same" for that of the first argument, "" for a pure number. `postgresql` and `sqlite` make SQL of SQL; without
    `sqlite` the Python function `python` is registered as `tap_<name>`. Geometry functions are compiled in
    `spherical.py`, from whole expressions. Points among the arguments reach the SQL as longitude and latitude, time
    coverages as intervals.
    """

    name: str
    doc: str
    signatures: tuple[tuple[Parameter, ...], ...]
    result: Type
    postgresql: Compile | None = None
    sqlite: Compile | None = None
    python: Callable[..., Any] | None = None
    unit: str | None = None
    ucd: str | None = None
    variadic: bool = False
    group: str | None = None
    """Feature group that declares it; None for those that every service has."""
    aggregate: type[Any] | None = None
    """SQLite's aggregate class, in place of `python`, of a function of the rows of a group."""
    takes_null: bool = False
    """Whether NULL arguments reach the function; otherwise they make the result NULL."""
    declared_result: str = ""
    """What capabilities call the type of the result, if ADQL has no name for it."""
    volatile: bool = False
    """Whether each call gives another value."""
    example: str = ""
    """An expression that shows what it does; the documentation has it, the tests run it."""

    @property
    def sqlite_name(self) -> str:
        return f"tap_{self.name.lower()}"

    @property
    def forms(self) -> tuple[str, ...]:
        """What capabilities declare: the name; of a user-defined function each signature (TAPRegExt 1.0 sec. 2.3)."""
        if self.group != UDF:
            return (self.name,)
        result = self.declared_result or self.result.value.replace("VARCHAR", "TEXT")
        return tuple(
            f"{self.name}({', '.join(f'{p.name} {p.type or _DECLARED[p.kind]}' for p in signature)}) -> {result}"
            for signature in self.signatures
        )

    def compile(self, dialect: str, arguments: Sequence[Sql]) -> Sql:
        """SQL of a call."""
        if dialect == "postgresql":
            assert self.postgresql is not None
            return self.postgresql(*arguments)
        if self.sqlite is not None:
            return self.sqlite(*arguments)
        return getattr(func, self.sqlite_name)(*arguments)


def folded(name: str) -> Compile:
    """Unicode folding whatever the database's locale is, compared bytewise like all texts."""
    return lambda x: collate(getattr(func, name)(collate(x, "und-x-icu")), "C")
