"""The functions of the IVOA's catalogue of user-defined functions (EN 1.2), declared once like all others.

ivo_simbadpoint is not among them: it would ask another service in the middle of a query.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Integer, cast, collate, func, literal_column
from sqlalchemy.dialects.postgresql import aggregate_order_by

from tap.adql.declaration import INTEGER, NUMBER, TEXT, TIME, UDF, Compile, Function, Parameter, Sql, folded
from tap.adql.types import Type
from tap.udf import healpix, motion, values


def _numbers(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, NUMBER) for name in names)


def _texts(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, TEXT) for name in names)


def _udf(
    name: str,
    doc: str,
    result: Type,
    *signatures: tuple[Parameter, ...],
    postgresql: Compile | None = None,
    **more: Any,
) -> Function:
    """A function that has the name `tap_<name>` in both databases, unless `postgresql` says otherwise."""
    return Function(name, doc, signatures, result, postgresql or getattr(func, f"tap_{name}"), group=UDF, **more)


def _nocasematch(fold: Callable[[Sql], Sql], escape: str | None) -> Compile:
    return lambda text, pattern: cast(fold(text).like(fold(pattern), escape=escape), Integer)


def _string_agg(text: Sql, delimiter: Sql) -> Sql:
    return func.string_agg(text, aggregate_order_by(func.coalesce(delimiter, literal_column("''")), collate(text, "C")))


_ORDER = Parameter("hpxOrder", INTEGER)

FUNCTIONS = (
    _udf(
        "ivo_healpix_index",
        "Number of the HEALPix pixel (nested scheme, order 0 to 29) that a position in degrees lies in",
        Type.BIGINT,
        (_ORDER, *_numbers("long", "lat")),
        (_ORDER, Parameter("p", "point")),
        python=healpix.index,
        ucd="pos.healpix",
        example="ivo_healpix_index(12, 83.6331, 22.0145)",
    ),
    _udf(
        "ivo_healpix_center",
        "Centre of a HEALPix pixel (nested scheme, order 0 to 29)",
        Type.POINT,
        (_ORDER, Parameter("hpxIndex", INTEGER, "BIGINT")),
        python=healpix.center,
        unit="deg",
        ucd="pos",
        example="ivo_healpix_center(12, 99064147)",
    ),
    _udf(
        "ivo_epoch_prop_pos",
        "Position at another epoch of a source in uniform motion: position in deg, parallax in mas, proper motions in "
        "mas/yr (pmra with cos dec), radial velocity in km/s, epochs in Julian years. A parallax that is NULL or not "
        "positive is infinitely far, other motions that are NULL are zero; position and epochs must not be NULL",
        Type.POINT,
        _numbers("ra", "dec", "parallax", "pmra", "pmdec", "radial_velocity", "ref_epoch", "out_epoch"),
        python=motion.epoch_prop_pos,
        takes_null=True,
        unit="deg",
        ucd="pos.eq",
        example="ivo_epoch_prop_pos(83.6331, 22.0145, 0.5, -11.8, 2.65, NULL, 2000.0, 2025.5)",
    ),
    _udf(
        "ivo_geom_transform",
        f"A POINT, CIRCLE or POLYGON in another system, by rotation; systems are {', '.join(motion.FRAMES)}, written "
        "as constants (FK5 is J2000, FK4 B1950 without E-terms, ECLIPTIC J2000)",
        Type.NULL,
        (*_texts("from_sys", "to_sys"), Parameter("geo", "geometry")),
        python=motion.rotate,
        declared_result="GEOMETRY",
        unit="deg",
        example="ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(266.4168, -29.0078, 1.5))",
    ),
    _udf(
        "ivo_to_jd",
        "Julian date of a time, without change of the time scale",
        Type.DOUBLE,
        (Parameter("d", TIME),),
        python=values.to_jd,
        unit="d",
        ucd="time.epoch",
        example="ivo_to_jd('2000-01-01T12:00:00')",
    ),
    _udf(
        "ivo_to_mjd",
        "Modified Julian date of a time, without change of the time scale",
        Type.DOUBLE,
        (Parameter("d", TIME),),
        python=values.to_mjd,
        unit="d",
        ucd="time.epoch",
        example="ivo_to_mjd('2024-11-07T18:00:00')",
    ),
    _udf(
        "ivo_string_agg",
        "The texts of a group in bytewise order with a delimiter between them; NULLs leave no trace",
        Type.TEXT,
        _texts("expression", "delimiter"),
        postgresql=_string_agg,
        aggregate=values.StringAgg,
        example="ivo_string_agg('TeV', ', ')",
    ),
    _udf(
        "ivo_nocasematch",
        "1 if a text matches a pattern of LIKE, whatever their case, else 0",
        Type.INTEGER,
        _texts("str", "pattern"),
        postgresql=_nocasematch(folded("lower"), ""),
        sqlite=_nocasematch(func.tap_lower, None),
        example="ivo_nocasematch('Crab Nebula', 'crab%')",
    ),
    _udf(
        "ivo_hasword",
        "1 if every word of the needle is a word of the haystack, whatever their case, else 0",
        Type.INTEGER,
        _texts("haystack", "needle"),
        python=values.hasword,
        example="ivo_hasword('A pulsar wind nebula', 'nebula pulsar')",
    ),
    _udf(
        "ivo_hashlist_has",
        "1 if an item is one of a list with # between them, whatever their case, else 0",
        Type.INTEGER,
        _texts("hashlist", "item"),
        python=values.hashlist_has,
        example="ivo_hashlist_has('gamma-ray#radio', 'Radio')",
    ),
    _udf(
        "ivo_histogram",
        "Counts of the rows of a group in bins of equal width: first those below the lower limit or NULL, then nbins "
        "bins, last those from the upper limit on",
        Type.ARRAY,
        (*_numbers("val", "low", "high"), Parameter("nbins", INTEGER)),
        aggregate=values.Histogram,
        declared_result="BIGINT[]",
        example="ivo_histogram(2.5, 0, 10, 4)",
    ),
    _udf(
        "ivo_interval_overlaps",
        "1 if two intervals have a value in common, their limits included, else 0; an interval with its upper limit "
        "below the lower one overlaps nothing",
        Type.INTEGER,
        _numbers("l1", "h1", "l2", "h2"),
        python=values.interval_overlaps,
        example="ivo_interval_overlaps(0.1, 10, 5, 100)",
    ),
    _udf(
        "ivo_normal_random",
        "Normally distributed random number with this mean and standard deviation",
        Type.DOUBLE,
        _numbers("mu", "sigma"),
        python=values.normal_random,
        volatile=True,
        example="ivo_normal_random(0, 1)",
    ),
    _udf(
        "ivo_hms_to_degrees",
        "Degrees of an hour angle written h:m:s, hhmmss or hHmMsS; NULL for any other text",
        Type.DOUBLE,
        _texts("hms"),
        python=values.hms_to_degrees,
        unit="deg",
        example="ivo_hms_to_degrees('5:34:31.94')",
    ),
    _udf(
        "ivo_dms_to_degrees",
        "Degrees of an angle written d:m:s, ddmmss or dDmMsS, with or without a sign; NULL for any other text",
        Type.DOUBLE,
        _texts("dms"),
        python=values.dms_to_degrees,
        unit="deg",
        example="ivo_dms_to_degrees('-29:00:28.1')",
    ),
)
