"""Which part of a file a client wants, and whether it has the file already (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from django.utils.http import parse_etags, parse_http_date_safe

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Asked(Protocol):
    """What of a request counts here; `headers` finds a field by its name in small letters."""

    @property
    def method(self) -> str | None: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a representation: `start`, and `length` of them."""

    start: int
    length: int


class Unsatisfiable(Exception):
    """No byte of the range that was asked for is in the representation."""


def client_has_it(request: Asked, etag: str, modified: datetime) -> bool:
    """If-None-Match, or If-Modified-Since without it (RFC 9110 section 13.1)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        tags = parse_etags(known)
        return "*" in tags or any(tag.removeprefix("W/") == etag for tag in tags)
    asked = request.headers.get("if-modified-since")
    since = None if asked is None else parse_http_date_safe(asked)
    return since is not None and _second(modified) <= since


def asked_span(request: Asked, size: int, etag: str, modified: datetime) -> Span | None:
    """The one range that is asked for; None for the whole. Raises Unsatisfiable.

    Several ranges, and what is no range, are answered with the whole, which RFC 9110 section 14.2 allows.
    """
    header = request.headers.get("range")
    if header is None or request.method != "GET" or not _range_holds(request, etag, modified):
        return None
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        if not length:
            raise Unsatisfiable
        return Span(size - length, length)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    end = min(int(last), size - 1) if last else size - 1
    return Span(int(first), end - int(first) + 1)


def _range_holds(request: Asked, etag: str, modified: datetime) -> bool:
    """If-Range: the range is of the version that the client has (RFC 9110 section 13.1.5, strong comparison)."""
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == etag
    return parse_http_date_safe(condition) == _second(modified)


def _second(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp())
