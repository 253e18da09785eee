"""Stored files over HTTP: whole or in part, with validators and checksums.

Sources: RFC 9110 sections 8.8 (validators), 13 (conditions) and 14 (ranges); RFC 9530 and 3230 (digests).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, http_date, parse_etags, parse_http_date_safe

CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file to be served and what is known of it.

    `open` gives the bytes as a seekable binary file, and raises a VOError where they are missing; `modified` is an
    aware time; `attachment` has a browser save the file rather than show it.
    """

    open: Callable[[], IO[bytes]]
    size: int
    sha256: str
    modified: datetime
    media_type: str
    filename: str
    attachment: bool = False

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


def file_response(request: HttpRequest, served: ServedFile) -> HttpResponseBase:
    """The answer to a GET or HEAD of a file: 200, 206 for one range, 304 for what the client has, or 416.

    Several ranges in one request are answered with the whole file, which RFC 9110 section 14.2 allows. The file is
    opened before the answer begins: what `open` raises is the caller's to report.
    """
    if _client_has_it(request, served):
        return _with_validators(HttpResponseNotModified(), served)
    span = _range(request, served)
    if span is None:
        start, length, status = 0, served.size, 200
    elif span[0] >= served.size or span[1] < span[0]:
        refused = HttpResponse("no byte of that range is in the file\n", content_type="text/plain", status=416)
        refused["Content-Range"] = f"bytes */{served.size}"
        return refused
    else:
        start, length, status = span[0], span[1] - span[0] + 1, 206
    handle = served.open()
    response: HttpResponseBase
    if request.method == "HEAD":
        handle.close()
        response = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(_Span(handle, start, length), status=status)
    response["Content-Type"] = served.media_type
    response["Content-Length"] = str(length)
    if status == 206:
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{served.size}"
    disposition = content_disposition_header(served.attachment, served.filename)
    if disposition:
        response["Content-Disposition"] = disposition
    return _with_validators(response, served)


class _Span:
    """Some bytes of a file, in chunks; closes the file at the end, and when the client goes away."""

    def __init__(self, handle: IO[bytes], start: int, length: int) -> None:
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


def _with_validators(response: HttpResponseBase, served: ServedFile) -> HttpResponseBase:
    response["ETag"] = served.etag
    response["Last-Modified"] = http_date(served.modified.timestamp())
    response["Accept-Ranges"] = "bytes"
    digest = base64.b64encode(bytes.fromhex(served.sha256)).decode()
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    response["Digest"] = f"sha-256={digest}"
    return response


def _client_has_it(request: HttpRequest, served: ServedFile) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:
        tags = parse_etags(known)
        return "*" in tags or any(tag.removeprefix("W/") == served.etag for tag in tags)
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and _second(served.modified) <= since


def _range(request: HttpRequest, served: ServedFile) -> tuple[int, int] | None:
    """First and last byte that are asked for; None for the whole file."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET" or not _range_holds(request, served):
        return None
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), served.size)
        return (served.size - length, served.size - 1) if length else (served.size, served.size)
    if last and int(last) < int(first):
        return None  # no valid range: it is ignored
    return int(first), min(int(last), served.size - 1) if last else served.size - 1


def _range_holds(request: HttpRequest, served: ServedFile) -> bool:
    """If-Range: the range is of the version that the client has (RFC 9110 section 13.1.5, strong comparison)."""
    condition = request.headers.get("If-Range")
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == served.etag
    return parse_http_date_safe(condition) == _second(served.modified)


def _second(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp())
