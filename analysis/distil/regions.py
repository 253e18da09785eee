"""Regions of the job `distil` as text: CIRCLE, POLYGON and RANGE in ICRS degrees (SODA 1.0 section 3.3.2), and MOCs."""

from __future__ import annotations

import math

from events.sky import Moc, Range, SkyRegion
from uws.parameters import dali_float
from vo.regions import Point, check_area, from_array


def region(text: str) -> SkyRegion:
    """The region that a text means. Raises ValueError."""
    kind, *words = text.split()
    values = [dali_float(word) for word in words]
    name = kind.upper()
    if name == "RANGE":
        if len(values) != 4:
            raise ValueError(f"RANGE takes 4 numbers: two longitudes, two latitudes; not {len(values)}")
        return Range(values[0], values[1], values[2], values[3])
    if name not in ("CIRCLE", "POLYGON"):
        raise ValueError(f"a region is CIRCLE, POLYGON or RANGE with numbers after it, not {text[:60]!r}")
    if not all(map(math.isfinite, values)):
        raise ValueError(f"the numbers of a {name} are finite")
    shape = from_array(values)
    if isinstance(shape, Point) or type(shape).__name__.upper() != name:
        raise ValueError(f"{len(values)} numbers do not make a {name}")
    check_area(shape)
    return shape


def checked_region(text: str) -> str:
    """The text, if it means a region. Raises ValueError."""
    region(text)
    return text


def moc(text: str) -> Moc:
    """A spatial coverage. Raises ValueError."""
    return Moc.parse(text)


def checked_moc(text: str) -> str:
    """The text, if it is a coverage. Raises ValueError."""
    moc(text)
    return text
