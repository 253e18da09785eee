"""Prototype functions of time coverage (MOC 2.0), declared like all others.

Dates are MJD in UTC, as in `t_min` and `t_max` of ObsCore; coverages count TCB. The one becomes the other in the
database, to 2 ms (`vo.timescales`). What these functions get in SQL is coverages: `temporal.py` makes them of texts and
of dates.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, cast, func

from tap.adql.declaration import NUMBER, TMOC, UDF, Function, Parameter, Sql
from tap.adql.types import Type
from tap.coverage import sqlite

_TMOC = Parameter("tmoc", TMOC)
_OTHER = Parameter("tmoc2", TMOC)
_FROM, _TO = Parameter("mjd1", NUMBER), Parameter("mjd2", NUMBER)
_CRAB = "'32/395769379-395769382'"
"""The half hour of a run of the demo archive."""


def overlap(one: Sql, other: Sql) -> Sql:
    """PostgreSQL's condition that two coverages have a time in common."""
    return one.op("&&", is_comparison=True)(other)


def _predicate(name: str, doc: str, *signatures: tuple[Parameter, ...], example: str) -> Function:
    return Function(
        name,
        f"Prototype. {doc}",
        signatures,
        Type.INTEGER,
        lambda one, other: cast(overlap(one, other), Integer),
        python=sqlite.intersects,
        group=UDF,
        example=example,
    )


def _seconds(name: str, doc: str, *signatures: tuple[Parameter, ...], **more: Any) -> Function:
    return Function(
        name, f"Prototype. {doc}", signatures, Type.DOUBLE, unit="s", ucd="time.duration", group=UDF, **more
    )


FUNCTIONS = (
    _predicate(
        "distiller_tmoc_overlaps",
        "1 if a time coverage (T-MOC, ASCII or JSON) has a time in common with another one, or with the interval from "
        "mjd1 up to mjd2 (MJD, UTC), else 0",
        (_TMOC, _OTHER),
        (_TMOC, _FROM, _TO),
        example=f"distiller_tmoc_overlaps({_CRAB}, 59224.82, 59224.83)",
    ),
    _predicate(
        "distiller_tmoc_contains",
        "1 if a time coverage (T-MOC, ASCII or JSON) contains a time (MJD, UTC), else 0",
        (_TMOC, Parameter("mjd", NUMBER)),
        example=f"distiller_tmoc_contains({_CRAB}, 59224.825)",
    ),
    _seconds(
        "distiller_tmoc_common",
        "Time that two time coverages (T-MOC, ASCII or JSON) share, or a coverage and the interval from mjd1 up to "
        "mjd2 (MJD, UTC)",
        (_TMOC, _OTHER),
        (_TMOC, _FROM, _TO),
        postgresql=lambda one, other: func.tap_tmoc_duration(one.op("*")(other)),
        python=sqlite.common,
        example=f"distiller_tmoc_common({_CRAB}, '33/791538760')",
    ),
    _seconds(
        "distiller_tmoc_duration",
        "Time that a time coverage (T-MOC, ASCII or JSON) covers, rounded outwards to its cells",
        (_TMOC,),
        postgresql=func.tap_tmoc_duration,
        python=sqlite.duration,
        example=f"distiller_tmoc_duration({_CRAB})",
    ),
)
