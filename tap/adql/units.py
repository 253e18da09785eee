"""Units of computed values, as VOUnits 1.0; `""` is the unit of pure numbers, None that of what nobody knows."""

from __future__ import annotations

import warnings
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from tap.adql import typed

if TYPE_CHECKING:
    from astropy.units import UnitBase


def unit_of(expression: typed.Expression) -> str | None:
    """The unit of a value; constants without one are pure numbers."""
    unit = expression.meta.unit
    return "" if unit is None and is_constant(expression) else unit


def is_constant(expression: typed.Expression) -> bool:
    return not any(isinstance(e, typed.ColumnReference) for e in expression.walk())


def of_sum(*expressions: typed.Expression) -> str | None:
    """Equal units stay, unequal ones give none; a constant without a unit has that of what it is added to."""
    units = [e.meta.unit for e in expressions if e.meta.unit or not is_constant(e)]
    if not units:
        return ""
    first = units[0]
    return first if all(_equal(first, other) for other in units[1:]) else None


@lru_cache(maxsize=1024)
def of_product(a: str | None, b: str | None) -> str | None:
    if a is None or b is None:
        return None
    return a or b if not (a and b) else _made(a, b, 1)


@lru_cache(maxsize=1024)
def of_quotient(a: str | None, b: str | None) -> str | None:
    if a is None or b is None or not b:
        return None if b is None else a
    return "" if a == b else _made(a, b, -1)


@lru_cache(maxsize=1024)
def of_power(unit: str | None, exponent: float | None) -> str | None:
    """`exponent` is None if it is not known when the query is compiled."""
    if not unit:
        return unit
    return None if exponent is None else _made("", unit, exponent)


def factor(own: str, wanted: str) -> float:
    """The factor from one unit to another; ValueError if there is none, `UnknownUnit` if the other is no unit."""
    target, source = _parsed(wanted, deprecated=False), _parsed(own)
    if target is None:
        raise UnknownUnit(f"{wanted!r} is no VOUnit")
    if source is None:
        raise ValueError(f"{own} is no VOUnit")
    return float(source.to(target))


class UnknownUnit(ValueError):
    """A text that is no VOUnit."""


def _equal(a: str | None, b: str | None) -> bool:
    return a == b or (bool(a and b) and _parsed(str(a)) is not None and _parsed(str(a)) == _parsed(str(b)))


def _made(a: str, b: str, exponent: float) -> str | None:
    """`a` times a power of `b`."""
    left, right = _parsed(a), _parsed(b)
    if left is None or right is None:
        return None
    try:
        return str((left * right ** Fraction(exponent).limit_denominator(12)).to_string("vounit"))
    except (ValueError, OverflowError):
        # Scales that are no powers of ten cannot be written.
        return None


@lru_cache(maxsize=1024)
def _parsed(text: str, *, deprecated: bool = True) -> UnitBase | None:
    """The unit, if it is one; `deprecated` ones may be in published tables."""
    # Half a second to import, for the few queries that need it.
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if deprecated else "error")
            return units.Unit(text, format="vounit")
    except (ValueError, TypeError, units.UnitsWarning):
        return None
