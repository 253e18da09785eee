"""Conditions on the columns of a published table, for protocols that ask by parameters instead of by a query.

They are syntax trees as the parser would make them: values never become text, and are bound by the compiler.

    where = all_of([contained("s_ra", "s_dec", circle), any_of([equal("obs_collection", c) for c in wanted])])
    query = prepare_selection(table, (), where, context)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tap.adql import tree
from tap.adql.tree import Function, Predicate, Value
from vo.errors import UsageFault
from vo.regions import Circle, Point, Shape, to_array

_NOWHERE = 0
"""The place of a node in a text: there is none."""


def column(name: str) -> tree.Column:
    """A column by its name exactly as published."""
    return tree.Column(_NOWHERE, tree.Qualified(_NOWHERE, (exactly(name),)))


def exactly(name: str) -> tree.Name:
    return tree.Name(_NOWHERE, name, quoted=True)


def number(value: float) -> Value:
    """A finite number."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as a number")
    digits = tree.Number(_NOWHERE, repr(abs(value)))
    return tree.Sign(_NOWHERE, True, digits) if value < 0 else digits


def text(value: str) -> tree.String:
    """A text. Raises UsageFault for characters that the databases do not keep."""
    for character in value:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise UsageFault(f"the character {character!r} cannot be part of a value")
    return tree.String(_NOWHERE, value)


def all_of(parts: Sequence[Predicate]) -> Predicate:
    """Every one of one or more conditions."""
    return parts[0] if len(parts) == 1 else tree.And(_NOWHERE, tuple(parts))


def any_of(parts: Sequence[Predicate]) -> Predicate:
    """At least one of one or more conditions."""
    return parts[0] if len(parts) == 1 else tree.Or(_NOWHERE, tuple(parts))


def equal(name: str, value: str | float) -> Predicate:
    """The column is exactly that text or number."""
    wanted = text(value) if isinstance(value, str) else number(value)
    return tree.Comparison(_NOWHERE, "=", column(name), wanted)


def equal_ignoring_case(name: str, value: str) -> Predicate:
    return tree.Comparison(_NOWHERE, "=", _call("LOWER", column(name)), _call("LOWER", text(value)))


def holding(name: str, part: str) -> Predicate:
    """The text of the column has that part, in which `%` and `_` are the wildcards of LIKE."""
    return tree.Like(_NOWHERE, column(name), text(f"%{part}%"), negated=False, any_case=False)


def within(name: str, interval: tuple[float, float]) -> Predicate:
    """The column's value is known and in the closed interval; an infinite end is open."""
    return overlapping(name, name, interval)


def overlapping(start: str, end: str, interval: tuple[float, float]) -> Predicate:
    """The closed interval from column `start` to column `end` is known and has a point in common with that one."""
    low, high = interval
    conditions: list[Predicate] = []
    if math.isfinite(high):
        conditions.append(tree.Comparison(_NOWHERE, "<=", column(start), number(high)))
    if math.isfinite(low):
        conditions.append(tree.Comparison(_NOWHERE, ">=", column(end), number(low)))
    return all_of(conditions or [known(name) for name in dict.fromkeys((start, end))])


def known(name: str) -> Predicate:
    """The column is not NULL."""
    return tree.IsNull(_NOWHERE, column(name), negated=True)


def contained(lon: str, lat: str, shape: Shape) -> Predicate:
    """The position of two columns (ICRS deg) lies in a shape, boundary included."""
    return _holds(_call("CONTAINS", _call("POINT", column(lon), column(lat)), _constant(shape)))


def intersecting(region: str, shape: Shape) -> Predicate:
    """The region of a column has a point in common with a shape."""
    return _holds(_call("INTERSECTS", column(region), _constant(shape)))


def _constant(shape: Shape) -> Function:
    name = {Point: "POINT", Circle: "CIRCLE"}.get(type(shape), "POLYGON")
    return _call(name, *map(number, to_array(shape)))


def _call(name: str, *arguments: Value) -> Function:
    return Function(_NOWHERE, name, arguments)


def _holds(predicate: Function) -> Predicate:
    return tree.Comparison(_NOWHERE, "=", tree.Number(_NOWHERE, "1"), predicate)
