"""What people type and read: coordinates, dates and numbers, parsed from text and written for the eye."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)(?P<first>\d{1,3})\s*[hd°:\s]\s*(?P<minutes>\d{1,2})(\s*[m'′:\s]\s*(?P<seconds>\d{1,2}(\.\d*)?)?\s*[s\"″]?)?$"
)
OLDEST_MJD = 15020.0  # 1900-01-01: a smaller number is more likely a year than a date


def parse_number(text: str) -> float:
    """A finite number; ValueError with a message for people otherwise."""
    text = text.strip().replace("−", "-")
    if not _NUMBER.match(text) or not math.isfinite(value := float(text)):
        raise ValueError(f"“{text}” is not a number.")
    return value


def _sexagesimal(text: str) -> tuple[float, bool] | None:
    """Value of text such as 05:34:31.9 or -30d13m, and whether it is marked as hours; None if it is no such text."""
    found = _SEXAGESIMAL.match(text)
    if not found:
        return None
    minutes, seconds = float(found["minutes"]), float(found["seconds"] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    value = int(found["first"]) + minutes / 60 + seconds / 3600
    return (-value if found["sign"] == "-" else value), "d" not in text and "°" not in text


def parse_right_ascension(text: str) -> float:
    """Degrees from decimal degrees or from hours, minutes and seconds (05:34:31.9); ValueError otherwise."""
    parts = _sexagesimal(text.strip())
    if parts is not None and parts[1]:
        parts = (parts[0] * 15, True)
    value = parse_number(text) if parts is None else parts[0]
    if not 0 <= value <= 360:
        raise ValueError(f"Right ascension must be within 0 and 360 deg, not {value:g}.")
    return value


def parse_declination(text: str) -> float:
    """Degrees from decimal degrees or from degrees, minutes and seconds (+22:00:52); ValueError otherwise."""
    text = text.strip().replace("−", "-")
    parts = _sexagesimal(text)
    value = parse_number(text) if parts is None else parts[0]
    if not -90 <= value <= 90:
        raise ValueError(f"Declination must be within −90 and 90 deg, not {value:g}.")
    return value


def parse_time(text: str, end: bool = False) -> float:
    """MJD (UTC) from an MJD, a date or an ISO 8601 time; a bare date means its start, or its end if `end`."""
    text = text.strip()
    if _NUMBER.match(text):
        value = parse_number(text)
        if value < OLDEST_MJD:
            raise ValueError(
                f"{text} as an MJD lies before 1900: write a date such as 2004-12-06, or an MJD such as 53345."
            )
        return value
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text}” is neither a date (2004-12-06, 2004-12-06T21:30) nor an MJD (53345.9).") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if end and len(text) <= 10:
        moment += timedelta(days=1)
    return mjd(moment)


def mjd(moment: datetime) -> float:
    """MJD of an aware date and time."""
    return (moment - _EPOCH) / timedelta(days=1)


def moment(value: float) -> datetime | None:
    """Date and time (UTC) of an MJD; None outside the calendar."""
    try:
        return _EPOCH + timedelta(days=value)
    except (OverflowError, ValueError):
        return None


def date_text(value: float) -> str:
    """An MJD as date and minutes, UTC."""
    at = moment(value)
    return f"{value:.5f}" if at is None else (at + timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M")


def duration_text(seconds: float) -> str:
    """A duration as people say it: 28.1 min, 3.2 h, 12 s."""
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def size_text(size: int) -> str:
    """A number of bytes as people say it, in powers of 1000."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def significant(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, as 4.31e-11 where the plain form would be long."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else {math.inf: "∞", -math.inf: "−∞"}.get(value, "–")
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 6:
        return f"{value:.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits - 1}e}"


def energies_text(low: float, high: float | None) -> str:
    """A range of energies given in TeV, in the unit that suits its lower end: "0.5 – 80 TeV", "0.15 – 16 keV"."""
    unit, scale = next(((u, s) for u, s in _ENERGY_UNITS if low * s >= _SMALLEST), _ENERGY_UNITS[-1])
    return f"{significant(low * scale, 2)} – {'∞' if high is None else significant(high * scale, 3)} {unit}"


_ENERGY_UNITS = (("TeV", 1.0), ("GeV", 1e3), ("MeV", 1e6), ("keV", 1e9))
_SMALLEST = 0.01
"""Of a unit, before the next smaller one is used."""


def with_error(value: float, error: float | None) -> tuple[str, str]:
    """Value and error as published: the error to two significant digits, the value to the same decimal place.

    Both carry the same power of ten: ("4.31e-11", "0.15e-11").
    """
    if error is None or not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return significant(value), "–"
    place = math.floor(math.log10(error)) - 1
    lead = math.floor(math.log10(abs(value))) if value else place
    if -4 <= lead < 5 and place < 5:
        decimals = max(0, -place)
        return f"{value:.{decimals}f}", f"{error:.{decimals}f}"
    scale = max(lead, place + 1)
    decimals = max(0, scale - place)
    suffix = f"e{scale:+03d}"
    return f"{value / 10.0**scale:.{decimals}f}{suffix}", f"{error / 10.0**scale:.{decimals}f}{suffix}"
