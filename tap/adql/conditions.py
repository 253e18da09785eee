"""SQL of conditions, with what lets an index find what an exact predicate then confirms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, CompoundSelect, Double, Select, and_, cast, exists, not_, or_, select
from sqlalchemy.sql.elements import Grouping

from tap.adql import typed
from tap.adql.functions import FUNCTIONS
from tap.adql.temporal import takes_coverage
from tap.adql.types import Type
from tap.adql.values import Values

_BALANCED = 50
"""AND and OR with more parts are nested."""


class Conditions:
    """Makes SQL of conditions for one statement; `query` gives that of a sub-query."""

    def __init__(self, values: Values, query: Callable[[typed.Query], Select[Any] | CompoundSelect[Any]]) -> None:
        self.values = values
        self.spherical = values.spherical
        self.is_postgresql = values.is_postgresql
        self.query = query

    def condition(self, node: typed.Condition, *, positive: bool) -> ColumnElement[bool]:
        """`positive` where false and unknown mean the same, so that index conditions may be added."""
        match node:
            case typed.Or():
                return _balanced([self.condition(p, positive=positive) for p in node.parts], "OR")
            case typed.And():
                return _balanced([self.condition(p, positive=positive) for p in node.parts], "AND")
            case typed.Not():
                return not_(Grouping(self.condition(node.operand, positive=False)))
            case typed.Comparison():
                return self.comparison(node, positive)
            case typed.Between():
                between = self.between(node)
                return not_(Grouping(between)) if node.negated else between
            case typed.InList():
                found = self.in_list(node)
                return not_(Grouping(found)) if node.negated else found
            case typed.InQuery():
                found = self.in_query(node)
                return not_(Grouping(found)) if node.negated else found
            case typed.Like():
                return self.like(node)
            case typed.IsNull():
                value = self.values.output(node.operand)
                return value.is_not(None) if node.negated else value.is_(None)
            case typed.Exists():
                return exists(self.query(node.query))
        raise AssertionError(f"unknown condition {node}")

    def comparison(self, node: typed.Comparison, positive: bool) -> ColumnElement[bool]:
        left, right, operator = node.left, node.right, node.operator
        if isinstance(left, typed.Constant) or _called(right, "DISTANCE"):
            left, right, operator = right, left, _MIRRORED[operator]
        if isinstance(right, typed.Literal) and right.value in (0, 1) and operator in ("=", "<>"):
            call = _called(left, "CONTAINS", "INTERSECTS", "distiller_tmoc_overlaps", "distiller_tmoc_contains")
            if call is not None:
                wanted = (right.value == 1) == (operator == "=")
                maker = self.values.temporal if takes_coverage(call) else self.spherical
                predicate = maker.predicate(call)
                if not wanted:
                    return not_(Grouping(predicate))
                if not positive:
                    return predicate
                certain = [] if takes_coverage(call) else self.spherical.certain(call)
                return and_(*maker.overlap_conditions(call), or_(*certain, predicate))
        distance = _called(left, "DISTANCE")
        exact = self.compared(left, right, operator)
        if distance is not None and positive and operator in ("<", "<="):
            certain = self.spherical.certain(distance, right)
            return and_(*self.spherical.distance_conditions(distance, right), or_(*certain, exact))
        return exact

    def compared(self, left: typed.Expression, right: typed.Expression, operator: str) -> ColumnElement[bool]:
        if operator in ("=", "<>"):
            a, b = self.values.comparable(left, right.type), self.values.comparable(right, left.type)
        else:
            a, b = self.values.ordered(left, right.type), self.values.ordered(right, left.type)
        return Grouping(a).op(operator, is_comparison=True, return_type=Boolean())(Grouping(b))

    def between(self, node: typed.Between) -> ColumnElement[bool]:
        operand, low, high = node.expressions()
        mixed = operand.type is Type.BIGINT and (_is_double(low) or _is_double(high))
        if mixed or operand.type is Type.NULL:
            return and_(self.compared(operand, low, ">="), self.compared(operand, high, "<="))
        value, least, most = (Grouping(self.values.ordered(e, operand.type)) for e in (operand, low, high))
        return value.between(least, most)

    def in_list(self, node: typed.InList) -> ColumnElement[bool]:
        """The constants of a list travel as one array of each type; NULL among them makes false unknown."""
        arrays: dict[Type, list[Any]] = {}
        found: list[ColumnElement[bool]] = []
        for item in node.items:
            if isinstance(item, typed.Literal):
                arrays.setdefault(_array_type(node.operand.type, item.type), []).append(item.value)
            else:
                found.append(self.compared(node.operand, item, "="))
        for type_, values in arrays.items():
            operand = self.values.comparable(node.operand, type_)
            found.append(self.values.among(operand, type_, values))
        return _balanced(found, "OR")

    def in_query(self, node: typed.InQuery) -> ColumnElement[bool]:
        other = node.query.columns[0][0]
        rows: Any = self.query(node.query)
        if not self.is_postgresql and other is Type.BIGINT and _is_double(node.operand):
            inner = rows.subquery()
            rows = select(cast(inner.c[0], Double))
        return self.values.comparable(node.operand, other).in_(rows)

    def like(self, node: typed.Like) -> ColumnElement[bool]:
        value, pattern = self.values.text(node.operand), self.values.text(node.pattern)
        if node.any_case:
            lower = FUNCTIONS["LOWER"]
            value, pattern = lower.compile(self.values.dialect, [value]), lower.compile(self.values.dialect, [pattern])
        # PostgreSQL has an escape character unless told otherwise.
        found = value.like(pattern, escape="" if self.is_postgresql else None)
        return not_(Grouping(found)) if node.negated else found


_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _array_type(operand: Type, item: Type) -> Type:
    """The type in which a constant of a list is compared with what may be in it."""
    known = item if operand is Type.NULL else operand
    if known.is_number:
        return Type.BIGINT if known.is_integer and (item.is_integer or item is Type.NULL) else Type.DOUBLE
    return Type.TEXT if known is Type.NULL else known


def _is_double(node: typed.Expression) -> bool:
    return node.type in (Type.REAL, Type.DOUBLE)


def _called(node: typed.Expression, *names: str) -> typed.Call | None:
    return node if isinstance(node, typed.Call) and node.function.name in names else None


def _balanced(parts: list[ColumnElement[bool]], word: str) -> ColumnElement[bool]:
    """The parts joined by AND or OR; many of them as a tree, for SQLite limits the depth of expressions."""
    if len(parts) <= _BALANCED:
        return (and_ if word == "AND" else or_)(*parts)
    middle = len(parts) // 2
    left, right = _balanced(parts[:middle], word), _balanced(parts[middle:], word)
    # SQLAlchemy would make its own AND and OR flat again.
    return Grouping(left).op(word, is_comparison=True, return_type=Boolean())(Grouping(right))
