"""Requests whose body comes in chunks without a Content-Length, as STILTS and TOPCAT send uploads.

Django reads as much as Content-Length says, which is nothing then. The server must have marked the input as terminated
(`wsgi.input_terminated`, as gunicorn does): only then can it be read to its end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_SPOOL_BYTES = 2**20
_PIECE_BYTES = 2**16


class ChunkedBodies:
    """WSGI middleware that gives a chunked body its length; one above `max_bytes` is refused with status 413."""

    def __init__(self, application: WSGIApplication, max_bytes: int) -> None:
        self._application = application
        self._max_bytes = max_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if not (chunked and environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH")):
            return self._application(environ, start_response)
        body = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 (closed with the answer)
        length = _copy(environ["wsgi.input"], body, self._max_bytes)
        if length > self._max_bytes:
            body.close()
            start_response("413 Content Too Large", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"the body of the request is longer than {self._max_bytes} bytes\n".encode()]
        body.seek(0)
        environ["wsgi.input"] = body
        environ["CONTENT_LENGTH"] = str(length)
        return _Closing(self._application(environ, start_response), body)


class _Closing:
    """An answer that closes the body of its request when the server closes it (PEP 3333)."""

    def __init__(self, answer: Iterable[bytes], body: IO[bytes]) -> None:
        self._answer = answer
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            self._body.close()


def _copy(source: Any, target: Any, max_bytes: int) -> int:
    """Copy until the end, or until more than `max_bytes` were read; the number of bytes read."""
    length = 0
    while length <= max_bytes and (piece := source.read(_PIECE_BYTES)):
        target.write(piece)
        length += len(piece)
    return length
