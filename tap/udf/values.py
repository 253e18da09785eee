"""Times, texts, angles, intervals and aggregates: for SQLite what functions.sql has for PostgreSQL."""

from __future__ import annotations

import math
import random
import re
import struct
from datetime import datetime, timedelta

from tap.engine import numbers
from tap.engine.faults import ValueFault

_UNIX_EPOCH = datetime(1970, 1, 1)
MAX_BINS = 10_000
_WORD = re.compile(r"\w+")
_SEXAGESIMAL = {
    "hours": re.compile(
        r" *(?:([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]*)?)|([0-9]{2})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)|"
        r"([0-9]{1,2})[hH]([0-9]{1,2})[mM]([0-9]{1,2}(?:\.[0-9]*)?)[sS]) *"
    ),
    "degrees": re.compile(
        r" *([+-]?)(?:([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]*)?)|"
        r"([0-9]{2,3})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)|"
        r"([0-9]{1,3})[dD]([0-9]{1,2})[mM]([0-9]{1,2}(?:\.[0-9]*)?)[sS]) *"
    ),
}


def to_mjd(stored: str) -> float:
    """Modified Julian date of a stored time."""
    return _days(stored) + 40587.0


def to_jd(stored: str) -> float:
    """Julian date of a stored time."""
    return _days(stored) + 2440587.5


def _days(stored: str) -> float:
    return (datetime.fromisoformat(stored) - _UNIX_EPOCH) // timedelta(microseconds=1) / 1e6 / 86400.0


def hms_to_degrees(text: str) -> float | None:
    """Degrees of `h:m:s`, `hhmmss` or `hHmMsS`; None for any other text."""
    match = _SEXAGESIMAL["hours"].fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (float(part) for part in match.groups() if part is not None)
    if hours >= 24 or minutes >= 60 or seconds >= 60:
        return None
    return (hours * 3600 + minutes * 60 + seconds) / 240


def dms_to_degrees(text: str) -> float | None:
    """Degrees of `d:m:s`, `ddmmss` or `dDmMsS`, with or without a sign; None for any other text."""
    match = _SEXAGESIMAL["degrees"].fullmatch(text)
    if match is None:
        return None
    degrees, minutes, seconds = (float(part) for part in match.groups()[1:] if part is not None)
    if degrees > 360 or minutes >= 60 or seconds >= 60:
        return None
    return (degrees * 3600 + minutes * 60 + seconds) / 3600 * (-1 if match[1] == "-" else 1)


def hasword(haystack: str, needle: str) -> int:
    """1 if every word of the needle is a word of the haystack, whatever their case."""
    wanted = set(_WORD.findall(needle.lower()))
    return int(bool(wanted) and wanted <= set(_WORD.findall(haystack.lower())))


def hashlist_has(hashlist: str, item: str) -> int:
    """1 if the item is one of those between the #s, whatever their case."""
    return int(bool(hashlist) and item.lower() in hashlist.lower().split("#"))


def interval_overlaps(low1: float, high1: float, low2: float, high2: float) -> int:
    """1 if the intervals have a value in common, their limits included."""
    return int(low1 <= high1 and low2 <= high2 and low1 <= high2 and low2 <= high1)


def normal_random(mu: float, sigma: float) -> float:
    """A normally distributed random number."""
    return float(numbers.add(mu, numbers.multiply(sigma, random.gauss(0.0, 1.0))))


class StringAgg:
    """The texts of a group in bytewise order, each but the first with its delimiter before it."""

    def __init__(self) -> None:
        self.parts: list[tuple[bytes, str, str]] = []

    def step(self, text: str | None, delimiter: str | None) -> None:
        if text is not None:
            self.parts.append((text.encode(), text, delimiter or ""))

    def finalize(self) -> str | None:
        if not self.parts:
            return None
        (_, first, _), *others = sorted(self.parts)
        return first + "".join(delimiter + text for _, text, delimiter in others)


class Histogram:
    """Counts below the lower limit (and NULL), in equal bins, and from the upper limit on."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def step(self, value: float | None, low: float | None, high: float | None, bins: int | None) -> None:
        if low is None or high is None or bins is None or not low < high or not 1 <= bins <= MAX_BINS:
            raise ValueFault("range", f"ivo_histogram takes a lower limit below the upper one and 1 to {MAX_BINS} bins")
        if not self.counts:
            self.counts = [0] * (bins + 2)
        if len(self.counts) != bins + 2:
            raise ValueFault("range", "the number of bins of ivo_histogram must be the same in all rows")
        if value is None or value < low:
            place = 0
        elif value >= high:
            place = bins + 1
        else:
            place = min(math.floor((value - low) / (high - low) * bins) + 1, bins)
        self.counts[place] += 1

    def finalize(self) -> bytes | None:
        # As tap.engine.batches unpacks an array of integers.
        return struct.pack(f"<{len(self.counts)}q", *self.counts) if self.counts else None
