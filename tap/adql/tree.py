"""The syntax tree of a query: what was written, where, and nothing of what it means.

`at` is the offset in the text of the token that a message about the node should point to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    at: int


@dataclass(frozen=True, slots=True)
class Name(Node):
    """An identifier; `quoted` ones match exactly, others whatever their case (section 2.1.6)."""

    text: str
    quoted: bool

    def matches(self, name: str) -> bool:
        return self.text == name if self.quoted else self.text.lower() == name.lower()

    def __str__(self) -> str:
        return f'"{self.text}"' if self.quoted else self.text


@dataclass(frozen=True, slots=True)
class Qualified(Node):
    """Names joined by dots."""

    parts: tuple[Name, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


# --- values -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value(Node):
    """Any value expression."""


@dataclass(frozen=True, slots=True)
class Number(Value):
    text: str


@dataclass(frozen=True, slots=True)
class String(Value):
    text: str


@dataclass(frozen=True, slots=True)
class Null(Value):
    pass


@dataclass(frozen=True, slots=True)
class Column(Value):
    name: Qualified


@dataclass(frozen=True, slots=True)
class Sign(Value):
    negative: bool
    operand: Value


@dataclass(frozen=True, slots=True)
class Arithmetic(Value):
    operator: str
    left: Value
    right: Value
    depth: int


@dataclass(frozen=True, slots=True)
class Concatenation(Value):
    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Function(Value):
    """A function by the name it was written with."""

    name: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Value):
    """AVG, COUNT, MAX, MIN, SUM; `argument` is None for COUNT(*)."""

    name: str
    distinct: bool
    argument: Value | None


@dataclass(frozen=True, slots=True)
class Cast(Value):
    operand: Value
    type: str
    length: int | None


# --- predicates -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Predicate(Node):
    """Any condition."""


@dataclass(frozen=True, slots=True)
class Comparison(Predicate):
    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Between(Predicate):
    operand: Value
    low: Value
    high: Value
    negated: bool


@dataclass(frozen=True, slots=True)
class InList(Predicate):
    operand: Value
    items: tuple[Value, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class InQuery(Predicate):
    operand: Value
    query: Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Like(Predicate):
    operand: Value
    pattern: Value
    negated: bool
    any_case: bool


@dataclass(frozen=True, slots=True)
class IsNull(Predicate):
    operand: Value
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists(Predicate):
    query: Query


@dataclass(frozen=True, slots=True)
class Not(Predicate):
    operand: Predicate


@dataclass(frozen=True, slots=True)
class And(Predicate):
    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or(Predicate):
    parts: tuple[Predicate, ...]


# --- tables -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableReference(Node):
    """Anything in FROM."""


@dataclass(frozen=True, slots=True)
class Table(TableReference):
    name: Qualified
    alias: Name | None


@dataclass(frozen=True, slots=True)
class DerivedTable(TableReference):
    query: Query
    alias: Name


@dataclass(frozen=True, slots=True)
class Join(TableReference):
    """`kind` is INNER, LEFT, RIGHT or FULL; at most one of natural, on and using is there."""

    kind: str
    left: TableReference
    right: TableReference
    natural: bool
    on: Predicate | None
    using: tuple[Name, ...]


# --- queries ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*` or, with a qualifier, `t.*`."""

    qualifier: Qualified | None


@dataclass(frozen=True, slots=True)
class Item(Node):
    """A column of the select list."""

    value: Value
    alias: Name | None


@dataclass(frozen=True, slots=True)
class Select(Node):
    distinct: bool
    top: int | None
    items: tuple[Star | Item, ...]
    tables: tuple[TableReference, ...]
    where: Predicate | None
    group_by: tuple[Value, ...]
    having: Predicate | None


@dataclass(frozen=True, slots=True)
class SetOperation(Node):
    """UNION, EXCEPT or INTERSECT of two queries."""

    operator: str
    all: bool
    left: Select | SetOperation | Query
    right: Select | SetOperation | Query
    depth: int


@dataclass(frozen=True, slots=True)
class SortItem(Node):
    value: Value
    descending: bool


@dataclass(frozen=True, slots=True)
class CommonTable(Node):
    """One table of WITH."""

    name: Name
    query: Query


@dataclass(frozen=True, slots=True)
class Query(Node):
    """A query expression with what applies to the whole of it."""

    common_tables: tuple[CommonTable, ...]
    body: Select | SetOperation | Query
    order_by: tuple[SortItem, ...]
    offset: int | None
