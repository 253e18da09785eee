"""SQL of conditions, with what lets an index find what an exact predicate then confirms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Boolean, ColumnElement, CompoundSelect, Select, and_, exists, not_, or_
from sqlalchemy.sql.elements import Grouping

from tap.adql import typed
from tap.adql.functions import FUNCTIONS
from tap.adql.types import Type
from tap.adql.values import Sql, Values

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
                operand, low, high = (Grouping(self.values.ordered(e)) for e in node.expressions())
                between = operand.between(low, high)
                return not_(Grouping(between)) if node.negated else between
            case typed.InList():
                found = self.values.value(node.operand).in_([self.values.value(i) for i in node.items])
                return not_(Grouping(found)) if node.negated else found
            case typed.InQuery():
                found = self.values.value(node.operand).in_(self.query(node.query))
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
        if isinstance(left, typed.Literal) or _geometry_call(right, "DISTANCE"):
            left, right, operator = right, left, _MIRRORED[operator]
        if isinstance(right, typed.Literal) and right.value in (0, 1) and operator in ("=", "<>"):
            call = _geometry_call(left, "CONTAINS", "INTERSECTS")
            if call is not None:
                wanted = (right.value == 1) == (operator == "=")
                predicate = self.spherical.predicate(call)
                if not wanted:
                    return not_(Grouping(predicate))
                return and_(*self.spherical.overlap_conditions(call), predicate) if positive else predicate
        distance = _geometry_call(left, "DISTANCE")
        exact = self.compared(left, right, operator)
        if distance is not None and positive and operator in ("<", "<="):
            return and_(*self.spherical.distance_conditions(distance, right), exact)
        return exact

    def compared(self, left: typed.Expression, right: typed.Expression, operator: str) -> ColumnElement[bool]:
        if operator in ("=", "<>"):
            a, b = self.text_or_value(left), self.text_or_value(right)
        else:
            a, b = self.values.ordered(left), self.values.ordered(right)
        return Grouping(a).op(operator, is_comparison=True, return_type=Boolean())(Grouping(b))

    def text_or_value(self, node: typed.Expression) -> Sql:
        return self.values.text(node) if node.type is Type.NULL else self.values.value(node)

    def like(self, node: typed.Like) -> ColumnElement[bool]:
        value, pattern = self.values.text(node.operand), self.values.text(node.pattern)
        if node.any_case:
            lower = FUNCTIONS["LOWER"]
            value, pattern = lower.compile(self.values.dialect, [value]), lower.compile(self.values.dialect, [pattern])
        # PostgreSQL has an escape character unless told otherwise.
        found = value.like(pattern, escape="" if self.is_postgresql else None)
        return not_(Grouping(found)) if node.negated else found


_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _geometry_call(node: typed.Expression, *names: str) -> typed.Call | None:
    return node if isinstance(node, typed.Call) and node.function.name in names else None


def _balanced(parts: list[ColumnElement[bool]], word: str) -> ColumnElement[bool]:
    """The parts joined by AND or OR; many of them as a tree, for SQLite limits the depth of expressions."""
    if len(parts) <= _BALANCED:
        return (and_ if word == "AND" else or_)(*parts)
    middle = len(parts) // 2
    left, right = _balanced(parts[:middle], word), _balanced(parts[middle:], word)
    # SQLAlchemy would make its own AND and OR flat again.
    return Grouping(left).op(word, is_comparison=True, return_type=Boolean())(Grouping(right))
