"""Types and metadata of expressions and conditions (ADQL 2.1 sections 2.2.3, 2.3, 3, 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tap.adql import tree, typed, units
from tap.adql.declaration import Function
from tap.adql.functions import FUNCTIONS
from tap.adql.lexer import AdqlError
from tap.adql.scope import Scope, suggestion
from tap.adql.shapes import check_frame, check_shape, constant_shape, constants, region
from tap.adql.signatures import as_timestamp, fitted, timestamp
from tap.adql.template import Decimals
from tap.adql.types import Type, column_of, wider
from tap.udf import motion
from vo import regions
from vo.columns import ColumnMeta

QueryResolver = Callable[[tree.Query, Scope | None, dict[str, Any]], typed.Query]

_CAST_TYPES = {
    "SMALLINT": Type.SMALLINT,
    "INTEGER": Type.INTEGER,
    "BIGINT": Type.BIGINT,
    "REAL": Type.REAL,
    "DOUBLE PRECISION": Type.DOUBLE,
    "CHAR": Type.TEXT,
    "VARCHAR": Type.TEXT,
    "TIMESTAMP": Type.TIMESTAMP,
    "POINT": Type.POINT,
    "CIRCLE": Type.CIRCLE,
    "POLYGON": Type.POLYGON,
}
MAX_CORNERS = 48
"""Most points or coordinates of a polygon that the database makes (PostgreSQL's functions take 100 numbers)."""
_CONSTRUCTORS = ("POINT", "CIRCLE", "BOX", "POLYGON")


class ExpressionResolver:
    """Resolves values and conditions; sub-queries go back to the resolver of queries."""

    def __init__(self, query: QueryResolver, decimals: Decimals) -> None:
        self.query = query
        self.decimals = decimals

    # --- values ---

    def value(self, node: tree.Value, scope: Scope, common: dict[str, Any], place: str) -> typed.Expression:
        """The typed expression; `place` names the clause, in which aggregates are allowed or not."""

        def inner(child: tree.Value) -> typed.Expression:
            return self.value(child, scope, common, place)

        match node:
            case tree.Column():
                return replace(scope.column(node.name), at=node.at)
            case tree.Number():
                return self.number(node)
            case tree.String():
                return typed.Literal(
                    node.at, Type.TEXT, column_of(Type.TEXT, ascii_only=node.text.isascii()), node.text
                )
            case tree.Null():
                return typed.Literal(node.at, Type.NULL, column_of(Type.NULL), None)
            case tree.Sign():
                return self.sign(node, inner(node.operand))
            case tree.Arithmetic():
                return self.arithmetic(node, inner(node.left), inner(node.right))
            case tree.Concatenation():
                return self.concatenation(node, [inner(p) for p in node.parts])
            case tree.Aggregate():
                nodes = () if node.argument is None else (node.argument,)
                aggregated = self.aggregated(node.name, node.at, nodes, scope, common, place)
                return self.aggregate(node, aggregated[0] if aggregated else None)
            case tree.Cast():
                return self.cast(node, inner(node.operand))
            case tree.Function():
                function = FUNCTIONS.get(node.name.upper())
                if function is not None and function.aggregate is not None:
                    aggregated = self.aggregated(function.name, node.at, node.arguments, scope, common, place)
                    return _aggregate_call(node.at, function, aggregated)
                return self.function(node, inner)
        raise AssertionError(f"unknown node {node}")

    def aggregated(
        self, name: str, at: int, nodes: Sequence[tree.Value], scope: Scope, common: dict[str, Any], place: str
    ) -> tuple[typed.Expression, ...]:
        """The arguments of an aggregate, if it may stand there."""
        if place in ("WHERE", "ON", "GROUP BY", "an aggregate"):
            hint = ": write it in HAVING" if place == "WHERE" else ""
            raise AdqlError(f"{name} cannot stand in {place}{hint}", at)
        arguments = tuple(self.value(node, scope, common, "an aggregate") for node in nodes)
        used = [e.source for a in arguments for e in a.walk() if isinstance(e, typed.ColumnReference)]
        if used and not any(source is e.source for source in used for e in scope.relation.entries):
            raise AdqlError(f"{name} of columns of the query around it is not supported", at)
        return arguments

    def number(self, node: tree.Number) -> typed.Constant:
        if node.text.isdigit() and len(node.text.lstrip("0")) <= 19 and int(node.text) < 2**63:
            value = int(node.text)
            type_ = Type.INTEGER if value < 2**31 else Type.BIGINT
            return typed.Literal(node.at, type_, column_of(type_), value)
        number = float(node.text)
        if number == float("inf"):
            raise AdqlError("this number is too large", node.at)
        slot = None if node.text.isdigit() else self.decimals.slot(number)
        if slot is not None:
            return typed.Parameter(node.at, Type.DOUBLE, column_of(Type.DOUBLE), slot)
        return typed.Literal(node.at, Type.DOUBLE, column_of(Type.DOUBLE), number)

    def sign(self, node: tree.Sign, operand: typed.Expression) -> typed.Expression:
        if not (operand.type.is_number or operand.type is Type.NULL):
            raise AdqlError(f"a sign takes a number, not {operand.type.value}", node.at)
        if not node.negative:
            return operand
        if isinstance(operand, typed.Literal):
            value = None if operand.value is None else -operand.value
            return replace(operand, value=value, at=node.at)
        if isinstance(operand, typed.Parameter):
            return replace(operand, negative=not operand.negative, at=node.at)
        type_ = Type.BIGINT if operand.type.is_integer else Type.DOUBLE
        return typed.Negation(node.at, type_, _numeric_meta(operand.meta, type_), operand)

    def arithmetic(self, node: tree.Arithmetic, left: typed.Expression, right: typed.Expression) -> typed.Expression:
        for operand in (left, right):
            if not (operand.type.is_number or operand.type is Type.NULL):
                raise AdqlError(f"{node.operator} takes numbers, not {operand.type.value}", operand.at)
        integers = all(o.type.is_integer or o.type is Type.NULL for o in (left, right))
        type_ = Type.BIGINT if integers else Type.DOUBLE
        if node.operator in "+-":
            unit = units.of_sum(left, right)
        else:
            combined = units.of_product if node.operator == "*" else units.of_quotient
            unit = combined(units.unit_of(left), units.unit_of(right))
        meta = column_of(type_).but(unit=unit)
        return typed.Arithmetic(node.at, type_, meta, node.operator, left, right)

    def concatenation(self, node: tree.Concatenation, parts: list[typed.Expression]) -> typed.Expression:
        texts = []
        for part in parts:
            if part.type.is_number:
                part = typed.Cast(part.at, Type.TEXT, column_of(Type.TEXT, ascii_only=True), part)
            if part.type not in (Type.TEXT, Type.NULL):
                raise AdqlError(f"|| joins texts, not {part.type.value}", part.at)
            texts.append(part)
        ascii_only = all(t.meta.datatype == "char" for t in texts)
        return typed.Concatenation(node.at, Type.TEXT, column_of(Type.TEXT, ascii_only=ascii_only), tuple(texts))

    def aggregate(self, node: tree.Aggregate, argument: typed.Expression | None) -> typed.Expression:
        if node.name == "COUNT":
            meta = column_of(Type.BIGINT).but(unit="", ucd="meta.number", description="Number of rows or values")
            return typed.Aggregate(node.at, Type.BIGINT, meta, node.name, node.distinct, argument)
        assert argument is not None
        if node.name in ("MIN", "MAX"):
            if not (argument.type.is_number or argument.type in (Type.TEXT, Type.TIMESTAMP, Type.NULL)):
                raise AdqlError(f"{node.name} does not apply to {argument.type.value}", argument.at)
            meta = argument.meta.but(
                name="", ucd=_not_main(argument.meta.ucd), utype=None, std=False, principal=False, indexed=False
            )
            return typed.Aggregate(node.at, argument.type, meta, node.name, False, argument)
        if not (argument.type.is_number or argument.type is Type.NULL):
            raise AdqlError(f"{node.name} takes numbers, not {argument.type.value}", argument.at)
        type_ = Type.BIGINT if node.name == "SUM" and argument.type.is_integer else Type.DOUBLE
        return typed.Aggregate(node.at, type_, _numeric_meta(argument.meta, type_), node.name, node.distinct, argument)

    def cast(self, node: tree.Cast, operand: typed.Expression) -> typed.Expression:
        target = _CAST_TYPES[node.type]
        if target.is_geometry:
            if isinstance(operand, typed.Literal) and isinstance(operand.value, str):
                try:
                    shape = regions.parse_dali(operand.value)
                    regions.check_area(shape)
                except ValueError as error:
                    raise AdqlError(str(error), operand.at) from None
                if type(shape).__name__.upper() != node.type:
                    raise AdqlError(f"{operand.value!r} is no {node.type}", operand.at)
                return constant_shape(node.at, shape)
            raise AdqlError(f"CAST to {node.type} takes a text constant; use {node.type}(…)", node.at)
        if isinstance(operand, typed.Literal) and isinstance(operand.value, str) and target is Type.TIMESTAMP:
            return timestamp(operand)
        ok = operand.type in (Type.TEXT, Type.NULL) or (
            operand.type.is_number if target.is_number else operand.type.is_number or operand.type is Type.TIMESTAMP
        )
        if target is Type.TIMESTAMP:
            ok = operand.type in (Type.TEXT, Type.TIMESTAMP, Type.NULL)
        if not ok:
            raise AdqlError(f"CAST does not make {node.type} of {operand.type.value}", node.at)
        meta = column_of(target, ascii_only=operand.type is not Type.TEXT or operand.meta.datatype == "char")
        if target is Type.TEXT and node.length is not None:
            meta = meta.but(arraysize=f"{node.length}*")
        meta = meta.but(
            unit=operand.meta.unit, ucd=operand.meta.ucd, description=operand.meta.description, name=operand.meta.name
        )
        return typed.Cast(node.at, target, meta, operand, node.length)

    # --- functions ---

    def function(self, node: tree.Function, inner: Callable[[tree.Value], typed.Expression]) -> typed.Expression:
        name = node.name.upper()
        if name == "IN_UNIT":
            return self.in_unit(node, inner(node.arguments[0]))
        function = FUNCTIONS.get(name)
        if function is None:
            raise AdqlError(f"unknown function {node.name}{suggestion(node.name, FUNCTIONS)}", node.at)
        nodes = node.arguments
        if name in _CONSTRUCTORS and nodes and isinstance(nodes[0], tree.String):
            check_frame(nodes[0])
            nodes = nodes[1:]
        arguments = tuple(inner(n) for n in nodes)
        if name == "COALESCE":
            return self.coalesce(arguments, node.at)
        if name == "REGION":
            return region(node.at, arguments[0])
        arguments = fitted(node.at, function, arguments)
        if name in _CONSTRUCTORS:
            self.check_shape(name, node.at, arguments)
        if name == "POWER" and units.unit_of(arguments[0]):
            self.decimals.settle(arguments[1])
        if name == "IVO_GEOM_TRANSFORM":
            return _geom_transform(node.at, function, arguments)
        type_ = function.result
        meta = column_of(type_, ascii_only=name == "COORDSYS" or (type_ is Type.TEXT and _is_ascii(arguments)))
        meta = meta.but(unit=_unit(function, arguments), ucd=function.ucd, description=function.doc)
        return typed.Call(node.at, type_, meta, function, arguments)

    def check_shape(self, name: str, at: int, arguments: tuple[typed.Expression, ...]) -> None:
        """A shape of constants is one; one that is not of constants has not more corners than functions take."""
        stated = constants(arguments)
        if stated is not None:
            self.decimals.check(partial(check_shape, name, at), stated)
        if len(arguments) > MAX_CORNERS:
            if stated is None:
                raise AdqlError(f"a POLYGON that is not all constants has at most {MAX_CORNERS} coordinates", at)
            self.decimals.settle(*stated)

    def coalesce(self, arguments: tuple[typed.Expression, ...], at: int) -> typed.Expression:
        """ADQL 2.1 section 4.8: the arguments have one type."""
        common = arguments[0].type
        for argument in arguments[1:]:
            found = wider(common, argument.type)
            if found is None or found.is_opaque:
                raise AdqlError(
                    f"the arguments of COALESCE have different types: {common.value} and {argument.type.value}",
                    argument.at,
                )
            common = found
        first = next((a for a in arguments if a.type is common), arguments[0])
        meta = first.meta.but(unit=units.of_sum(*arguments), std=False, principal=False, indexed=False)
        if common is Type.TEXT and not _is_ascii(arguments):
            meta = meta.but(datatype="unicodeChar", arraysize="*")
        return typed.Call(at, common, meta, FUNCTIONS["COALESCE"], arguments)

    def in_unit(self, node: tree.Function, operand: typed.Expression) -> typed.Expression:
        """ADQL 2.1 section 4.9: a factor known when the query is compiled."""
        target = node.arguments[1]
        if not isinstance(target, tree.String):
            raise AdqlError("the unit of IN_UNIT is a text constant", target.at)
        if not operand.type.is_number:
            raise AdqlError(f"IN_UNIT takes a number, not {operand.type.value}", operand.at)
        if not operand.meta.unit:
            raise AdqlError("IN_UNIT takes a value with a unit; this one has none", operand.at)
        try:
            factor = units.factor(operand.meta.unit, target.text)
        except units.UnknownUnit as error:
            raise AdqlError(str(error), target.at) from None
        except ValueError:
            raise AdqlError(f"{operand.meta.unit} cannot be converted to {target.text}", target.at) from None
        meta = _numeric_meta(operand.meta, Type.DOUBLE).but(unit=target.text, ucd=operand.meta.ucd)
        scale = typed.Literal(node.at, Type.DOUBLE, column_of(Type.DOUBLE), factor)
        return typed.Arithmetic(node.at, Type.DOUBLE, meta, "*", operand, scale)

    # --- conditions ---

    def condition(self, node: tree.Predicate, scope: Scope, common: dict[str, Any], place: str) -> typed.Condition:
        """The typed condition."""

        def value(child: tree.Value) -> typed.Expression:
            return self.value(child, scope, common, place)

        def inner(child: tree.Predicate) -> typed.Condition:
            return self.condition(child, scope, common, place)

        match node:
            case tree.And():
                return typed.And(node.at, tuple(inner(p) for p in node.parts))
            case tree.Or():
                return typed.Or(node.at, tuple(inner(p) for p in node.parts))
            case tree.Not():
                return typed.Not(node.at, inner(node.operand))
            case tree.Comparison():
                left, right = self.comparable(value(node.left), value(node.right), node.at)
                if Type.BOOLEAN in (left.type, right.type) and node.operator not in ("=", "<>"):
                    raise AdqlError("truth values are compared with = and <>", node.at)
                return typed.Comparison(node.at, node.operator, left, right)
            case tree.Between():
                operand, low = self.comparable(value(node.operand), value(node.low), node.at)
                operand, high = self.comparable(operand, value(node.high), node.at)
                return typed.Between(node.at, operand, low, high, node.negated)
            case tree.InList():
                operand = value(node.operand)
                items = []
                for item in node.items:
                    operand, other = self.comparable(operand, value(item), item.at)
                    items.append(other)
                return typed.InList(node.at, operand, tuple(items), node.negated)
            case tree.InQuery():
                return self.in_query(node, value(node.operand), self.query(node.query, scope, common))
            case tree.Like():
                operand, pattern = value(node.operand), value(node.pattern)
                for side in (operand, pattern):
                    if side.type not in (Type.TEXT, Type.NULL):
                        raise AdqlError(f"LIKE compares texts, not {side.type.value}", side.at)
                return typed.Like(node.at, operand, pattern, node.negated, node.any_case)
            case tree.IsNull():
                return typed.IsNull(node.at, value(node.operand), node.negated)
            case tree.Exists():
                return typed.Exists(node.at, self.query(node.query, scope, common))
        raise AssertionError(f"unknown node {node}")

    def in_query(self, node: tree.InQuery, operand: typed.Expression, query: typed.Query) -> typed.Condition:
        if len(query.columns) != 1:
            raise AdqlError(f"the query after IN must have one column, not {len(query.columns)}", node.query.at)
        other, meta = query.columns[0]
        sample = typed.Aggregate(node.query.at, other, meta, "MIN", False, None)  # any expression of that type
        operand, compared = self.comparable(operand, sample, node.at)
        if compared is not sample:
            raise AdqlError(f"cannot compare {operand.type.value} with {other.value}", node.at)
        return typed.InQuery(node.at, operand, query, node.negated)

    def comparable(
        self, left: typed.Expression, right: typed.Expression, at: int
    ) -> tuple[typed.Expression, typed.Expression]:
        """Both sides of a comparison; texts become timestamps, 1 and 0 truth values where the other side is one."""
        for side in (left, right):
            if side.type.is_geometry:
                raise AdqlError("geometries are compared with CONTAINS and INTERSECTS", side.at)
            if side.type.is_opaque:
                raise AdqlError(f"no operator applies to a {side.type.value}", side.at)
        if wider(left.type, right.type) is not None:
            return left, right
        for one, other in ((left, right), (right, left)):
            made: typed.Expression | None = None
            if one.type is Type.TIMESTAMP and other.type is Type.TEXT:
                made = as_timestamp(other)
            elif one.type is Type.BOOLEAN and isinstance(other, typed.Literal) and other.value in (0, 1):
                made = typed.Literal(other.at, Type.BOOLEAN, column_of(Type.BOOLEAN), bool(other.value))
            if made is not None:
                return (one, made) if one is left else (made, one)
        raise AdqlError(f"cannot compare {left.type.value} with {right.type.value}", right.at)


# --- pieces -----------------------------------------------------------------------------------------------------------


def _numeric_meta(meta: ColumnMeta, type_: Type) -> ColumnMeta:
    """Metadata of a number made from a column: its unit, UCD and description, another type and no name."""
    return column_of(type_).but(unit=meta.unit, ucd=_not_main(meta.ucd), description=meta.description)


def _not_main(ucd: str | None) -> str | None:
    """The UCD of a value made from a column, which is no longer the main one of its kind."""
    words = [word for word in (ucd or "").split(";") if word.strip().lower() != "meta.main"]
    return ";".join(words) or None


def _unit(function: Function, arguments: Sequence[typed.Expression]) -> str | None:
    """The unit of a function's result."""
    if function.unit == "same":
        return arguments[0].meta.unit
    if function.name == "SQRT":
        return units.of_power(units.unit_of(arguments[0]), 0.5)
    if function.name == "POWER":
        exponent = arguments[1].value if isinstance(arguments[1], typed.Literal) else None
        return units.of_power(units.unit_of(arguments[0]), exponent)
    return function.unit


def _is_ascii(arguments: Sequence[typed.Expression]) -> bool:
    return all(a.meta.datatype == "char" for a in arguments if a.type is Type.TEXT)


def _aggregate_call(at: int, function: Function, arguments: tuple[typed.Expression, ...]) -> typed.Expression:
    arguments = fitted(at, function, arguments)
    if function.result is Type.ARRAY:
        meta = ColumnMeta("", "long", "*", description=function.doc)
    else:
        meta = column_of(function.result, ascii_only=_is_ascii(arguments)).but(description=function.doc)
    return typed.AggregateCall(at, function.result, meta, function.name, False, None, function, arguments)


def _geom_transform(at: int, function: Function, arguments: tuple[typed.Expression, ...]) -> typed.Expression:
    """The systems become a matrix; the result has the type of the geometry (UDF catalogue EN 1.2)."""
    *systems, shape = arguments
    names = []
    for system in systems:
        if not isinstance(system, typed.Literal) or system.value not in motion.FRAMES:
            raise AdqlError(f"the systems of {function.name} are constants: {', '.join(motion.FRAMES)}", system.at)
        names.append(str(system.value))
    if not shape.type.is_shape:
        said = "NULL" if shape.type is Type.NULL else "a text of unknown shape"
        raise AdqlError(f"{function.name} takes a POINT, CIRCLE or POLYGON, not {said}", shape.at)
    matrix = (typed.Literal(at, Type.DOUBLE, column_of(Type.DOUBLE), v) for v in motion.rotation(names[0], names[1]))
    ucd = {"GALACTIC": "pos.galactic", "ECLIPTIC": "pos.ecliptic"}.get(names[1], "pos.eq")
    meta = column_of(shape.type).but(
        unit="deg", ucd=ucd if shape.type is Type.POINT else None, description=f"{names[1]} coordinates"
    )
    return typed.Call(at, shape.type, meta, function, (shape, *matrix))
