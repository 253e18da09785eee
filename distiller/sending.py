"""Files on their way to clients: sent by the kernel, and without a thread where the client reads slowly.

A thread of the web server begins to send a file. What is not sent within a moment goes on between the events of the
process (`distiller.webworker`): a hundred slow downloads hold no thread, and others are answered meanwhile.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.util import has_fileno

PATIENCE = 1.0
"""Seconds that a thread sends a file."""
STALLED = 120.0
"""Seconds after which a client that has read nothing is let go."""
_STEP = 2**20
"""Bytes sent at once between other events."""
_AT_ONCE = 2**28
_MORE = getattr(socket, "MSG_MORE", 0)
"""Has the kernel wait for the file before it sends what begins the answer."""


class CutShort(OSError):
    """The file has become shorter than was announced."""


class Transfer:
    """The bytes that a connection still has to get: `head`, and those of a file; the socket must not block."""

    def __init__(
        self, connection: socket.socket, file: int, start: int, length: int, end: Callable[[], None], head: bytes = b""
    ) -> None:
        self._socket, self._file, self._at, self._left = connection, file, start, length
        self._head = head
        self._end = end
        self.moved = time.monotonic()

    def send_for(self, seconds: float) -> bool:
        """Send until all is sent or the time is over; whether all is sent. Raises OSError."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        deadline = time.monotonic() + seconds
        while not self.step(_AT_ONCE):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poll.poll(left * 1000)
        return True

    def step(self, most: int = _STEP) -> bool:
        """Send what the connection takes now; whether all is sent. Raises OSError if the client or the file is gone."""
        try:
            if self._head:
                sent = self._socket.send(self._head, _MORE if self._left else 0)
                self._head = self._head[sent:]
            if self._left and not self._head:
                self._send_of_file(most)
        except BlockingIOError:
            return False
        self.moved = time.monotonic()
        return not self._left and not self._head

    def _send_of_file(self, most: int) -> None:
        sent = os.sendfile(self._socket.fileno(), self._file, self._at, min(self._left, most))
        if not sent:
            raise CutShort("the file is shorter than it was when it was opened")
        self._at += sent
        self._left -= sent

    def close(self) -> None:
        """Close the file."""
        self._end()


class FilesByKernel:
    """WSGI middleware of a gunicorn worker: sends the files that the application answers with.

    `left` takes what a client was too slow for, with the connection that it is for; what is there is not the thread's
    any more.
    """

    def __init__(self, application: WSGIApplication, left: dict[socket.socket, Transfer]) -> None:
        self._application = application
        self._left = left

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer: Any = self._application(environ, start_response)
        response: Any = getattr(start_response, "__self__", None)
        connection = environ.get("gunicorn.socket")
        if (
            connection is None
            or not isinstance(answer, environ["wsgi.file_wrapper"])
            or not has_fileno(answer.filelike)
            or not _can_be_sent(response)
        ):
            return answer
        transfer = self._begun(response, connection, answer)
        try:
            response.send_headers()
            connection.setblocking(False)
            response.sent_file = True
            if not transfer.send_for(PATIENCE):
                self._left[connection] = transfer
                return ()
            connection.setblocking(True)
        except BaseException:
            response.force_close()
            transfer.close()
            raise
        transfer.close()
        return ()

    def _begun(self, response: Any, connection: socket.socket, answer: Any) -> Transfer:
        file = answer.filelike.fileno()
        length = response.response_length
        response.sent = length  # for the access log
        return Transfer(connection, file, os.lseek(file, 0, os.SEEK_CUR), length, answer.close)


def _can_be_sent(response: Any) -> bool:
    """Whether it is an answer of gunicorn's with a body of known length, over a plain connection."""
    return (
        response is not None
        and response.response_length is not None
        and response.req.method != "HEAD"
        and response.status_code in (200, 206)
        and not response.cfg.is_ssl
    )
