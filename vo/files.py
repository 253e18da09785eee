"""Stored files over HTTP: whole or in part, with validators and checksums.

Sources: RFC 9110 sections 8.8 (validators), 13 (conditions) and 14 (ranges); RFC 9530 and 3230 (digests).
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, http_date, parse_etags, parse_http_date_safe

from vo.errors import FatalFault

log = logging.getLogger(__name__)
CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """A file to be served: where it is, the name it is saved under, and what is known of it (`modified` is aware)."""

    path: Path
    name: str
    media_type: str
    sha256: str
    size: int
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


def file_response(request: HttpRequest, stored: StoredBytes, *, inline: bool = False) -> HttpResponseBase:
    """The answer to a GET or HEAD of a file: 200, 206 for one range, 304 for what the client has, or 416.

    Several ranges in one request are answered with the whole file, which RFC 9110 section 14.2 allows. `inline` lets a
    browser show the file. Raises FatalFault, and logs, if the bytes are not there or are not as many as recorded.
    """
    if _client_has_it(request, stored):
        return _with_validators(HttpResponseNotModified(), stored)
    span = _range(request, stored)
    if span is None:
        start, length, status = 0, stored.size, 200
    elif span[0] >= stored.size or span[1] < span[0]:
        refused = HttpResponse("no byte of that range is in the file\n", content_type="text/plain", status=416)
        refused["Content-Range"] = f"bytes */{stored.size}"
        return refused
    else:
        start, length, status = span[0], span[1] - span[0] + 1, 206
    handle = _open(stored)
    response: HttpResponseBase
    if request.method == "HEAD":
        handle.close()
        response = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(_Span(handle, start, length), status=status)
    response["Content-Type"] = stored.media_type
    response["Content-Length"] = str(length)
    if status == 206:
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
    disposition = content_disposition_header(not inline, stored.name)
    if disposition:
        response["Content-Disposition"] = disposition
    return _with_validators(response, stored)


def _open(stored: StoredBytes) -> BinaryIO:
    try:
        handle = stored.path.open("rb")
        size = stored.path.stat().st_size
    except OSError:
        log.exception("the stored file of %s is missing", stored.name)
        raise FatalFault(f"the file {stored.name} is missing from the store; the operators have been told") from None
    if size != stored.size:
        handle.close()
        log.error("the stored file of %s has %d bytes, not %d", stored.name, size, stored.size)
        raise FatalFault(f"the file {stored.name} is damaged in the store; the operators have been told")
    return handle


class _Span:
    """Some bytes of a file, in chunks; closes the file at the end, and when the client goes away."""

    def __init__(self, handle: BinaryIO, start: int, length: int) -> None:
        self._handle, self._left = handle, length
        handle.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while self._left > 0:
                chunk = self._handle.read(min(CHUNK, self._left))
                if not chunk:
                    return
                self._left -= len(chunk)
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        self._handle.close()


def _with_validators(response: HttpResponseBase, stored: StoredBytes) -> HttpResponseBase:
    response["ETag"] = stored.etag
    response["Last-Modified"] = http_date(stored.modified.timestamp())
    response["Accept-Ranges"] = "bytes"
    digest = base64.b64encode(bytes.fromhex(stored.sha256)).decode()
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    response["Digest"] = f"sha-256={digest}"
    return response


def _client_has_it(request: HttpRequest, stored: StoredBytes) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:
        tags = parse_etags(known)
        return "*" in tags or any(tag.removeprefix("W/") == stored.etag for tag in tags)
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and _second(stored.modified) <= since


def _range(request: HttpRequest, stored: StoredBytes) -> tuple[int, int] | None:
    """First and last byte that are asked for; None for the whole file."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET" or not _range_holds(request, stored):
        return None
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), stored.size)
        return (stored.size - length, stored.size - 1) if length else (stored.size, stored.size)
    if last and int(last) < int(first):
        return None  # no valid range: it is ignored
    return int(first), min(int(last), stored.size - 1) if last else stored.size - 1


def _range_holds(request: HttpRequest, stored: StoredBytes) -> bool:
    """If-Range: the range is of the version that the client has (RFC 9110 section 13.1.5, strong comparison)."""
    condition = request.headers.get("If-Range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == stored.etag
    return parse_http_date_safe(condition) == _second(stored.modified)


def _second(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp())
