"""Every function, declared once: its signatures, its types and units, both its compilations, its documentation.

Capabilities, the resolver, the translator and SQLite's registered functions are made from these declarations. What a
function means is ADQL 2.1: section 2.3 (numbers), 4.2 (geometry), 4.4 (texts), 4.8 (COALESCE). Those of the catalogue
of user-defined functions are in `udf.py`, those of time coverage in `coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import Double, Integer, Numeric, Text, cast, func, literal_column

from tap.adql import coverage, udf
from tap.adql.declaration import NUMBER, TEXT, Compile, Function, Parameter, Sql, folded
from tap.adql.types import Type
from tap.engine import numbers

_X = (Parameter("x", NUMBER),)
_YX = (Parameter("y", NUMBER), Parameter("x", NUMBER))
_XY = (Parameter("x", NUMBER), Parameter("y", NUMBER))
_XN = (_X, (*_X, Parameter("n", NUMBER)))


def _shortest_numeric(x: Sql) -> Sql:
    """The shortest decimal form of a double, as PostgreSQL's exact type."""
    return cast(cast(x, Text), Numeric)


def _rounded(name: str) -> Compile:
    def compile_(x: Sql, n: Sql | None = None) -> Sql:
        decimals = literal_column("0") if n is None else cast(n, Integer)
        return cast(getattr(func, name)(_shortest_numeric(x), decimals), Double)

    return compile_


def _zeroed(function: Compile) -> Compile:
    """Without the minus sign of a zero."""
    return lambda x: function(x) + literal_column("0.0::float8")


_ONE: Sql = literal_column("1.0::float8")


_POINT = Parameter("point", "point")
_GEOM = Parameter("geom", "geometry")
_LON_LAT = (Parameter("lon", NUMBER), Parameter("lat", NUMBER))
_GEOMETRY = "adqlgeo"


def _number(name: str, doc: str, python: Callable[..., Any], sql: Compile, **more: Any) -> Function:
    return Function(name, doc, more.pop("signatures", (_X,)), Type.DOUBLE, sql, python=python, **more)


def _geometry(name: str, doc: str, result: Type, *signatures: tuple[Parameter, ...], **more: Any) -> Function:
    return Function(name, doc, signatures, result, group=_GEOMETRY, **more)


