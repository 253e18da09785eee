"""DALI parameters: read from a request in one place, and their values parsed (DALI 1.1 section 3).

    parameters = Parameters.of(request)
    text = parameters.one("QUERY")           # None if absent; UsageFault if given twice
    circle = parameters.value("CIRCLE", circle)

Names ignore case, values do not. The parsers raise `UsageFault`, and say what they wanted.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from vo.errors import MultiValuedFault, UsageFault

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Inf": math.inf, "+Inf": math.inf, "-Inf": -math.inf}
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d+))?)?Z?", re.ASCII)
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")

T = TypeVar("T")


class Parameters:
    """Parameters of a request, from the query string and the body together, in the order they came."""

    def __init__(self, pairs: Iterable[tuple[str, str]], files: Iterable[tuple[str, UploadedFile]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.upper(), []).append(value)
        self._files: dict[str, list[UploadedFile]] = {}
        for name, file in files:
            self._files.setdefault(name, []).append(file)

    @classmethod
    def of(cls, request: HttpRequest) -> Parameters:
        """Read a GET, HEAD or POST request; the body may be urlencoded or multipart.

        Raises UsageFault for a body that cannot be read, is too large, or is of another media type. A body longer than
        uploads and text together may be is not read at all.
        """
        most = max(settings.DISTILLER_UPLOAD_MAX_BYTES) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > most:
            raise UsageFault(f"the body of the request is too large: it may have {most} bytes in all")
        try:
            pairs = list(_pairs(request.GET.lists())) if request.META.get("QUERY_STRING") else []
            if request.method != "POST":
                return cls(pairs)
            if request.content_type not in _FORMS and (request.content_type or request.body):
                raise UsageFault(
                    f"the body is {request.content_type or 'of no declared type'}; send {' or '.join(_FORMS)}"
                )
            pairs += _pairs(request.POST.lists())
            if request.content_type == _FORMS[0]:
                return cls(pairs)
            return cls(pairs, [(name, file) for name, files in request.FILES.lists() for file in files])
        except (MultiPartParserError, BadRequest) as error:
            raise UsageFault(f"the body of the request cannot be read: {error}") from error
        except (SuspiciousOperation, UnreadablePostError) as error:
            raise UsageFault("the body of the request is too large, or was not sent completely") from error

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._values

    def __iter__(self) -> Iterator[str]:
        """Names in capitals."""
        return iter(self._values)

    def all(self, name: str) -> list[str]:
        """Every value of a repeatable parameter."""
        return list(self._values.get(name.upper(), ()))

    def one(self, name: str) -> str | None:
        """The value of a single-valued parameter, None if it is absent (DALI 1.1 section 3.2)."""
        values = self._values.get(name.upper(), ())
        if len(values) > 1:
            raise MultiValuedFault(f"parameter {name.upper()} may be given once, not {len(values)} times")
        return values[0] if values else None

    def part(self, name: str) -> UploadedFile | None:
        """The content sent in the part of that name: a file, or the text of a plain field; None if there is none.

        Raises UsageFault if there are several.
        """
        found = [*self._files.get(name, ()), *map(_text_file, self._values.get(name.upper(), ()))]
        if len(found) > 1:
            raise UsageFault(f"{len(found)} parts of the request are named {_short(name)}")
        return found[0] if found else None

    def value(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The parsed value of a single-valued parameter, None if it is absent or empty."""
        text = self.one(name)
        if text is None or not text.strip():
            return None
        try:
            return parse(text)
        except UsageFault as error:
            raise UsageFault(f"{name.upper()}: {error.message}") from None

    def maxrec(self) -> int | None:
        """MAXREC (DALI 1.1 section 3.4.4): a non-negative integer."""
        number = self.value("MAXREC", integer)
        if number is not None and number < 0:
            raise UsageFault(f"MAXREC: must not be negative, as {number} is")
        return number

    def response_format(self) -> str | None:
        """RESPONSEFORMAT, or its older name FORMAT; the former where both are given."""
        asked, old = self.one("RESPONSEFORMAT"), self.one("FORMAT")
        return (asked or "").strip() or (old or "").strip() or None

    def run_id(self) -> str | None:
        """RUNID (DALI 1.1 section 3.4.6): up to 64 characters."""
        run_id = self.one("RUNID")
        if run_id is not None and len(run_id) > 64:
            raise UsageFault("RUNID: must not be longer than 64 characters")
        return run_id


