"""The short way of files that many ask for: answered by the web server itself, without Django and without a thread.

What anonymous requests were answered with a moment ago (`archive.retrieval.remembered`) is answered again: conditions
and ranges are those of the new request (`vo.files.decide`), the file is opened anew. All others, and whatever is not as
it was, go the ordinary way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http.wsgi import SERVER
from gunicorn.util import http_date

from archive.retrieval.remembered import REMEMBERED, Remembered, Request
from archive.retrieval.renewing import renew
from vo.coding import prefers_gzip
from vo.files import Decision, Field, ServedFile, decide
from vo.heads import Head, read_head
from vo.lane import joined

PATH = "/retrieve"
MOST = 2**23
"""Bytes of the longest answer that goes the short way; what takes longer to send is worth a thread."""
_STATUS = {
    status: f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: {SERVER}\r\nConnection: keep-alive\r\n".encode()
    for status in (200, 206, 304, 416)
}
_gzip = lru_cache(256)(prefers_gzip)


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer: `read` bytes are the request, `head` begins the answer, then come `length` bytes of an open file."""

    read: int
    head: bytes
    file: int | None
    start: int = 0
    length: int = 0

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)


class ShortWay:
    """Answers to requests for files as they come from the connection; `added` are the fields that all answers have."""

    def __init__(self, added: Sequence[Field], remembered: Remembered = REMEMBERED) -> None:
        self._added = tuple(added)
        self._remembered = remembered

    def __call__(self, data: bytes) -> Ready | None:
        """The answer to the first request in `data`; None if that has to go the ordinary way.

        Raises Stale if the answer may be had by `look_up_again`.
        """
        head = read_head(data)
        if head is None or head.path != PATH:
            return None
        headers = head.headers
        request = Request(headers["host"], head.query, _gzip(headers.get("accept-encoding")))
        served = self._remembered.find(request)
        return None if served is None or not served.path else self._ready(head, served)

    def look_up_again(self) -> None:
        """For a thread, after `Stale`: what holds on holds on, and what does not is not known any more."""
        renew(self._remembered)

    def _ready(self, head: Head, served: ServedFile) -> Ready | None:
        decision = decide(head, served)
        span = decision.span
        if span is None:
            return Ready(head.length, self._head(decision) + decision.body, None) if _is_there(served) else None
        if span.length > MOST:
            return None
        file = _opened(served, span.start, span.length)
        return None if file is None else Ready(head.length, self._head(decision), file, span.start, span.length)

    def _head(self, decision: Decision) -> bytes:
        lines = _lines(tuple(decision.fields), self._added)
        return b"%s%sDate: %s\r\n\r\n" % (_STATUS[decision.status], lines, _date(int(time.time())))


class WithShortWay:
    """A WSGI application, and the short way that the web server tries before it (`distiller.webworker`)."""

    def __init__(self, application: WSGIApplication, short_way: ShortWay) -> None:
        self._application = application
        self.short_way = short_way

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._application(environ, start_response)


@lru_cache(1024)
def _lines(fields: tuple[Field, ...], added: tuple[Field, ...]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in joined(fields, added)).encode("latin-1")


@lru_cache(1)
def _date(now: int) -> bytes:
    return http_date(now).encode()


def _is_there(served: ServedFile) -> bool:
    with suppress(OSError):
        return Path(served.path).stat().st_size == served.size
    return False


def _opened(served: ServedFile, start: int, length: int) -> int | None:
    """The open file, if it is whole, and its bytes are in memory: the main thread must not wait for a disk."""
    try:
        file = os.open(served.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    with suppress(OSError):
        if os.fstat(file).st_size == served.size and _in_memory(file, start) and _in_memory(file, start + length - 1):
            return file
    os.close(file)
    return None


def _in_memory(file: int, position: int) -> bool:
    """Whether a byte can be had without waiting. Raises OSError if not, or if the file system does not tell.

    Where the operating system does not tell, it is taken to be so.
    """
    nowait = getattr(os, "RWF_NOWAIT", None)
    return nowait is None or os.preadv(file, [bytearray(1)], position, nowait) == 1
