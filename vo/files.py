"""Files over HTTP: whole or in part, with validators and checksums.

Sources: RFC 9110 sections 8.8 (validators), 13 (conditions) and 14 (ranges); RFC 9530 and 3230 (digests).

A file of the operating system is handed to the web server, which sends it without reading it (`wsgi.file_wrapper`).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header, http_date

from vo import digests
from vo.ranges import Span, Unsatisfiable, asked_span, client_has_it

CHUNK = 256 * 1024
DIGEST_IN_PASSING = 2**20
"""Most bytes of a part whose own checksum is computed for a client that wants it."""


class BrokenOff(Exception):
    """A file ended, or could not be read, before all that was announced was sent: the connection is cut."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A representation of a file to be served and what is known of it.

    `open` gives the bytes as a seekable binary file, and raises a VOError where they are missing; `sha256` is theirs in
    hexadecimal, "" if it is not known, in which case `tag` tells versions apart; `modified` is an aware time;
    `attachment` has a browser save the file rather than show it. `encoding` is the content coding that they are in,
    `varies` says that other clients get the file in another. `internal_path` is where a web server in front finds the
    same bytes (`X-Accel-Redirect`).
    """

    open: Callable[[], IO[bytes]]
    size: int
    sha256: str
    modified: datetime
    media_type: str
    filename: str
    attachment: bool = False
    encoding: str = ""
    varies: bool = False
    tag: str = ""
    internal_path: str = ""

    @property
    def etag(self) -> str:
        return f'"{self.tag or self.sha256}"'


def file_response(request: HttpRequest, served: ServedFile) -> HttpResponseBase:
    """The answer to a GET or HEAD of a file: 200, 206 for one range, 304 for what the client has, or 416.

    The file is opened before the answer begins: what `open` raises is the caller's to report.
    """
    if client_has_it(request, served.etag, served.modified):
        return _with_validators(HttpResponseNotModified(), request, served)
    try:
        span = asked_span(request, served.size, served.etag, served.modified)
    except Unsatisfiable:
        refused = HttpResponse("no byte of that range is in the file\n", content_type="text/plain", status=416)
        refused["Content-Range"] = f"bytes */{served.size}"
        return _with_vary(refused, served)
    if served.internal_path:
        return _left_to_the_front(request, served)
    part = span or Span(0, served.size)
    handle = served.open()
    response: HttpResponseBase
    if request.method == "HEAD":
        handle.close()
        response = HttpResponse()
    else:
        response = _FileAnswer(_Part(handle, part), status=206 if span else 200)
        digest = _content_digest(request, served, span)
        if digest:
            response["Content-Digest"] = digests.structured(digest)
    response["Content-Length"] = str(part.length)
    if span:
        response["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{served.size}"
    return _with_validators(_described(response, served), request, served)


def _left_to_the_front(request: HttpRequest, served: ServedFile) -> HttpResponseBase:
    """The web server in front sends the bytes, of the range if there is one, which it reads by itself."""
    served.open().close()
    response = HttpResponse()
    response["X-Accel-Redirect"] = quote(served.internal_path)
    return _with_validators(_described(response, served), request, served)


class _FileAnswer(StreamingHttpResponse):
    """A part of a file; `file_to_stream` is what Django gives to the web server's `wsgi.file_wrapper`."""

    def __init__(self, part: _Part, status: int) -> None:
        super().__init__(part, status=status)
        self.block_size = CHUNK
        self.file_to_stream = part if part.is_of_the_system else None


class _Part:
    """Some bytes of a file, in chunks; closes the file at the end, and when the client goes away."""

    def __init__(self, handle: IO[bytes], span: Span) -> None:
        self._handle, self._left = handle, span.length
        handle.seek(span.start)
        self.is_of_the_system = self._put_in_place(span.start)

    def _put_in_place(self, start: int) -> bool:
        """Whether it is a file that the kernel can send; its position is what the web server goes by."""
        with suppress(OSError, AttributeError, io.UnsupportedOperation):
            os.lseek(self._handle.fileno(), start, os.SEEK_SET)
            return True
        return False

    def fileno(self) -> int:
        return self._handle.fileno()

    def read(self, size: int = CHUNK) -> bytes:
        wanted = min(size, self._left)
        chunk = self._handle.read(wanted) if wanted else b""
        if wanted and not chunk:
            raise BrokenOff("the file is shorter than it was when it was opened")
        self._left -= len(chunk)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        try:
            while chunk := self.read():
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        self._handle.close()


def _content_digest(request: HttpRequest, served: ServedFile, span: Span | None) -> str:
    """SHA-256 of what this answer has; that of a part is computed for clients that want it, if it is small."""
    wish = request.headers.get("Want-Content-Digest")
    if span is None:
        return served.sha256 if digests.wants_sha256(wish, unasked=True) else ""
    if span.length > DIGEST_IN_PASSING or not digests.wants_sha256(wish, unasked=False):
        return ""
    with closing(served.open()) as handle:
        handle.seek(span.start)
        return hashlib.sha256(handle.read(span.length)).hexdigest()


def _described(response: HttpResponseBase, served: ServedFile) -> HttpResponseBase:
    response["Content-Type"] = served.media_type
    if served.encoding:
        response["Content-Encoding"] = served.encoding
    disposition = content_disposition_header(served.attachment, served.filename)
    if disposition:
        response["Content-Disposition"] = disposition
    return response


def _with_validators(response: HttpResponseBase, request: HttpRequest, served: ServedFile) -> HttpResponseBase:
    response["ETag"] = served.etag
    response["Last-Modified"] = http_date(served.modified.timestamp())
    response["Accept-Ranges"] = "bytes"
    if served.sha256 and digests.wants_sha256(request.headers.get("Want-Repr-Digest"), unasked=True):
        response["Repr-Digest"] = digests.structured(served.sha256)
        response["Digest"] = digests.instance(served.sha256)
    return _with_vary(response, served)


def _with_vary(response: HttpResponseBase, served: ServedFile) -> HttpResponseBase:
    if served.varies:
        patch_vary_headers(response, ["Accept-Encoding"])
    return response
