"""The resolved tree: every name bound to a column, every expression with type and metadata.

Nothing of the user's text is left in it but the values of literals and the names of result columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap.adql.types import Type
from tap.registry import PublishedTable
from vo.columns import ColumnMeta

if TYPE_CHECKING:
    from tap.adql.declaration import Function


@dataclass(frozen=True, eq=False)
class Expression:
    """A value; `meta` has its unit, UCD and so on, `at` the offset in the query."""

    at: int
    type: Type
    meta: ColumnMeta

    def children(self) -> tuple[Expression, ...]:
        return ()

    def key(self) -> Hashable:
        """Equal for expressions that mean the same."""
        return (type(self).__name__, *(c.key() for c in self.children()))

    def walk(self) -> Iterator[Expression]:
        """This expression and all within it."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True, eq=False)
class ColumnReference(Expression):
    source: Source
    column: str
    """Name of the column in its source."""

    def key(self) -> Hashable:
        return ("column", id(self.source), self.column)


@dataclass(frozen=True, eq=False)
class Constant(Expression):
    """A value that the query states."""

    def known(self, decimals: Sequence[float]) -> Any:
        """Its value in a query with these decimal numbers."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Literal(Constant):
    """A number, a text, a timestamp (datetime, UTC without zone), or None."""

    value: Any

    def key(self) -> Hashable:
        return ("literal", self.type, repr(self.value))

    def known(self, decimals: Sequence[float]) -> Any:
        return self.value


@dataclass(frozen=True, eq=False)
class Parameter(Constant):
    """A decimal number whose value comes later (`tap.adql.template`), or its negative."""

    slot: int
    negative: bool = False

    def key(self) -> Hashable:
        return ("parameter", self.slot, self.negative)

    def known(self, decimals: Sequence[float]) -> Any:
        return -decimals[self.slot] if self.negative else decimals[self.slot]


@dataclass(frozen=True, eq=False)
class Call(Expression):
    """A function; COALESCE and the geometry constructors too."""

    function: Function
    arguments: tuple[Expression, ...]

    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def key(self) -> Hashable:
        return ("call", self.function.name, *(a.key() for a in self.arguments))


@dataclass(frozen=True, eq=False)
class Arithmetic(Expression):
    operator: str
    left: Expression
    right: Expression

    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    def key(self) -> Hashable:
        return (self.operator, self.left.key(), self.right.key())


@dataclass(frozen=True, eq=False)
class Negation(Expression):
    operand: Expression

    def children(self) -> tuple[Expression, ...]:
        return (self.operand,)


@dataclass(frozen=True, eq=False)
class Concatenation(Expression):
    parts: tuple[Expression, ...]

    def children(self) -> tuple[Expression, ...]:
        return self.parts


@dataclass(frozen=True, eq=False)
class Cast(Expression):
    """`length` cuts a text (CHAR(n), VARCHAR(n))."""

    operand: Expression
    length: int | None = None

    def children(self) -> tuple[Expression, ...]:
        return (self.operand,)

    def key(self) -> Hashable:
        return ("cast", self.type, self.length, self.operand.key())


@dataclass(frozen=True, eq=False)
class Aggregate(Expression):
    name: str
    distinct: bool
    argument: Expression | None

    def children(self) -> tuple[Expression, ...]:
        return () if self.argument is None else (self.argument,)

    def key(self) -> Hashable:
        return ("aggregate", self.name, self.distinct, self.argument and self.argument.key())


@dataclass(frozen=True, eq=False)
class AggregateCall(Aggregate):
    """A user-defined function of the rows of a group."""

    function: Function
    arguments: tuple[Expression, ...]

    def children(self) -> tuple[Expression, ...]:
        return self.arguments

    def key(self) -> Hashable:
        return ("aggregate", self.name, *(a.key() for a in self.arguments))


# --- conditions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Condition:
    at: int

    def expressions(self) -> tuple[Expression, ...]:
        """The values that it compares."""
        return ()

    def conditions(self) -> tuple[Condition, ...]:
        return ()

    def walk(self) -> Iterator[Expression]:
        for expression in self.expressions():
            yield from expression.walk()
        for condition in self.conditions():
            yield from condition.walk()


@dataclass(frozen=True, eq=False)
class Comparison(Condition):
    operator: str
    left: Expression
    right: Expression

    def expressions(self) -> tuple[Expression, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, eq=False)
class Between(Condition):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool

    def expressions(self) -> tuple[Expression, ...]:
        return (self.operand, self.low, self.high)


@dataclass(frozen=True, eq=False)
class InList(Condition):
    operand: Expression
    items: tuple[Expression, ...]
    negated: bool

    def expressions(self) -> tuple[Expression, ...]:
        return (self.operand, *self.items)


@dataclass(frozen=True, eq=False)
class InQuery(Condition):
    operand: Expression
    query: Query
    negated: bool

    def expressions(self) -> tuple[Expression, ...]:
        return (self.operand,)


@dataclass(frozen=True, eq=False)
class Like(Condition):
    operand: Expression
    pattern: Expression
    negated: bool
    any_case: bool

    def expressions(self) -> tuple[Expression, ...]:
        return (self.operand, self.pattern)


@dataclass(frozen=True, eq=False)
class IsNull(Condition):
    operand: Expression
    negated: bool

    def expressions(self) -> tuple[Expression, ...]:
        return (self.operand,)


@dataclass(frozen=True, eq=False)
class Exists(Condition):
    query: Query


@dataclass(frozen=True, eq=False)
class Not(Condition):
    operand: Condition

    def conditions(self) -> tuple[Condition, ...]:
        return (self.operand,)


@dataclass(frozen=True, eq=False)
class And(Condition):
    parts: tuple[Condition, ...]

    def conditions(self) -> tuple[Condition, ...]:
        return self.parts


@dataclass(frozen=True, eq=False)
class Or(And):
    pass


# --- tables and queries -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Source:
    """Something that columns come from."""


@dataclass(frozen=True, eq=False)
class TableSource(Source):
    table: PublishedTable


@dataclass(frozen=True, eq=False)
class QuerySource(Source):
    """A derived table."""

    query: Query


@dataclass(frozen=True, eq=False)
class CommonTable:
    """A query of WITH, once, however often it is used."""

    query: Query


@dataclass(frozen=True, eq=False)
class CommonTableSource(Source):
    common_table: CommonTable


@dataclass(frozen=True, eq=False)
class Join:
    """`kind` is INNER, LEFT, RIGHT, FULL or CROSS (without condition)."""

    kind: str
    left: From
    right: From
    on: Condition | None


From = Source | Join


@dataclass(frozen=True, eq=False)
class Output:
    """A column of a result: its value, its name and metadata."""

    expression: Expression
    meta: ColumnMeta


@dataclass(frozen=True, eq=False)
class Select:
    outputs: tuple[Output, ...]
    from_: From
    sources: tuple[Source, ...]
    where: Condition | None
    group_by: tuple[Expression, ...]
    having: Condition | None
    distinct: bool
    top: int | None

    @property
    def columns(self) -> tuple[tuple[Type, ColumnMeta], ...]:
        return tuple((o.expression.type, o.meta) for o in self.outputs)


@dataclass(frozen=True, eq=False)
class SetOperation:
    """UNION, EXCEPT or INTERSECT; columns have the left operand's metadata and the wider of both types."""

    operator: str
    all: bool
    left: Body
    right: Body
    columns: tuple[tuple[Type, ColumnMeta], ...]


@dataclass(frozen=True, eq=False)
class SortKey:
    """By a result column (position from 0) or by an expression over the tables of the SELECT."""

    by: int | Expression
    descending: bool


@dataclass(frozen=True, eq=False)
class Query:
    body: Body
    order_by: tuple[SortKey, ...] = ()
    offset: int | None = None
    common_tables: tuple[CommonTable, ...] = field(default=())

    @property
    def columns(self) -> tuple[tuple[Type, ColumnMeta], ...]:
        return self.body.columns


Body = Select | SetOperation | Query
