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
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import IO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, http_date

from vo import digests
from vo.ranges import Asked, Span, Unsatisfiable, asked_span, client_has_it

CHUNK = 256 * 1024
DIGEST_IN_PASSING = 2**20
"""Most bytes of a part whose own checksum is computed for a client that wants it."""
_REFUSAL = b"no byte of that range is in the file\n"
Field = tuple[str, str]
"""Name and value of a header."""


class BrokenOff(Exception):
    """A file ended, or could not be read, before all that was announced was sent: the connection is cut."""


@dataclass(frozen=True)
class ServedFile:
    """A representation of a file to be served and what is known of it.

    `open` gives the bytes as a seekable binary file, and raises a VOError where they are missing; `sha256` is theirs in
    hexadecimal, "" if it is not known, in which case `tag` tells versions apart; `modified` is an aware time;
    `attachment` has a browser save the file rather than show it. `encoding` is the content coding that they are in,
    `varies` says that other clients get the file in another. `internal_path` is where a web server in front finds the
    same bytes (`X-Accel-Redirect`), `path` where they lie on this machine, "" if they do not, or not always.
    """

    open: Callable[[], IO[bytes]] = field(compare=False)
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
    path: str = ""

    @property
    def etag(self) -> str:
        return f'"{self.tag or self.sha256}"'

    @cached_property
    def description(self) -> tuple[Field, ...]:
        """The fields that say what the bytes are."""
        found = [("Content-Type", self.media_type)]
        if self.encoding:
            found.append(("Content-Encoding", self.encoding))
        disposition = content_disposition_header(self.attachment, self.filename)
        if disposition:
            found.append(("Content-Disposition", disposition))
        return tuple(found)

    @cached_property
    def validators(self) -> tuple[Field, ...]:
        """The fields that tell versions apart."""
        modified = http_date(self.modified.timestamp())
        return ("ETag", self.etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes"), *self.variants

    @cached_property
    def checksums(self) -> tuple[Field, ...]:
        """The checksum of the representation."""
        if not self.sha256:
            return ()
        return ("Repr-Digest", digests.structured(self.sha256)), ("Digest", digests.instance(self.sha256))

    @property
    def variants(self) -> tuple[Field, ...]:
        return (("Vary", "Accept-Encoding"),) if self.varies else ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is answered for a file: status, fields, and the bytes of it that follow (`span`), or others (`body`)."""

    status: int
    fields: list[Field]
    span: Span | None = None
    body: bytes = b""


def decide(request: Asked, served: ServedFile) -> Decision:
    """What a GET or HEAD of a file is answered: 200, 206 for one range, 304 for what the client has, or 416.

    The file is not touched; whether it is there is for who answers to see. Content-Length is always told, with 304 that
    of the file (RFC 9110 section 8.6).
    """
    told = list(served.validators)
    if digests.wants_sha256(request.headers.get("want-repr-digest"), unasked=True):
        told += served.checksums
    if client_has_it(request, served.etag, served.modified):
        return Decision(304, [*told, ("Content-Length", str(served.size))])
    try:
        span = asked_span(request, served.size, served.etag, served.modified)
    except Unsatisfiable:
        refused = [("Content-Type", "text/plain"), ("Content-Length", str(len(_REFUSAL)))]
        return Decision(416, [*refused, ("Content-Range", f"bytes */{served.size}"), *served.variants], body=_REFUSAL)
    told += served.description
    if served.internal_path:  # the web server in front sends the bytes, of the range if there is one, which it reads
        return Decision(200, [*told, ("Content-Length", "0"), ("X-Accel-Redirect", quote(served.internal_path))])
    part = span or Span(0, served.size)
    told.append(("Content-Length", str(part.length)))
    if request.method == "HEAD":
        return Decision(200, told)
    if span:
        told.append(("Content-Range", f"bytes {part.start}-{part.start + part.length - 1}/{served.size}"))
    elif served.sha256 and digests.wants_sha256(request.headers.get("want-content-digest"), unasked=True):
        told.append(("Content-Digest", digests.structured(served.sha256)))
    return Decision(206 if span else 200, told, part)


def file_response(request: HttpRequest, served: ServedFile) -> HttpResponseBase:
    """The answer to a GET or HEAD of a file (`decide`).

    The file is opened before the answer begins: what `open` raises is the caller's to report.
    """
    decision = decide(request, served)
    response: HttpResponseBase
    if decision.span is not None:
        response = _FileAnswer(_Part(served.open(), decision.span), status=decision.status)
        if decision.status == 206:
            _add_digest_of_part(response, request, served, decision.span)
    else:
        if decision.status == 200:
            served.open().close()
        response = HttpResponse(decision.body, status=decision.status)
    del response["Content-Type"]
    for name, value in decision.fields:
        response[name] = value
    return response


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


def _add_digest_of_part(response: HttpResponseBase, request: HttpRequest, served: ServedFile, span: Span) -> None:
    """SHA-256 of a part is computed for clients that want it, if the part is small."""
    wish = request.headers.get("want-content-digest")
    if span.length <= DIGEST_IN_PASSING and digests.wants_sha256(wish, unasked=False):
        with closing(served.open()) as handle:
            handle.seek(span.start)
            digest = hashlib.sha256(handle.read(span.length)).hexdigest()
        response["Content-Digest"] = digests.structured(digest)