def _pairs(lists: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    for name, values in lists:
        for value in values:
            yield name, value


def _text_file(text: str) -> UploadedFile:
    data = text.encode()
    return InMemoryUploadedFile(io.BytesIO(data), None, None, "", len(data), None)


def number(text: str) -> float:
    """A number as VOTable writes it (DALI 1.1 section 3.3.1); a bare `Inf` is `+Inf` that lost its plus in a URL."""
    word = text.strip()
    if _NUMBER.fullmatch(word):
        return float(word)
    if word in _SPECIAL:
        return _SPECIAL[word]
    raise UsageFault(f"{_short(text)} is not a number")


def integer(text: str) -> int:
    word = text.strip()
    if not _INTEGER.fullmatch(word):
        raise UsageFault(f"{_short(text)} is not an integer")
    return int(word)


def boolean(text: str) -> bool:
    """true, false, T, F, 1 or 0, in any case (DALI 1.1 and 1.2 section 3.3.2)."""
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise UsageFault(f"{_short(text)} is neither true nor false")
    return word in _TRUE


def timestamp(text: str) -> dt.datetime:
    """YYYY-MM-DD[Thh:mm:ss[.sss]][Z] as an aware UTC time (DALI 1.1 section 3.3.3), to the microsecond."""
    match = _TIMESTAMP.fullmatch(text.strip())
    if match:
        day, clock, fraction = match.groups()
        try:
            moment = dt.datetime.fromisoformat(f"{day}T{clock or '00:00:00'}.{(fraction or '')[:6]:0<6}")
            return moment.replace(tzinfo=dt.UTC)
        except ValueError:
            pass
    raise UsageFault(f"{_short(text)} is not a time written YYYY-MM-DDThh:mm:ss")


def numbers(text: str, count: int | None, what: str) -> tuple[float, ...]:
    """Numbers separated by spaces; `count` of them unless it is None."""
    values = tuple(number(word) for word in text.split())
    if count is not None and len(values) != count:
        raise UsageFault(f"{what} takes {count} numbers separated by spaces, not {len(values)}: {_short(text)}")
    return values


def interval(text: str) -> tuple[float, float]:
    """low high, both inclusive; ±Inf is an open end (DALI 1.1 section 3.3.4)."""
    low, high = numbers(text, 2, "an interval")
    if math.isnan(low) or math.isnan(high):
        raise UsageFault("an interval has no NaN")
    if low > high:
        raise UsageFault(f"the interval is upside down: {low:g} is above {high:g}")
    return low, high


def interval_or_number(text: str) -> tuple[float, float]:
    """An interval, or one number, which is the interval of that number alone (SIA 2.0 section 2.1)."""
    words = text.split()
    low, high = interval(text if len(words) != 1 else f"{words[0]} {words[0]}")
    if low == math.inf or high == -math.inf:
        raise UsageFault(f"no number is in the interval {_short(text)}")
    return low, high


def point(text: str) -> tuple[float, float]:
    """longitude latitude, ICRS deg (DALI 1.1 section 3.3.5)."""
    lon, lat = numbers(text, 2, "a position")
    return _position(lon, lat)


def circle(text: str) -> tuple[float, float, float]:
    """longitude latitude radius, ICRS deg, radius in (0, 180] (DALI 1.1 section 3.3.6)."""
    lon, lat, radius = numbers(text, 3, "a circle")
    if not 0 < radius <= 180:
        raise UsageFault(f"the radius must be above 0 and at most 180 deg, not {radius:g}")
    return (*_position(lon, lat), radius)


def polygon(text: str) -> tuple[tuple[float, float], ...]:
    """At least three pairs longitude latitude, ICRS deg, not closed by repeating the first (DALI 1.1 section 3.3.7)."""
    values = numbers(text, None, "a polygon")
    if len(values) < 6 or len(values) % 2:
        raise UsageFault(f"a polygon takes three or more pairs of longitude and latitude, not {len(values)} numbers")
    return tuple(_position(lon, lat) for lon, lat in zip(values[::2], values[1::2], strict=True))


def _position(lon: float, lat: float) -> tuple[float, float]:
    if not 0 <= lon <= 360:
        raise UsageFault(f"longitude must be within 0 and 360 deg, not {lon:g}")
    if not -90 <= lat <= 90:
        raise UsageFault(f"latitude must be within -90 and 90 deg, not {lat:g}")
    return lon, lat


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