_ALL = (
    _number(
        "ABS",
        "Absolute value",
        lambda x: abs(float(x)),
        func.abs,
        unit="same",
        example="ABS(-2.5)",
    ),
    _number(
        "ACOS",
        "Arc cosine in radians",
        numbers.acos,
        func.acos,
        unit="rad",
        example="ACOS(0.5)",
    ),
    _number(
        "ASIN",
        "Arc sine in radians",
        numbers.asin,
        func.asin,
        unit="rad",
        example="ASIN(0.5)",
    ),
    _number(
        "ATAN",
        "Arc tangent in radians",
        lambda x: math.atan(x),
        func.atan,
        unit="rad",
        example="ATAN(1.0)",
    ),
    _number(
        "ATAN2",
        "Arc tangent of y/x in radians",
        lambda y, x: math.atan2(y, x),
        func.atan2,
        unit="rad",
        signatures=(_YX,),
        example="ATAN2(-1, 1)",
    ),
    _number(
        "CEILING",
        "Smallest integer not less",
        numbers.ceiling,
        _zeroed(func.ceil),
        unit="same",
        example="CEILING(2.1)",
    ),
    _number(
        "COS",
        "Cosine of an angle in radians",
        lambda x: math.cos(x),
        func.cos,
        unit="",
        example="COS(RADIANS(60))",
    ),
    _number(
        "COT",
        "Cotangent of an angle in radians",
        numbers.cot,
        lambda x: _ONE / func.tan(x),
        unit="",
        example="COT(0.5)",
    ),
    _number(
        "DEGREES",
        "Radians to degrees",
        numbers.degrees,
        func.degrees,
        unit="deg",
        example="DEGREES(PI())",
    ),
    _number(
        "EXP",
        "Exponential function",
        numbers.exp,
        func.exp,
        unit="",
        example="EXP(1)",
    ),
    _number(
        "FLOOR",
        "Largest integer not greater",
        numbers.floor,
        _zeroed(func.floor),
        unit="same",
        example="FLOOR(-2.1)",
    ),
    _number(
        "LOG",
        "Natural logarithm",
        numbers.log,
        func.ln,
        unit="",
        example="LOG(10)",
    ),
    _number(
        "LOG10",
        "Logarithm to base 10",
        numbers.log10,
        func.log,
        unit="",
        example="LOG10(1e-12)",
    ),
    _number(
        "MOD",
        "Remainder of x/y, with the sign of x",
        numbers.mod,
        lambda x, y: cast(func.mod(_shortest_numeric(x), _shortest_numeric(y)), Double),
        signatures=(_XY,),
        unit="same",
        example="MOD(370.5, 360)",
    ),
    _number(
        "PI",
        "The number pi",
        lambda: math.pi,
        func.pi,
        signatures=((),),
        unit="",
        example="PI()",
    ),
    _number(
        "POWER",
        "x to the power of y",
        numbers.power,
        func.power,
        signatures=(_XY,),
        example="POWER(10, -12)",
    ),
    _number(
        "RADIANS",
        "Degrees to radians",
        numbers.radians,
        func.radians,
        unit="rad",
        example="RADIANS(180)",
    ),
    _number(
        "RAND",
        "Random number between 0 and 1",
        numbers.rand,
        lambda *_: func.random(),
        signatures=((), _X),
        volatile=True,
        unit="",
        example="RAND()",
    ),
    _number(
        "ROUND",
        "Rounds to n decimals (0), halves away from zero",
        numbers.round_,
        _rounded("round"),
        signatures=_XN,
        unit="same",
        example="ROUND(83.6331, 2)",
    ),
    _number(
        "SIN",
        "Sine of an angle in radians",
        lambda x: math.sin(x),
        func.sin,
        unit="",
        example="SIN(RADIANS(30))",
    ),
    _number(
        "SQRT",
        "Square root",
        numbers.sqrt,
        func.sqrt,
        example="SQRT(2)",
    ),
    _number(
        "TAN",
        "Tangent of an angle in radians",
        lambda x: math.tan(x),
        func.tan,
        unit="",
        example="TAN(RADIANS(45))",
    ),
    _number(
        "TRUNCATE",
        "Cuts to n decimals (0)",
        numbers.truncate,
        _rounded("trunc"),
        signatures=_XN,
        unit="same",
        example="TRUNCATE(83.6387, 2)",
    ),
    Function(
        "LOWER",
        "Text in lower case",
        ((Parameter("str", TEXT),),),
        Type.TEXT,
        folded("lower"),
        python=numbers.lower,
        group="adql-string",
        example="LOWER('Crab')",
    ),
    Function(
        "UPPER",
        "Text in upper case",
        ((Parameter("str", TEXT),),),
        Type.TEXT,
        folded("upper"),
        python=numbers.upper,
        group="adql-string",
        example="UPPER('Crab')",
    ),
    Function(
        "COALESCE",
        "The first of its arguments that is not NULL",
        ((Parameter("x", "any"),),),
        Type.NULL,
        func.coalesce,
        func.coalesce,
        variadic=True,
        group="adql-conditional",
        unit="same",
        example="COALESCE(NULL, 0.5)",
    ),
    _geometry(
        "AREA",
        "Area in square degrees",
        Type.DOUBLE,
        (_GEOM,),
        unit="deg**2",
        example="AREA(CIRCLE(83.6331, 22.0145, 2.5))",
    ),
    _geometry(
        "BOX",
        "Box by centre, width and height in degrees: the polygon of its corners",
        Type.POLYGON,
        (*_LON_LAT, Parameter("width", NUMBER), Parameter("height", NUMBER)),
        (_POINT, Parameter("width", NUMBER), Parameter("height", NUMBER)),
        unit="deg",
        example="BOX(83.6331, 22.0145, 2, 1)",
    ),
    _geometry(
        "CENTROID",
        "Centre of a geometry",
        Type.POINT,
        (_GEOM,),
        unit="deg",
        ucd="pos.eq",
        example="CENTROID(CIRCLE(83.6331, 22.0145, 2.5))",
    ),
    _geometry(
        "CIRCLE",
        "Cap by centre and radius in degrees",
        Type.CIRCLE,
        (*_LON_LAT, Parameter("radius", NUMBER)),
        (_POINT, Parameter("radius", NUMBER)),
        unit="deg",
        example="CIRCLE(83.6331, 22.0145, 2.5)",
    ),
    _geometry(
        "CONTAINS",
        "1 if the first geometry lies in the second, its boundary included, else 0",
        Type.INTEGER,
        (_GEOM, Parameter("geom2", "geometry")),
        example="CONTAINS(POINT(83.6, 22), CIRCLE(83.6331, 22.0145, 2.5))",
    ),
    _geometry(
        "COORD1",
        "Longitude of a point in degrees",
        Type.DOUBLE,
        (_POINT,),
        unit="deg",
        example="COORD1(POINT(83.6331, 22.0145))",
    ),
    _geometry(
        "COORD2",
        "Latitude of a point in degrees",
        Type.DOUBLE,
        (_POINT,),
        unit="deg",
        example="COORD2(POINT(83.6331, 22.0145))",
    ),
    _geometry(
        "COORDSYS",
        "Coordinate system of a geometry: always ICRS here",
        Type.TEXT,
        (_GEOM,),
        example="COORDSYS(POINT(83.6331, 22.0145))",
    ),
    _geometry(
        "DISTANCE",
        "Great-circle distance of two points in degrees",
        Type.DOUBLE,
        (_POINT, Parameter("point2", "point")),
        (*_LON_LAT, Parameter("lon2", NUMBER), Parameter("lat2", NUMBER)),
        unit="deg",
        ucd="pos.angDistance",
        example="DISTANCE(83.6331, 22.0145, 83.6, 22)",
    ),
    _geometry(
        "INTERSECTS",
        "1 if two geometries have a point in common, else 0",
        Type.INTEGER,
        (_GEOM, Parameter("geom2", "geometry")),
        example="INTERSECTS(CIRCLE(83.6, 22, 1), CIRCLE(85, 22, 1))",
    ),
    _geometry(
        "POINT",
        "Point by longitude and latitude in degrees",
        Type.POINT,
        _LON_LAT,
        unit="deg",
        ucd="pos.eq",
        example="POINT(83.6331, 22.0145)",
    ),
    _geometry(
        "POLYGON",
        "Polygon by its corners, as coordinates in degrees or points; edges do not cross, the smaller area is meant",
        Type.POLYGON,
        (*_LON_LAT, *_LON_LAT, *_LON_LAT),
        (_POINT, _POINT, _POINT),
        variadic=True,
        unit="deg",
        example="POLYGON(82, 21, 85, 21, 85, 23)",
    ),
    _geometry(
        "REGION",
        "Geometry from a literal STC-S text",
        Type.REGION,
        (Parameter("stcs", TEXT),),
        unit="deg",
        example="REGION('CIRCLE ICRS 83.6331 22.0145 2.5')",
    ),
)

