"""The head of an ordinary request, read at once (RFC 9112 sections 2 to 5); all others are the web server's to read.

It reads less than is allowed, never more: what it takes for one request every other reader takes for the same one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 8192
"""Bytes of the longest head that is read."""
_HEAD = re.compile(
    rb"(GET) (/[A-Za-z0-9/._~-]*)\?([A-Za-z0-9/._~:?@!$&'()*+,;=%-]+) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z][A-Za-z0-9-]*:[\x20-\x7e]*\r\n)+)\r\n"
)
"""Method, path, query and fields, in printable ASCII; no escapes in the path, and no field over two lines."""
_HARMLESS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "dnt",
        "host",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "pragma",
        "priority",
        "range",
        "referer",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-user",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-real-ip",
    ]
)
"""Fields of requests that bring neither a body, nor credentials, nor a wish for other ways to talk."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request without a body; names of `headers` are in small letters, `length` is the number of its bytes."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int


def read_head(data: bytes) -> Head | None:
    """The first request of `data`; None if it is not complete, or has anything out of the ordinary.

    That is: another method than GET, no query, HTTP/1.0, no Host, a field twice, an unknown field, the wish to end the
    connection.
    """
    match = _HEAD.match(data)
    if match is None:
        return None
    headers: dict[str, str] = {}
    for line in match[4].decode("ascii").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers or name not in _HARMLESS:
            return None
        headers[name] = value.strip(" ")
    if "host" not in headers or headers.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return Head(match[1].decode(), match[2].decode(), match[3].decode(), headers, match.end())
