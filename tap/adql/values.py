"""SQL of values: columns, constants, arithmetic, functions, casts, aggregates."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    Integer,
    SmallInteger,
    Text,
    any_,
    bindparam,
    cast,
    collate,
    distinct,
    func,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.types import TypeEngine

from tap.adql import typed
from tap.adql.declaration import INTEGER, NUMBER, TIME, Function
from tap.adql.spherical import Spherical
from tap.adql.temporal import Temporal, takes_coverage
from tap.adql.types import Type
from tap.engine.numbers import stored_timestamp

Sql = ColumnElement[Any]

SQL_TYPES: dict[Type, TypeEngine[Any]] = {
    Type.SMALLINT: SmallInteger(),
    Type.INTEGER: Integer(),
    Type.BIGINT: BigInteger(),
    Type.REAL: REAL(),
    Type.DOUBLE: Double(),
    Type.TEXT: Text(),
    Type.TIMESTAMP: DateTime(),
    Type.BOOLEAN: Boolean(),
    Type.REGION: Text(),
    Type.NULL: Text(),
}
_NO_INTEGER, _NO_NUMBER = r"[^-+0-9\s]", r"[^-+0-9.eE\s]"
_OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


class Values:
    """Makes SQL of values for one statement.

    `column` gives the SQL of a column, `from_of` the FROM element of a source; names of R-trees that are read are added
    to `read`.
    """

    def __init__(
        self,
        dialect: str,
        column: Callable[[typed.ColumnReference], Sql],
        from_of: Callable[[typed.Source], FromClause],
        read: set[str],
    ) -> None:
        self.dialect = dialect
        self.is_postgresql = dialect == "postgresql"
        self.column = column
        self.spherical = Spherical(dialect, self.double, self.value, from_of, read)
        self.temporal = Temporal(dialect, self.double, self.text, from_of, read)
        self.binds: dict[Hashable, BindParameter[Any]] = {}
        self.decimals: dict[str, typed.Parameter] = {}
        """Parameters whose values come later, by their names in the statement."""

    def output(self, expression: typed.Expression) -> Sql:
        """A value as a column of a result has it."""
        if expression.type is Type.NULL:
            return cast(null(), Text)
        if expression.type.is_shape:
            return self.spherical.geometry(expression)
        return self.value(expression)

    def value(self, node: typed.Expression) -> Sql:
        match node:
            case typed.ColumnReference():
                return self.column(node)
            case typed.Literal():
                return self.literal(node)
            case typed.Parameter():
                return self.parameter(node)
            case typed.Arithmetic():
                return self.arithmetic(node)
            case typed.Negation():
                operand = self.as_type(node.operand, node.type)
                return -Grouping(operand) if self.is_postgresql else func.tap_negate(operand)
            case typed.Concatenation():
                return _concatenated([self.text(p) for p in node.parts])
            case typed.Cast():
                return self.cast(node)
            case typed.AggregateCall():
                return self.compiled(node.function, node.arguments)
            case typed.Aggregate():
                return self.aggregate(node)
            case typed.Call():
                return self.call(node)
        raise AssertionError(f"unknown expression {node}")

    def parameter(self, node: typed.Parameter) -> Sql:
        key = node.key()
        if key not in self.binds:
            name = f"p{len(self.binds) + 1}"
            self.decimals[name] = node
            self.binds[key] = bindparam(name, None, type_=SQL_TYPES[node.type])
        return self.binds[key]

    def literal(self, node: typed.Literal) -> Sql:
        if node.value is None:
            return null()
        value, type_ = node.value, node.type
        sql_type = BigInteger() if type_.is_integer else SQL_TYPES[type_]
        if type_ is Type.TIMESTAMP and not self.is_postgresql:
            value, sql_type = stored_timestamp(value), Text()
        # The same constant is the same parameter: PostgreSQL compares expressions of GROUP BY with those selected.
        # (Written out, because 0.0 equals -0.0.)
        key = (type_, repr(value))
        if key not in self.binds:
            self.binds[key] = bindparam(f"p{len(self.binds) + 1}", value, type_=sql_type)
        return self.binds[key]

    def as_type(self, node: typed.Expression, target: Type) -> Sql:
        """The value of a number as BIGINT or DOUBLE."""
        if isinstance(node, typed.Literal) and node.value is not None:
            number = float(node.value) if target is Type.DOUBLE else node.value
            return self.literal(typed.Literal(node.at, target, node.meta, number))
        value = self.value(node)
        if self.is_postgresql:
            is_other = node.type is not target or node.type is Type.NULL or _is_column(node)
        else:
            is_other = node.type.is_integer and target is Type.DOUBLE
        return cast(value, SQL_TYPES[target]) if is_other else value

    def double(self, node: typed.Expression) -> Sql:
        return self.as_type(node, Type.DOUBLE)

    def text(self, node: typed.Expression) -> Sql:
        value = self.value(node)
        return cast(value, Text) if node.type is Type.NULL else value

    def comparable(self, node: typed.Expression, other: Type) -> Sql:
        """A value to be compared with one of another type: a BIGINT with a double as a double, as PostgreSQL does."""
        if node.type is Type.BIGINT and other in (Type.REAL, Type.DOUBLE) and not self.is_postgresql:
            return self.double(node)
        value = self.value(node)
        return cast(value, SQL_TYPES[other]) if node.type is Type.NULL else value

    def ordered(self, node: typed.Expression, other: Type) -> Sql:
        """A value as `<` and ORDER BY compare it with one of another type: texts bytewise."""
        value = self.comparable(node, other)
        return collate(value, "C") if self.is_postgresql and node.type is Type.TEXT else value

    def among(self, operand: Sql, type_: Type, values: list[Any]) -> ColumnElement[bool]:
        """Whether a value is one of these, which travel as one parameter: an array, or JSON for SQLite."""
        if self.is_postgresql:
            numbers = [None if v is None or type_ is not Type.DOUBLE else float(v) for v in values]
            made = numbers if type_ is Type.DOUBLE else values
            return operand == any_(bindparam(None, made, type_=ARRAY(SQL_TYPES[type_]), unique=True))
        if type_ is Type.TIMESTAMP:
            values = [None if v is None else stored_timestamp(v) for v in values]
        elif type_ is Type.DOUBLE:
            # SQLite does not read every number to the last digit.
            values = [None if v is None else repr(float(v)) for v in values]
        listed = func.json_each(bindparam(None, json.dumps(values), type_=Text(), unique=True)).table_valued("value")
        element: Sql = listed.c.value
        return operand.in_(select(func.tap_to_double(element) if type_ is Type.DOUBLE else element))

    def arithmetic(self, node: typed.Arithmetic) -> Sql:
        left, right = self.as_type(node.left, node.type), self.as_type(node.right, node.type)
        if self.is_postgresql:
            return Grouping(left).op(node.operator, return_type=SQL_TYPES[node.type])(Grouping(right))
        kind = "integer" if node.type is Type.BIGINT else "double"
        return getattr(func, f"tap_{_OPERATORS[node.operator]}_{kind}")(left, right)

    def aggregate(self, node: typed.Aggregate) -> Sql:
        if node.argument is None:
            return func.count()
        if node.name == "COUNT":
            shape = node.argument.type.is_shape
            value = self.spherical.geometry(node.argument) if shape else self.value(node.argument)
            return func.count(distinct(value) if node.distinct else value)
        if node.name in ("MIN", "MAX"):
            return getattr(func, node.name.lower())(self.ordered(node.argument, node.type))
        value = self.as_type(node.argument, node.type)
        each = distinct(value) if node.distinct else value
        if self.is_postgresql:
            if node.type is Type.BIGINT:
                return cast(func.sum(each), BigInteger)
            # AVG would fail where squares of the numbers overflow.
            return func.sum(each) / cast(func.count(each), Double) if node.name == "AVG" else func.sum(each)
        if node.type is Type.BIGINT:
            return func.tap_sum_integer(each) if node.argument.type is Type.BIGINT else func.sum(each)
        return func.tap_total(getattr(func, node.name.lower())(each), func.count(each))

    def cast(self, node: typed.Cast) -> Sql:
        value, own, target = self.value(node.operand), node.operand.type, node.type
        if target.is_number:
            return self.cast_to_number(value, own, target)
        if target is Type.TIMESTAMP:
            return value if own is Type.TIMESTAMP else func.tap_to_timestamp(value)
        assert target is Type.TEXT
        if own is Type.TIMESTAMP:
            value = func.tap_timestamp_text(cast(value, DateTime) if self.is_postgresql else value)
        elif own.is_number:
            value = self.number_text(value, own)
        elif own is Type.NULL:
            value = cast(value, Text)
        return value if node.length is None else func.substr(value, 1, node.length)

    def cast_to_number(self, value: Sql, own: Type, target: Type) -> Sql:
        if not self.is_postgresql:
            if target.is_integer:
                return func.tap_to_integer(value, bindparam(None, target.value, type_=Text(), unique=True))
            return func.tap_to_double(value) if target is Type.DOUBLE else func.tap_to_real(value)
        if own is Type.TEXT:
            # PostgreSQL reads more texts as numbers than are numbers in ADQL: NaN, Infinity, 0x1F, 1_000.
            value = func.regexp_replace(value, _NO_INTEGER if target.is_integer else _NO_NUMBER, "?")
        if target is Type.REAL:
            return cast(cast(cast(value, Double), REAL), Double)
        if target.is_integer and own in (Type.REAL, Type.DOUBLE):
            value = func.trunc(cast(value, Double))
        return cast(value, SQL_TYPES[target])

    def number_text(self, value: Sql, own: Type) -> Sql:
        """A number with the fewest digits that are this number in its own precision."""
        if self.is_postgresql:
            return cast(cast(value, REAL) if own is Type.REAL else value, Text)
        return func.tap_real_text(value) if own is Type.REAL else func.tap_number_text(value)

    def call(self, node: typed.Call) -> Sql:
        function = node.function
        if function.group == "adqlgeo":
            return self.spherical.call(node)
        if takes_coverage(node):
            return self.temporal.call(node)
        if function.name == "COALESCE":
            return self.coalesce(node)
        if function.name == "ivo_geom_transform":
            shape, *matrix = node.arguments
            return function.compile(self.dialect, [self.spherical.geometry(shape), *map(self.double, matrix)])
        return self.compiled(function, node.arguments)

    def coalesce(self, node: typed.Call) -> Sql:
        if node.type.is_shape:
            made = [self.spherical.geometry(a) for a in node.arguments]
        elif node.type.is_number:
            made = [self.as_type(a, _computed(node.type)) for a in node.arguments]
        else:
            made = [self.text(a) for a in node.arguments]
        # SQLite's COALESCE takes two arguments and more.
        return func.coalesce(*made) if len(made) > 1 else made[0]

    def compiled(self, function: Function, arguments: tuple[typed.Expression, ...]) -> Sql:
        """The call of a function with arguments of one of its signatures."""
        signature = next((s for s in function.signatures if len(s) == len(arguments)), ())
        made: list[Sql] = []
        for argument, parameter in zip(arguments, signature, strict=True):
            if parameter.kind == "point":
                made += self.spherical.lon_lat(argument)
            elif parameter.kind == NUMBER:
                made.append(self.double(argument))
            elif parameter.kind == INTEGER:
                made.append(self.as_type(argument, Type.BIGINT))
            elif parameter.kind == TIME and self.is_postgresql:
                made.append(cast(self.value(argument), DateTime))
            else:
                made.append(self.text(argument))
        return function.compile(self.dialect, made)


def _is_column(node: typed.Expression) -> bool:
    """Published types may be narrower than the database's (float and double precision): cast what comes from there."""
    return isinstance(node, typed.ColumnReference)


def _computed(type_: Type) -> Type:
    return Type.BIGINT if type_.is_integer else Type.DOUBLE


def _concatenated(parts: list[Sql]) -> Sql:
    if len(parts) == 1:
        return Grouping(parts[0])
    middle = len(parts) // 2
    left, right = _concatenated(parts[:middle]), _concatenated(parts[middle:])
    return Grouping(left.op("||", return_type=Text())(right))
