"""Generated values and conditions, each with what it means in Python: SQL-92 with 64-bit integers and IEEE doubles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import numpy as np
from hypothesis import strategies as st

Row = dict[str, Any]


class Undefined(Exception):
    """The expression has no value."""


@dataclass(frozen=True)
class Value:
    """ADQL of a value, its type (`integer`, `double`, `text`), and its value in a row."""

    text: str
    type: str
    of: Callable[[Row], Any]


@dataclass(frozen=True)
class Condition:
    """ADQL of a condition and its truth in a row: True, False or None for unknown."""

    text: str
    of: Callable[[Row], bool | None]


TYPES = {"k": "integer", "n": "integer", "h": "integer", "x": "double", "r": "double", "s": "text"}


def column(name: str, table: str = "") -> Value:
    """A column; rows of joins have its qualified name."""
    qualified = f"{table}.{name}" if table else name
    return Value(qualified, TYPES[name], lambda row: row[qualified])


def constant(value: Any) -> Value:
    if value is None:
        return Value("NULL", "integer", lambda row: None)
    if isinstance(value, str):
        return Value("'" + value.replace("'", "''") + "'", "text", lambda row: value)
    return Value(repr(value), "integer" if isinstance(value, int) else "double", lambda row: value)


# --- numbers ----------------------------------------------------------------------------------------------------------


def integer(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Undefined
    return value


def double(value: Any, *, zero: bool = True) -> float:
    """Neither infinities nor, where the exact result is not zero, zeros: PostgreSQL has them not."""
    if not np.isfinite(value) or (value == 0 and not zero):
        raise Undefined
    return float(value)


def _arithmetic(operator: str, a: Any, b: Any, integers: bool) -> Any:
    if a is None or b is None:
        return None
    if operator == "/" and b == 0:
        raise Undefined
    if integers:
        if operator == "/":
            quotient = abs(a) // abs(b)
            return integer(quotient if (a < 0) == (b < 0) else -quotient)
        return integer({"+": a + b, "-": a - b, "*": a * b}[operator])
    with np.errstate(all="ignore"):
        x, y = np.float64(a), np.float64(b)
        if operator in "+-":
            return double(x + y if operator == "+" else x - y)
        return double(x * y if operator == "*" else x / y, zero=x == 0 or (operator == "*" and y == 0))


def arithmetic(left: Value, operator: str, right: Value) -> Value:
    integers = left.type == right.type == "integer"
    return Value(
        f"({left.text} {operator} {right.text})",
        "integer" if integers else "double",
        lambda row: _arithmetic(operator, left.of(row), right.of(row), integers),
    )


def negated(value: Value) -> Value:
    def of(row: Row) -> Any:
        found = value.of(row)
        return None if found is None else integer(-found) if value.type == "integer" else -found

    return Value(f"(- {value.text})", value.type, of)


def chain(first: Value, rest: list[tuple[str, Value]]) -> Value:
    """`a - b * c / d` without parentheses: `*` and `/` bind tighter, and all go from left to right."""
    text = " ".join([first.text, *(f"{operator} {value.text}" for operator, value in rest)])
    terms: list[tuple[str, Value]] = [("+", first)]
    for operator, value in rest:
        if operator in "*/":
            sign, before = terms.pop()
            terms.append((sign, arithmetic(before, operator, value)))
        else:
            terms.append((operator, value))
    total = terms[0][1]
    for operator, value in terms[1:]:
        total = arithmetic(total, operator, value)
    return Value(f"({text})", total.type, total.of)


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if None in values else function(*map(float, values))


def _decimal(x: float) -> Decimal:
    """The number of fewest digits between the middles to both neighbours of a double."""
    exact = Decimal(x)
    with localcontext() as context:
        context.prec = 1200
        below, above = ((exact + Decimal(math.nextafter(x, end))) / 2 for end in (-math.inf, math.inf))
        for digits in range(1, 17):
            roundings = (Context(prec=digits, rounding=way).plus(exact) for way in (ROUND_FLOOR, ROUND_CEILING))
            for found in sorted(roundings, key=lambda number: (abs(number - exact), number.as_tuple().digits[-1] % 2)):
                if below < found < above:
                    return found
    return Decimal(f"{x:.16e}")


def _mod(x: float, y: float) -> float:
    if y == 0:
        raise Undefined
    with localcontext() as context:
        context.prec = 800
        return float(_decimal(x) % _decimal(y)) + 0.0


def _quantized(rounding: str) -> Callable[..., float]:
    def of(x: float, places: float = 0) -> float:
        with localcontext() as context:
            context.prec = 800
            return double(float(_decimal(x).quantize(Decimal(1).scaleb(-int(places)), rounding)) + 0.0)

    return of


def _where(defined: Callable[[float], bool], function: Callable[..., Any]) -> Callable[[float], float]:
    def of(x: float) -> float:
        if not defined(x):
            raise Undefined
        with np.errstate(all="ignore"):
            return double(function(x))

    return of


def _power(x: float, y: float) -> float:
    if (x == 0 and y < 0) or (x < 0 and y != np.trunc(y)):
        raise Undefined
    with np.errstate(all="ignore"):
        return double(np.power(x, y), zero=x == 0)


EXACT: dict[str, Callable[..., float]] = {
    "ABS": abs,
    "CEILING": np.ceil,
    "FLOOR": np.floor,
    "SQRT": _where(lambda x: x >= 0, np.sqrt),
    "ROUND": _quantized(ROUND_HALF_UP),
    "TRUNCATE": _quantized(ROUND_DOWN),
}
"""Functions of one number whose results have one value."""
ROUNDED: dict[str, Callable[..., float]] = {
    "ACOS": _where(lambda x: -1 <= x <= 1, np.arccos),
    "ASIN": _where(lambda x: -1 <= x <= 1, np.arcsin),
    "ATAN": np.arctan,
    "COS": np.cos,
    "EXP": _where(lambda x: -708 < x < 709.7, np.exp),
    "LOG": _where(lambda x: x > 0, np.log),
    "LOG10": _where(lambda x: x > 0, np.log10),
    "SIN": np.sin,
    "DEGREES": _where(lambda x: abs(x) < 1e306, np.degrees),
}
"""Functions whose last digit may differ."""


def function(name: str, rule: Callable[..., float], *arguments: Value) -> Value:
    def of(row: Row) -> Any:
        found = _strict(rule)(*(a.of(row) for a in arguments))
        return None if found is None else float(found)

    return Value(f"{name}({', '.join(a.text for a in arguments)})", "double", of)


def to_integer(value: Value, name: str, bits: int) -> Value:
    def of(row: Row) -> Any:
        found = value.of(row)
        if found is None:
            return None
        if not -(2 ** (bits - 1)) <= int(found) < 2 ** (bits - 1):
            raise Undefined
        return int(found)

    return Value(f"CAST({value.text} AS {name})", "integer", of)


def to_double(value: Value) -> Value:
    def of(row: Row) -> Any:
        found = value.of(row)
        return None if found is None else float(found)

    return Value(f"CAST({value.text} AS DOUBLE PRECISION)", "double", of)


def coalesced(first: Value, *others: Value) -> Value:
    values = (first, *others)
    kind = "double" if any(v.type == "double" for v in values) else first.type

    def of(row: Row) -> Any:
        found = next((f for v in values if (f := v.of(row)) is not None), None)
        return float(found) if kind == "double" and found is not None else found

    return Value(f"COALESCE({', '.join(v.text for v in values)})", kind, of)


big_integers = st.integers(-(2**63) + 1, 2**63 - 1).map(abs)
small_integers = st.integers(0, 20)
doubles = st.floats(0, 1e305, allow_subnormal=False, exclude_min=True) | st.sampled_from([0.0, 0.5, 0.1, 2.5, 1e300])
"""Without signs, which are part of expressions."""
quarters = st.integers(0, 400).map(lambda n: n / 4)
"""Doubles that add up exactly."""
_operators = st.sampled_from("+-*/")


def numbers(columns: str = "knhxr", table: str = "") -> st.SearchStrategy[Value]:
    """Numeric expressions, whose evaluation may fail."""
    leaves = st.sampled_from([column(c, table) for c in columns]) | (
        small_integers | big_integers | doubles | quarters | st.none()
    ).map(constant)

    def grown(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
        return st.one_of(
            st.builds(arithmetic, inner, _operators, inner),
            st.builds(chain, inner, st.lists(st.tuples(_operators, inner), min_size=1, max_size=4)),
            inner.map(negated),
            inner.map(negated).map(negated),
            st.builds(lambda f, v: function(*f, v), st.sampled_from(sorted(EXACT.items(), key=str)), inner),
            st.builds(lambda a, b: function("MOD", _mod, a, b), inner, inner),
            st.builds(
                lambda f, v, n: function(f, EXACT[f], v, constant(n)),
                st.sampled_from(["ROUND", "TRUNCATE"]),
                inner,
                st.integers(0, 15),
            ),
            st.builds(
                lambda v, t: to_integer(v, *t),
                inner,
                st.sampled_from([("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64)]),
            ),
            inner.map(to_double),
        )

    return st.recursive(leaves, grown, max_leaves=6)


def rounded_numbers(columns: str = "knhxr") -> st.SearchStrategy[Value]:
    """A function whose last digit may differ, of a numeric expression."""
    return st.one_of(
        st.builds(lambda f, v: function(*f, v), st.sampled_from(sorted(ROUNDED.items(), key=str)), numbers(columns)),
        st.builds(lambda a, b: function("POWER", _power, a, b), numbers(columns), numbers(columns)),
        st.builds(lambda a, b: function("ATAN2", np.arctan2, a, b), numbers(columns), numbers(columns)),
    )


def safe_numbers(table: str = "", columns: str = "khxrn") -> st.SearchStrategy[Value]:
    """Numeric expressions that always have a value."""
    leaves = st.sampled_from([column(c, table) for c in columns]) | (small_integers | quarters | st.none()).map(
        constant
    )
    small = st.sampled_from([column("k", table), column("h", table)]) | small_integers.map(constant)
    return st.one_of(
        leaves,
        st.builds(arithmetic, small, st.sampled_from("+-*"), small),
        small.map(negated),
        st.builds(coalesced, leaves, leaves),
    )


# --- texts ------------------------------------------------------------------------------------------------------------

letters = st.text(st.sampled_from("abCrẞßåÅΣσς%_' \\éİıǆﬁ🔭1"), max_size=6)


def joined(*parts: Value) -> Value:
    def of(row: Row) -> Any:
        found = [p.of(row) for p in parts]
        return None if None in found else "".join(map(str, found))

    return Value(f"({' || '.join(p.text for p in parts)})", "text", of)


def folded(value: Value, name: str) -> Value:
    def of(row: Row) -> Any:
        found = value.of(row)
        return None if found is None else found.upper() if name == "UPPER" else found.lower()

    return Value(f"{name}({value.text})", "text", of)


def cut(value: Value, length: int, kind: str) -> Value:
    def of(row: Row) -> Any:
        found = value.of(row)
        return None if found is None else found[:length]

    return Value(f"CAST({value.text} AS {kind}({length}))", "text", of)


def texts(table: str = "") -> st.SearchStrategy[Value]:
    leaves = st.just(column("s", table)) | (letters | letters | st.none()).map(constant)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(joined, inner, inner),
            st.builds(joined, inner, inner, inner),
            st.builds(joined, inner, st.sampled_from([column(c, table) for c in "knh"]) | small_integers.map(constant)),
            st.builds(folded, inner, st.sampled_from(["UPPER", "LOWER"])),
            st.builds(cut, inner, st.integers(0, 8), st.sampled_from(["CHAR", "VARCHAR"])),
            st.builds(coalesced, inner, inner),
        ),
        max_leaves=5,
    )


def _like(text: str, pattern: str) -> bool:
    parts = {"%": ".*", "_": "."}
    return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text, re.DOTALL) is not None


# --- conditions -------------------------------------------------------------------------------------------------------

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compared(a: Any, operator: str, b: Any) -> bool | None:
    """Numbers as doubles if one is, texts bytewise, with NULL unknown."""
    if a is None or b is None:
        return None
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    elif isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
    return _COMPARE[operator](a, b)


def and_(*parts: bool | None) -> bool | None:
    return False if False in parts else None if None in parts else True


def or_(*parts: bool | None) -> bool | None:
    return True if True in parts else None if None in parts else False


def not_(part: bool | None) -> bool | None:
    return None if part is None else not part


def comparison(left: Value, operator: str, right: Value) -> Condition:
    return Condition(
        f"{left.text} {operator} {right.text}", lambda row: compared(left.of(row), operator, right.of(row))
    )


def between(value: Value, low: Value, high: Value, negative: bool) -> Condition:
    def of(row: Row) -> bool | None:
        v = value.of(row)
        inside = and_(compared(v, ">=", low.of(row)), compared(v, "<=", high.of(row)))
        return not_(inside) if negative else inside

    return Condition(f"{value.text} {'NOT ' * negative}BETWEEN {low.text} AND {high.text}", of)


def in_list(value: Value, items: list[Value], negative: bool) -> Condition:
    def of(row: Row) -> bool | None:
        v = value.of(row)
        found = or_(*(compared(v, "=", i.of(row)) for i in items))
        return not_(found) if negative else found

    return Condition(f"{value.text} {'NOT ' * negative}IN ({', '.join(i.text for i in items)})", of)


def like(value: Value, pattern: Value, negative: bool, any_case: bool) -> Condition:
    def of(row: Row) -> bool | None:
        v, p = value.of(row), pattern.of(row)
        if v is None or p is None:
            return None
        found = _like(v.lower(), p.lower()) if any_case else _like(v, p)
        return found != negative

    return Condition(f"{value.text} {'NOT ' * negative}{'I' * any_case}LIKE {pattern.text}", of)


def is_null(name: str, table: str, negative: bool) -> Condition:
    value = column(name, table)
    return Condition(f"{value.text} IS {'NOT ' * negative}NULL", lambda row: (value.of(row) is None) != negative)


def conditions(table: str = "", columns: str = "khxrn") -> st.SearchStrategy[Condition]:
    """Conditions that never fail, nested, with all their parts unknown now and then."""
    operators = st.sampled_from(sorted(_COMPARE))
    number, text = safe_numbers(table, columns), texts(table)
    leaves = st.one_of(
        st.builds(comparison, number, operators, number),
        st.builds(comparison, text, operators, text),
        st.builds(between, number, number, number, st.booleans()),
        st.builds(between, text, text, text, st.booleans()),
        st.builds(in_list, number, st.lists(number | st.just(constant(None)), min_size=1, max_size=4), st.booleans()),
        st.builds(in_list, text, st.lists(letters.map(constant), min_size=1, max_size=4), st.booleans()),
        st.builds(like, text, letters.map(constant) | text, st.booleans(), st.booleans()),
        st.builds(is_null, st.sampled_from(columns + "s"), st.just(table), st.booleans()),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(
                lambda cs: Condition(
                    "(" + " AND ".join(c.text for c in cs) + ")", lambda row: and_(*(c.of(row) for c in cs))
                )
            ),
            st.lists(inner, min_size=2, max_size=3).map(
                lambda cs: Condition(
                    "(" + " OR ".join(c.text for c in cs) + ")", lambda row: or_(*(c.of(row) for c in cs))
                )
            ),
            inner.map(lambda c: Condition(f"NOT ({c.text})", lambda row: not_(c.of(row)))),
        ),
        max_leaves=5,
    )