FUNCTIONS: dict[str, Function] = {
    function.name.upper(): function for function in (*_ALL, *udf.FUNCTIONS, *coverage.FUNCTIONS)
}
"""All functions by name in capitals."""

_OTHER_FEATURES: dict[str, tuple[tuple[str, str], ...]] = {
    "adql-string": (("ILIKE", "LIKE that ignores case"),),
    "adql-common-table": (("WITH", "Named sub-queries before the query"),),
    "adql-sets": (
        ("UNION", "Rows of either query"),
        ("EXCEPT", "Rows of the first query that the second does not have"),
        ("INTERSECT", "Rows of both queries"),
    ),
    "adql-type": (("CAST", "Conversion to another type"),),
    "adql-offset": (("OFFSET", "Skips rows"),),
}


def features() -> dict[str, tuple[tuple[str, str], ...]]:
    """What capabilities declare: (form, description) by feature group without its prefix (ADQL 2.1 section 4.1).

    What is here works; what is not is refused as not supported.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for function in FUNCTIONS.values():
        if function.group is not None:
            groups.setdefault(function.group, []).extend((form, function.doc) for form in function.forms)
    for group, members in _OTHER_FEATURES.items():
        groups.setdefault(group, []).extend(members)
    return {group: tuple(members) for group, members in groups.items()}
