"""Arithmetic, functions and casts as PostgreSQL has them, for SQLite: same results, same errors.

Arguments are never None here. Results that PostgreSQL calls an overflow or underflow are errors here too.
"""

from __future__ import annotations

import math
import random
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext

import numpy as np

from tap.engine.faults import ValueFault

Number = int | float

_INTEGER_RANGES = {"SMALLINT": 2**15, "INTEGER": 2**31, "BIGINT": 2**63}
_INTEGER_TEXT = re.compile(r"\s*([+-]?)0*([0-9]+)\s*", re.ASCII)
_FLOAT_TEXT = re.compile(r"\s*[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_DECIMAL = Context(prec=800)
_RADIAN = 0.0174532925199432957692


def _bigint(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise ValueFault("range")
    return value


def _finite(value: float, *, zero: bool = True) -> float:
    """The value, unless it overflowed, or underflowed where it cannot be zero."""
    if math.isinf(value) or math.isnan(value) or (value == 0 and not zero):
        raise ValueFault("range")
    return value


def add(a: Number, b: Number) -> Number:
    return _bigint(a + b) if isinstance(a, int) and isinstance(b, int) else _finite(float(a) + float(b))


def subtract(a: Number, b: Number) -> Number:
    return _bigint(a - b) if isinstance(a, int) and isinstance(b, int) else _finite(float(a) - float(b))


def multiply(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return _bigint(a * b)
    return _finite(float(a) * float(b), zero=a == 0 or b == 0)


def divide(a: Number, b: Number) -> Number:
    """Of two integers the quotient towards zero, as SQL-92 has it."""
    if b == 0:
        raise ValueFault("division")
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return _bigint(quotient if (a < 0) == (b < 0) else -quotient)
    return _finite(float(a) / float(b), zero=a == 0)


def negate(a: Number) -> Number:
    return _bigint(-a) if isinstance(a, int) else -a


def log(x: float) -> float:
    if x <= 0:
        raise ValueFault("logarithm")
    return math.log(x)


def log10(x: float) -> float:
    if x <= 0:
        raise ValueFault("logarithm")
    return math.log10(x)


def exp(x: float) -> float:
    try:
        return _finite(math.exp(x), zero=False)
    except OverflowError:
        raise ValueFault("range") from None


def sqrt(x: float) -> float:
    if x < 0:
        raise ValueFault("power")
    return math.sqrt(x)


def power(x: float, y: float) -> float:
    try:
        return _finite(math.pow(x, y), zero=x == 0)
    except OverflowError:
        raise ValueFault("range") from None
    except ValueError:
        raise ValueFault("power") from None


def acos(x: float) -> float:
    if not -1 <= x <= 1:
        raise ValueFault("range")
    return math.acos(x)


def asin(x: float) -> float:
    if not -1 <= x <= 1:
        raise ValueFault("range")
    return math.asin(x)


def cot(x: float) -> float:
    return float(divide(1.0, math.tan(x)))


def degrees(x: float) -> float:
    return _finite(x / _RADIAN)


def radians(x: float) -> float:
    return _finite(x * _RADIAN, zero=x == 0)


def ceiling(x: float) -> float:
    return float(math.ceil(x)) if abs(x) < 2**53 else x


def floor(x: float) -> float:
    return float(math.floor(x)) if abs(x) < 2**53 else x


def round_(x: float, decimals: float = 0) -> float:
    """Rounds the shortest decimal form of x, halves away from zero: ROUND(2.675, 2) is 2.68."""
    return _quantize(x, decimals, ROUND_HALF_UP)


def truncate(x: float, decimals: float = 0) -> float:
    return _quantize(x, decimals, ROUND_DOWN)


def _quantize(x: float, decimals: float, rounding: str) -> float:
    decimals = int(decimals)
    if abs(decimals) > 400:
        return float(x) if decimals > 0 else 0.0
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(shortest(float(x))).quantize(step, rounding, _DECIMAL)) + 0.0


def mod(x: float, y: float) -> float:
    """Remainder of the shortest decimal forms, with the sign of x: MOD(5.5, 0.1) is 0."""
    if y == 0:
        raise ValueFault("division")
    with localcontext(_DECIMAL):
        return float(Decimal(shortest(float(x))) % Decimal(shortest(float(y)))) + 0.0


def rand(*_: float) -> float:
    return random.random()  # noqa: S311 (no secret)


# --- casts ------------------------------------------------------------------------------------------------------------


def to_integer(value: Number | str, target: str) -> int:
    """Numbers lose their fraction; texts must be integers."""
    if isinstance(value, str):
        match = _INTEGER_TEXT.fullmatch(value)
        if not match:
            raise ValueFault("text")
        if len(match[2]) > 19:
            raise ValueFault("range")
        number = int(match[1] + match[2])
    else:
        number = int(value)
    if not -_INTEGER_RANGES[target] <= number < _INTEGER_RANGES[target]:
        raise ValueFault("range")
    return number


def to_double(value: Number | str) -> float:
    if isinstance(value, str):
        match = _FLOAT_TEXT.fullmatch(value)
        if not match:
            raise ValueFault("text")
        return _finite(float(value), zero=not match[1].strip("0."))
    return float(value)


def to_real(value: Number | str) -> float:
    """Nearest single-precision number."""
    number = to_double(value)
    try:
        single = float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        raise ValueFault("range") from None
    return _finite(single, zero=number == 0)


@dataclass(frozen=True, slots=True)
class _Precision:
    """A binary floating-point type: all its numbers from `whole` on are whole; `digits` tell any of them apart."""

    whole: float
    digits: int
    towards: Callable[[float, float], float]


_DOUBLE = _Precision(2.0**53, 17, math.nextafter)
_SINGLE = _Precision(2.0**24, 9, lambda x, end: float(np.nextafter(np.float32(x), np.float32(end))))


def shortest(x: float) -> str:
    """The shortest decimal form of a double that PostgreSQL's reading and writing agree on."""
    return _narrowest(repr(x), x, _DOUBLE)


def _narrowest(text: str, x: float, precision: _Precision) -> str:
    """A shortest decimal form of `x` as PostgreSQL has it.

    It does not take what is as far from the next number as from this, of which reading makes the even one: such forms,
    which NumPy and Python take, are there for large whole numbers only.
    """
    if not precision.whole <= abs(x) < math.inf:
        return text
    digits = len(Decimal(text).normalize().as_tuple().digits)
    while digits < precision.digits and not _is_nearest(text, x, precision):
        text = f"{x:.{digits}e}"
        digits += 1
    return text


def _is_nearest(text: str, x: float, precision: _Precision) -> bool:
    with localcontext(_DECIMAL):
        away = Decimal(text) - Decimal(x)
        gap = Decimal(precision.towards(x, math.copysign(math.inf, away))) - Decimal(x)
        return 2 * abs(away) < abs(gap)


def number_text(value: Number) -> str:
    """A number as PostgreSQL writes it: shortest digits that round-trip, exponent below 1e-4 and from 1e15."""
    if isinstance(value, int):
        return str(value)
    return _decimal_text(Decimal(shortest(value)), 15)


def real_text(value: float) -> str:
    """A single-precision number as PostgreSQL writes it: exponent below 1e-4 and from 1e6."""
    return _decimal_text(Decimal(_narrowest(str(np.float32(value)), value, _SINGLE)), 6)


def _decimal_text(number: Decimal, most: int) -> str:
    """With an exponent below 1e-4, and from `most` digits before the point."""
    power = number.adjusted()
    if not number or -4 <= power < most:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, _ = number.normalize().as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' * sign}{first}{'.' * bool(rest)}{''.join(rest)}e{power:+03d}"


def parse_timestamp(text: str) -> datetime:
    """The UTC time that a DALI timestamp means (DALI 1.1 section 3.3.3); ValueError otherwise."""
    match = _TIMESTAMP.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no timestamp: write YYYY-MM-DDThh:mm:ss[.s]")
    day, time, fraction = match.groups()
    moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}")
    return moment.replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))


_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?)?Z?", re.ASCII)


def stored_timestamp(moment: datetime) -> str:
    """A time as Django stores it in SQLite; texts of this form are in order of time."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")


def to_timestamp(text: str) -> str:
    try:
        return stored_timestamp(parse_timestamp(text))
    except ValueError:
        raise ValueFault("text") from None


def timestamp_text(stored: str) -> str:
    """DALI form of a stored time."""
    text = stored.replace(" ", "T")
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- sums -------------------------------------------------------------------------------------------------------------


class SumInteger:
    """SUM of BIGINTs: only the whole may overflow, not a part of it."""

    def __init__(self) -> None:
        self.total: int | None = None

    def step(self, value: int | None) -> None:
        if value is not None:
            self.total = (self.total or 0) + value

    def finalize(self) -> int | None:
        return None if self.total is None else _bigint(self.total)


def total(value: float | None, count: int) -> float | None:
    """SQLite's sum or mean of `count` doubles, unless it overflowed (to infinity, or on from there to NULL)."""
    if value is None:
        if count:
            raise ValueFault("range")
        return None
    return _finite(value)


# --- text -------------------------------------------------------------------------------------------------------------


def upper(text: str) -> str:
    return text.upper()


def lower(text: str) -> str:
    return text.lower()
