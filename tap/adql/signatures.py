"""Whether arguments fit a function: one of its signatures, with texts read as times where times are wanted."""

from __future__ import annotations

from datetime import datetime

from tap.adql import typed
from tap.adql.declaration import INTEGER, NUMBER, TEXT, TIME, TMOC, Function, Parameter
from tap.adql.lexer import AdqlError
from tap.adql.types import Type, column_of
from tap.engine.numbers import parse_timestamp
from vo import tmoc

_KINDS = {
    NUMBER: "a number",
    INTEGER: "an integer",
    TEXT: "a text",
    TIME: "a timestamp",
    TMOC: "a time coverage (text)",
    "geometry": "a geometry",
    "point": "a POINT",
}


def _fits(argument: typed.Expression, parameter: Parameter) -> bool:
    if argument.type is Type.NULL or parameter.kind == "any":
        return True
    return {
        NUMBER: argument.type.is_number,
        INTEGER: argument.type.is_integer,
        TIME: argument.type in (Type.TIMESTAMP, Type.TEXT),
        TEXT: argument.type is Type.TEXT,
        TMOC: argument.type is Type.TEXT,
        "geometry": argument.type.is_geometry,
        "point": argument.type is Type.POINT,
    }[parameter.kind]


def _argument(argument: typed.Expression, parameter: Parameter) -> typed.Expression:
    """An argument that fits, as its parameter wants it; constants are checked now, with their place in the query."""
    if parameter.kind == TIME and argument.type is Type.TEXT:
        return as_timestamp(argument)
    if parameter.kind == TMOC and isinstance(argument, typed.Literal) and argument.value is not None:
        try:
            tmoc.decode(argument.value)
        except ValueError as error:
            raise AdqlError(str(error), argument.at) from None
    return argument


def fitted(at: int, function: Function, arguments: tuple[typed.Expression, ...]) -> tuple[typed.Expression, ...]:
    """The arguments, if they fit one of the function's signatures."""
    tried: list[tuple[int, AdqlError]] = []
    fitting = [s for s in function.signatures if s and arguments and _fits(arguments[0], s[0])]
    for signature in fitting or function.signatures:
        if function.variadic and len(arguments) > len(signature):
            unit = 2 if signature[0].kind == NUMBER else 1
            extra, rest = divmod(len(arguments) - len(signature), unit)
            signature = signature + signature[:unit] * extra
            if rest:
                tried.append((-1, AdqlError(f"{function.name} takes pairs of coordinates", at)))
                continue
        if len(signature) != len(arguments):
            continue
        wrong = [(i, a, p) for i, (a, p) in enumerate(zip(arguments, signature, strict=True)) if not _fits(a, p)]
        if not wrong:
            return tuple(_argument(a, p) for a, p in zip(arguments, signature, strict=True))
        index, argument, parameter = wrong[0]
        kind = _KINDS[parameter.kind]
        message = f"argument {index + 1} of {function.name} must be {kind}, not {argument.type.value}"
        tried.append((index, AdqlError(message, argument.at)))
    if tried:
        raise max(tried, key=lambda t: t[0])[1]
    counts = " or ".join(str(n) for n in sorted({len(s) for s in fitting or function.signatures}))
    more = " or more" if function.variadic else ""
    raise AdqlError(f"{function.name} takes {counts}{more} arguments of this kind, not {len(arguments)}", at)


def timestamp(literal: typed.Literal) -> typed.Literal:
    try:
        moment: datetime = parse_timestamp(literal.value)
    except ValueError as error:
        raise AdqlError(str(error), literal.at) from None
    return typed.Literal(literal.at, Type.TIMESTAMP, column_of(Type.TIMESTAMP), moment)


def as_timestamp(text: typed.Expression) -> typed.Expression:
    if isinstance(text, typed.Literal):
        return timestamp(text)
    return typed.Cast(text.at, Type.TIMESTAMP, column_of(Type.TIMESTAMP), text)
