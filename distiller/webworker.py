"""The threads of a web process: gunicorn's, which stay with a client that asks again at once."""

from __future__ import annotations

import datetime as dt
import select
from collections.abc import Callable
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.body import LengthReader
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import ThreadWorker

PATIENCE = 5
"""Milliseconds that a thread waits for the next request of the client that it has just answered."""


class StayingWorker(ThreadWorker):
    """gunicorn's worker with threads, without two changes of thread for each request of a busy client.

    gunicorn hands a kept connection back to its main thread, which waits for the next request and hands it to a thread
    again: a quarter of the work of a process that answers short queries. While no other client waits for a thread, the
    one that has answered looks for a moment whether the same client asks again.

    Every call to the system may also cost a change of thread, so that it makes few: a short answer is sent in one.
    """

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow it at once. Returns what is to become of the connection."""
        result = super().handle(conn)
        while result is True and self.alive and not conn.is_http2 and self._has_leisure() and _asks_again(conn):
            result = super().handle(conn)
        return result

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Have the application answer a request. Returns whether the connection is kept; raises as gunicorn's does."""
        environ: dict[str, Any] = {}
        response: Any = None
        try:
            self.cfg.pre_request(self, req)
            began = dt.datetime.now()
            response, environ = wsgi.create(
                req, conn.sock, conn.client, conn.server, self.cfg, response_class=WholeResponse
            )
            environ["wsgi.multithread"] = True
            self._count(response)
            answer = self.wsgi(environ, response.start_response)
            try:
                if isinstance(answer, environ["wsgi.file_wrapper"]):
                    response.write_file(answer)
                else:
                    for piece in answer:
                        response.write(piece)
                response.close()
            finally:
                self.log.access(response, req, environ, dt.datetime.now() - began)
                if hasattr(answer, "close"):
                    answer.close()
            return not response.should_close()
        except OSError:
            raise
        except (Exception, SystemExit):
            if response is None or not response.headers_sent:
                raise
            # An error page would be read as more of the answer that has begun.
            self.log.exception("Error handling request")
            close_graceful(conn.sock)
            raise StopIteration from None
        finally:
            try:
                self.cfg.post_request(self, req, environ, response)
            except Exception:
                self.log.exception("Exception in post_request hook")

    def _count(self, response: Any) -> None:
        """One more request; the connection is not kept if the process ends or has too many."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive: bool = False
        if not self.alive or not self.cfg.keepalive or len(self.keepalived_conns) >= self.max_keepalived:
            response.force_close()

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Whether another request can follow. What is left of a body is read; a body that has been read needs nothing.

        gunicorn sets time-outs for that in any case.
        """
        return bool(keepalive and _is_read(conn.parser.mesg.body)) or super()._keepalive_after(conn, keepalive)

    def _has_leisure(self) -> bool:
        at_work = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        return bool(at_work <= self.cfg.threads)


def _asks_again(conn: Any) -> bool:
    if conn.parser.unreader.buf.getvalue():
        return True
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(PATIENCE))


def _is_read(body: Any) -> bool:
    reader = body.reader
    return isinstance(reader, LengthReader) and reader.length == 0 and not body.failed and not body.buf.tell()


class WholeResponse(wsgi.Response):
    """An answer whose head is sent together with the first piece of its body."""

    def write(self, arg: bytes) -> None:
        """Send a piece of the body."""
        if self.headers_sent:
            super().write(arg)
            return
        pieces: list[bytes] = []
        socket: Any = self.sock
        self.sock: Any = _Collector(pieces.append)
        try:
            super().write(arg)
        finally:
            self.sock = socket
        socket.sendall(b"".join(pieces))


class _Collector:
    """Stands for a socket while what is written to it is collected."""

    def __init__(self, sendall: Callable[[bytes], None]) -> None:
        self.sendall = sendall
