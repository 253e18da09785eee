"""Arithmetic and numeric functions against Python and NumPy, with generated expressions: the same on both databases."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tap.sky import SkyRow, answer
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db

FEW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Number = int | float


class Undefined(Exception):
    """The expression has no value."""


def value(expression: str) -> Any:
    ((found,),) = answer(f"SELECT TOP 1 {expression} AS x FROM test.sky")
    return found


# --- expressions ------------------------------------------------------------------------------------------------------

integers = st.integers(-(2**62), 2**62) | st.integers(-20, 20)
doubles = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False) | st.sampled_from([0.1, 2.5, -1e300])


def leaf(number: Number | None) -> tuple[str, Any]:
    return ("NULL" if number is None else repr(number), number)


leaves = (integers | doubles | st.none()).map(leaf)


def combine(a: tuple[str, Any], operator: str, b: tuple[str, Any]) -> tuple[str, Any]:
    return (f"({a[0]} {operator} {b[0]})", (operator, a[1], b[1]))


expressions = st.recursive(
    leaves, lambda inner: st.builds(combine, inner, st.sampled_from("+-*/"), inner), max_leaves=8
)


def evaluated(node: Any) -> tuple[Number | None, bool]:
    """Value of an expression and whether it is an integer by type; the rules of SQL-92 with 64-bit integers."""
    if not isinstance(node, tuple):
        return node, node is None or isinstance(node, int)
    operator, left, right = node
    (a, a_integer), (b, b_integer) = evaluated(left), evaluated(right)
    integer = a_integer and b_integer
    if a is None or b is None:
        return None, integer
    if operator == "/" and b == 0:
        raise Undefined
    if integer:
        assert isinstance(a, int)
        assert isinstance(b, int)
        exact = {"+": a + b, "-": a - b, "*": a * b, "/": int(Decimal(a) / Decimal(b)) if operator == "/" else 0}
        result = exact[operator]
        if operator == "/":
            result = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        if not -(2**63) <= result < 2**63:
            raise Undefined
        return result, True
    x, y = np.float64(a), np.float64(b)
    with np.errstate(all="ignore"):
        made = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if operator == "/" else 0.0}[operator]
    # PostgreSQL has neither infinities nor vanishing products.
    if not np.isfinite(made) or (made == 0 and operator in "*/" and x != 0 and (operator == "/" or y != 0)):
        raise Undefined
    return float(made), False


@FEW
@given(expression=expressions)
def test_expressions(sky: list[SkyRow], expression: tuple[str, Any]) -> None:
    """Values, NULL, overflow and division by zero; parentheses and signs stay where they were written."""
    text, node = expression
    try:
        expected, _ = evaluated(node)
    except Undefined:
        with pytest.raises(UsageFault):
            value(text)
        return
    found = value(text)
    if expected is None:
        # A part of it that has no value may or may not be looked at.
        assert found is None
    else:
        assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        *("1 - 2 - 3", "1 - (2 - 3)", "8 / 4 / 2", "8 / (4 / 2)", "2 * 3 + 4", "2 * (3 + 4)", "-7 / 2", "7 / -2"),
        *("2 - -3", "2 - (-(3))", "-(2 + 3) * 2", "1.5e1 / 4", "1 / 4 * 4.0", "3 - +2", "- 5 - - 5"),
    ],
)
def test_association_and_signs(sky: list[SkyRow], text: str) -> None:
    python = text.replace("/", "//") if "." not in text else None
    expected = {
        "-7 / 2": -3,
        "7 / -2": -3,
        "1.5e1 / 4": 3.75,
        "1 / 4 * 4.0": 0.0,
    }.get(text)
    if expected is None:
        assert python is not None
        expected = eval(python)
    assert value(text) == expected


# --- functions --------------------------------------------------------------------------------------------------------

small = st.floats(-1e4, 1e4, allow_subnormal=False)
FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], bool]]] = {
    "ABS": (np.abs, lambda x: True),
    "ACOS": (np.arccos, lambda x: -1 <= x <= 1),
    "ASIN": (np.arcsin, lambda x: -1 <= x <= 1),
    "ATAN": (np.arctan, lambda x: True),
    "CEILING": (np.ceil, lambda x: True),
    "COS": (np.cos, lambda x: True),
    "COT": (lambda x: 1 / np.tan(x), lambda x: x != 0),
    "DEGREES": (np.degrees, lambda x: True),
    "EXP": (np.exp, lambda x: abs(x) < 700),
    "FLOOR": (np.floor, lambda x: True),
    "LOG": (np.log, lambda x: x > 0),
    "LOG10": (np.log10, lambda x: x > 0),
    "RADIANS": (np.radians, lambda x: True),
    "SIN": (np.sin, lambda x: True),
    "SQRT": (np.sqrt, lambda x: x >= 0),
    "TAN": (np.tan, lambda x: True),
    "ROUND": (lambda x: float(Decimal(repr(x)).quantize(Decimal(1), ROUND_HALF_UP)), lambda x: True),
    "TRUNCATE": (lambda x: float(Decimal(repr(x)).quantize(Decimal(1), ROUND_DOWN)), lambda x: True),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(x=small | st.floats(-1, 1, allow_subnormal=False) | st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.5, 1e-300]))
def test_functions_of_one_number(sky: list[SkyRow], name: str, x: float) -> None:
    """ADQL 2.1 section 2.3, NumPy being right; outside the domain an error, of NULL NULL."""
    function, defined = FUNCTIONS[name]
    if not defined(x):
        if name != "EXP" or abs(x) > 800:
            with pytest.raises(UsageFault):
                value(f"{name}({x!r})")
        return
    if name == "COT" and abs(x) < 1e-290:
        return
    assert value(f"{name}({x!r})") == pytest.approx(float(function(x)), rel=1e-13, abs=1e-300)
    assert value(f"{name}(NULL)") is None


@FEW
@given(x=small, n=st.integers(-5, 15))
def test_rounding(sky: list[SkyRow], x: float, n: int) -> None:
    """Decimal rounding of the number as it is written, halves away from zero; negative places too (ADQL-31)."""
    step = Decimal(1).scaleb(-n)
    found = answer(f"SELECT TOP 1 ROUND({x!r}, {n}), TRUNCATE({x!r}, {n}) FROM test.sky")[0]
    expected = [float(Decimal(repr(x)).quantize(step, rounding)) for rounding in (ROUND_HALF_UP, ROUND_DOWN)]
    assert list(found) == expected


@FEW
@given(x=small, y=small | st.integers(-50, 50).map(float))
def test_functions_of_two_numbers(sky: list[SkyRow], x: float, y: float) -> None:
    """MOD has the sign of x; ATAN2(y, x); POWER (ADQL-31)."""
    assert value(f"ATAN2({x!r}, {y!r})") == pytest.approx(math.atan2(x, y), rel=1e-14)
    if y == 0:
        with pytest.raises(UsageFault, match="division by zero"):
            value(f"MOD({x!r}, {y!r})")
    else:
        remainder = value(f"MOD({x!r}, {y!r})")
        dividend, divisor = Fraction(repr(x)), Fraction(repr(y))
        assert remainder == float(dividend - divisor * math.trunc(dividend / divisor))
        assert remainder == 0 or (abs(remainder) < abs(y) and (remainder > 0) == (x > 0))
    try:
        expected = math.pow(x, y)
    except (ValueError, OverflowError):
        expected = math.inf
    if math.isinf(expected) or (expected == 0 and x != 0):
        with pytest.raises(UsageFault):
            value(f"POWER({x!r}, {y!r})")
    else:
        assert value(f"POWER({x!r}, {y!r})") == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1/0", "division by zero"),
        ("1.5/0", "division by zero"),
        ("MOD(1, 0)", "division by zero"),
        ("COT(0)", "division by zero"),
        ("LOG(0)", "logarithm of zero or of a negative number"),
        ("LOG10(-1)", "logarithm of zero or of a negative number"),
        ("SQRT(-1)", "square root or power outside its domain"),
        ("POWER(-8, 0.5)", "square root or power outside its domain"),
        ("POWER(0, -1)", "square root or power outside its domain"),
        ("ASIN(2)", "a number is out of range"),
        ("EXP(1000)", "a number is out of range"),
        ("9223372036854775807 + 1", "a number is out of range"),
        ("9223372036854775807 * 2", "a number is out of range"),
        ("1e308 * 10", "a number is out of range"),
        ("CAST(1e10 AS INTEGER)", "a number is out of range"),
        ("CAST(40000 AS SMALLINT)", "a number is out of range"),
        ("CAST('x' AS INTEGER)", "a text cannot be converted"),
        ("CAST(name AS DOUBLE PRECISION)", "a text cannot be converted"),
        ("CAST(name || 'x' AS TIMESTAMP)", "a text cannot be converted"),
    ],
)
def test_values_that_do_not_exist(sky: list[SkyRow], text: str, said: str) -> None:
    """The same clear error on both databases, never their own (ADQL-24, ADQL-32, ADQL-92)."""
    with pytest.raises(UsageFault, match=said):
        answer(f"SELECT {text} AS x FROM test.sky")


def test_random_numbers_and_pi(sky: list[SkyRow]) -> None:
    found = answer("SELECT RAND(), RAND(3), PI() FROM test.sky")
    assert len({row[0] for row in found}) > 1900
    assert all(0 <= row[0] < 1 and 0 <= row[1] < 1 for row in found)
    assert found[0][2] == math.pi


def test_arithmetic_of_columns(sky: list[SkyRow]) -> None:
    """Types of results: integers stay integers, everything else is double; NULL makes NULL."""
    found = answer('SELECT obs_id, n * "size" - 3, n / 7, ra + n, -mag, flux / 2, n * 1.0 FROM test.sky')
    by_id = {r.obs_id: r for r in sky}
    for number, product, quotient, total, negative, half, real in found:
        r = by_id[number]
        if r.n is None:
            assert {product, quotient, total, real} == {None}
        else:
            assert r.size is not None
            assert product == r.n * r.size - 3
            assert isinstance(product, int)
            assert quotient == int(r.n / 7)
            assert total == (None if r.ra is None else r.ra + r.n)
            assert isinstance(real, float)
        assert negative == (None if r.mag is None else -r.mag)
        assert half == (None if r.flux is None else r.flux / 2)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MOD(3.520127446644831e+16, 3)", 2.0),
        ("CAST(3.520127446644831e+16 AS VARCHAR)", "3.5201274466448312e+16"),
        ("CAST(8.783689360369101e+16 AS VARCHAR)", "8.783689360369101e+16"),
        ("CAST(1003310810786389.8 AS VARCHAR)", "1.0033108107863898e+15"),
        ("CAST(CAST(16777217 AS REAL) AS VARCHAR)", "1.6777216e+07"),
        ("CAST(6.189700196426902e+26 AS VARCHAR)", "6.189700196426902e+26"),
    ],
)
def test_decimal_forms_of_large_numbers(expression: str, expected: object) -> None:
    """Where a number has decimal forms that are as near to the next one, these are not taken."""
    assert value(expression) == expected
