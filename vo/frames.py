"""Space and time frames of result columns: which COOSYS or TIMESYS a FIELD refers to (VOTable 1.4 sections 3.1, 3.5).

This archive publishes positions in ICRS and times in UTC: civil times as DALI timestamps, others as MJD days, for an
observatory on the ground. A column is a position by its UCD or xtype, a time by its UCD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vo.columns import ColumnMeta


@dataclass(frozen=True, slots=True)
class Frame:
    """A COOSYS or TIMESYS element."""

    id: str
    element: str
    attributes: tuple[tuple[str, str], ...]


ICRS = Frame("coosys_icrs", "COOSYS", (("system", "ICRS"),))
UTC_MJD = Frame(
    "timesys_utc_mjd",
    "TIMESYS",
    (("timeorigin", "MJD-origin"), ("timescale", "UTC"), ("refposition", "TOPOCENTER")),
)
UTC_CIVIL = Frame("timesys_utc", "TIMESYS", (("timescale", "UTC"), ("refposition", "TOPOCENTER")))

_POSITION = re.compile(r"pos\.(eq\.(ra|dec)|eq|outline)(;|$)")
_SHAPES = {"point", "circle", "polygon", "adql:region"}
_TIME = re.compile(r"time\.(start|end|epoch|release|creation|processing)(;|$)")


def frame_of(column: ColumnMeta) -> Frame | None:
    """The frame that the column's values are in, None for what is neither a position nor a time."""
    ucd = column.ucd or ""
    if (column.unit == "deg" and _POSITION.match(ucd)) or (column.xtype or "").lower() in _SHAPES:
        return ICRS
    if _TIME.match(ucd):
        if column.xtype == "timestamp":
            return UTC_CIVIL
        if column.unit == "d":
            return UTC_MJD
    return None


def frames_of(columns: Sequence[ColumnMeta]) -> tuple[Frame | None, ...]:
    """The frame of each column."""
    return tuple(frame_of(column) for column in columns)
