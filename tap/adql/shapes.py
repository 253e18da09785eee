"""Geometries known when the query is compiled: texts, casts and constant coordinates, checked where they stand."""

from __future__ import annotations

from collections.abc import Sequence

from tap.adql import tree, typed
from tap.adql.functions import FUNCTIONS
from tap.adql.lexer import AdqlError
from tap.adql.types import Type, column_of
from vo import regions

_FRAMES = frozenset(
    ("ICRS", "FK5", "J2000", "GEOCENTER", "BARYCENTER", "HELIOCENTER", "TOPOCENTER", "UNKNOWNREFPOS", "SPHERICAL2")
)


def check_frame(node: tree.String) -> None:
    """ADQL 2.1 section 4.2.5: a system that would need a transformation is refused rather than ignored."""
    words = node.text.upper().replace("_", " ").split()
    if any(word not in _FRAMES for word in words):
        raise AdqlError(f"the coordinate system {node.text!r} is not supported: write 'ICRS' or leave it out", node.at)


def check_shape(name: str, at: int, values: Sequence[float]) -> None:
    """A shape made of constants is checked now, with its place in the query."""
    try:
        if name == "BOX":
            lon, lat, width, height = values
            if not (0 <= width <= 360 and 0 <= height <= 180):
                raise ValueError("width and height of a box must be within 0 and 360, 0 and 180 deg")
            regions.Point(lon, lat + height / 2)
            regions.Point(lon, lat - height / 2)
            return
        regions.check_area(regions.from_array(values))
    except ValueError as error:
        raise AdqlError(str(error), at) from None


def region(at: int, argument: typed.Expression) -> typed.Expression:
    if not isinstance(argument, typed.Literal) or not isinstance(argument.value, str):
        raise AdqlError("REGION takes a text constant", argument.at)
    try:
        shape = regions.parse_stcs(argument.value)
        regions.check_area(shape)
    except ValueError as error:
        raise AdqlError(str(error), argument.at) from None
    return constant_shape(at, shape)


def constant_shape(at: int, shape: regions.Shape) -> typed.Expression:
    """The constructor call that makes a shape."""
    function = FUNCTIONS[type(shape).__name__.upper()]
    numbers = tuple(typed.Literal(at, Type.DOUBLE, column_of(Type.DOUBLE), float(v)) for v in regions.to_array(shape))
    meta = column_of(function.result).but(unit="deg", description=function.doc)
    return typed.Call(at, function.result, meta, function, numbers)


def constants(arguments: Sequence[typed.Expression]) -> tuple[typed.Constant, ...] | None:
    """The coordinates of a shape's constructor if the query states them all, points taken apart."""
    stated: list[typed.Constant] = []
    for argument in arguments:
        is_point = isinstance(argument, typed.Call) and argument.function.name == "POINT"
        for value in argument.children() if is_point else (argument,):
            if not isinstance(value, typed.Constant) or value.type is Type.NULL:
                return None
            stated.append(value)
    return tuple(stated)


def constant_coordinates(arguments: Sequence[typed.Expression]) -> list[float] | None:
    """The same if they are all known when the query is compiled."""
    stated = constants(arguments)
    if stated is None:
        return None
    known = [float(constant.value) for constant in stated if isinstance(constant, typed.Literal)]
    return known if len(known) == len(stated) else None
