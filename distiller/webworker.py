"""The threads of a web process: gunicorn's, which stay with a client that asks again at once, not with slow readers."""

from __future__ import annotations

import datetime as dt
import select
import selectors
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.http import wsgi
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import ThreadWorker

from archive.retrieval.remembered import Stale
from distiller.sending import STALLED, FilesByKernel, Transfer
from vo.heads import LONGEST

PATIENCE = 5
"""Milliseconds that a thread waits for the next request of the client that it has just answered."""
_LEAVE = 2.0
"""Seconds that a thread waits for a client to close its end of a connection that has ended."""
_PIECES = 16
"""Pieces of what such a client still sends that are read."""


_KEPT: Future[bool] = Future()
"""What a thread leaves behind that has answered, and keeps the connection."""
_KEPT.set_result(True)


class StayingWorker(ThreadWorker):
    """gunicorn's worker with threads, without two changes of thread for each request of a busy client.

    gunicorn hands a kept connection back to its main thread, which waits for the next request and hands it to a thread
    again: a quarter of the work of a process that answers short queries. While no other client waits for a thread, the
    one that has answered looks for a moment whether the same client asks again.

    Every call to the system may also cost a change of thread, so that it makes few: a short answer is sent in one.

    A file that a client is slow to read goes the other way: the thread leaves the rest to the main thread, which sends
    a piece whenever the connection takes one.

    What an application can answer at once (its attribute `short_way`, `distiller.shortway`) needs no thread: the main
    thread answers as soon as the request is there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left: dict[socket.socket, Transfer] = {}
        self._sending: dict[socket.socket, tuple[Any, Transfer]] = {}
        self._short_way: Any | None = None
        self._looking: list[Any] = []

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application = self.app.wsgi()
        self.wsgi: WSGIApplication = FilesByKernel(application, self._left)
        if not self.cfg.is_ssl and not self.cfg.accesslog:
            self._short_way = getattr(application, "short_way", None)

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Called in the main thread for a kept connection: answers by the short way, or has a thread do it."""
        at_end = not self.alive or self.nr >= self.max_requests
        if self._short_way is None or at_end or not self._goes_short(self._short_way, conn):
            super().on_client_socket_readable(conn, client)

    def _goes_short(self, short_way: Any, conn: Any) -> bool:
        """Begin to answer the next request by the short way; False if it is not for that, and still to be read."""
        try:
            ready = short_way(conn.sock.recv(LONGEST, socket.MSG_PEEK))
        except Stale:
            if waited := getattr(conn, "has_waited", False):
                conn.has_waited = False
            else:
                self._wait_for_look(short_way, conn)
            return not waited
        except OSError:
            return False
        except Exception:
            self.log.exception("the short way is blocked")  # this thread must go on
            return False
        if ready is None:
            return False
        self.nr += 1
        conn.has_waited = False
        self.keepalived_conns.remove(conn)
        transfer = Transfer(conn.sock, ready.file, ready.start, ready.length, ready.close, ready.head)
        try:
            conn.sock.recv(ready.read)
            done = transfer.step(ready.length)
        except OSError as error:
            self.log.debug("a download was broken off: %s", error)
            self.poller.unregister(conn.sock)
            transfer.close()
            self.nr_conns -= 1
            conn.close()
            return True
        if done:
            transfer.close()
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            self._sending[conn.sock] = conn, transfer
            self.poller.modify(conn.sock, selectors.EVENT_WRITE, partial(self._send_on, conn, transfer, _KEPT))
        return True

    def _wait_for_look(self, short_way: Any, conn: Any) -> None:
        """Have a thread look up again what the short way knows; who asks meanwhile waits for the same look.

        Nobody waits twice for the same request.
        """
        conn.has_waited = True
        self.keepalived_conns.remove(conn)
        self.poller.unregister(conn.sock)
        self._looking.append(conn)
        if len(self._looking) == 1:
            look = self.tpool.submit(short_way.look_up_again)
            look.add_done_callback(lambda done: self.method_queue.defer(self._end_look, done))

    def _end_look(self, look: Future[None]) -> None:
        """The requests of those who wait are there to be read as before."""
        if look.exception() is not None:
            self.log.error("the short way cannot look up again: %r", look.exception())
        looking, self._looking = self._looking, []
        for conn in looking:
            super().finish_request(conn, _KEPT)

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow it at once. Returns what is to become of the connection."""
        if not conn.initialized:
            _limit_waits(conn.sock)
        result = super().handle(conn)
        while (
            result is True
            and self.alive
            and not conn.is_http2
            and conn.sock not in self._left
            and not conn.has_got_file
            and self._has_leisure()
            and _asks_again(conn)
        ):
            result = super().handle(conn)
        if result is False and conn.sock not in self._left:
            _take_leave(conn.sock, _LEAVE)
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
            conn.has_got_file = response.sent_file
            return not response.should_close()
        except BlockingIOError:
            self.log.debug("a client has stalled")
            _cut(conn.sock)
            raise StopIteration from None
        except OSError:
            raise
        except (Exception, SystemExit):
            if response is None or not response.headers_sent:
                raise
            # An error page would be read as more of the answer that has begun.
            self.log.exception("Error handling request")
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

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Called in the main thread when a thread has done its part."""
        transfer = self._left.pop(conn.sock, None)
        if transfer is None:
            super().finish_request(conn, fs)
            return
        self._sending[conn.sock] = conn, transfer
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._send_on, conn, transfer, fs))

    def murder_pending(self) -> None:
        """Called at every turn of the main loop: lets go of those who have stopped reading, too."""
        super().murder_pending()
        if not self._sending:
            return
        now = time.monotonic()
        for conn, transfer in [s for s in self._sending.values() if now - s[1].moved > STALLED]:
            self._give_up(conn, transfer)

    def _send_on(self, conn: Any, transfer: Transfer, fs: Any, connection: socket.socket) -> None:
        try:
            if not transfer.step():
                return
        except OSError as error:
            self.log.debug("a download was broken off: %s", error)
            self._give_up(conn, transfer)
            return
        self._end_sending(connection, transfer)
        if not fs.result():
            _take_leave(connection, 0)
        super().finish_request(conn, fs)

    def _give_up(self, conn: Any, transfer: Transfer) -> None:
        self._end_sending(conn.sock, transfer)
        self.nr_conns -= 1
        conn.close()

    def _end_sending(self, connection: socket.socket, transfer: Transfer) -> None:
        del self._sending[connection]
        self.poller.unregister(connection)
        transfer.close()

    def _has_leisure(self) -> bool:
        elsewhere = len(self.keepalived_conns) + len(self.pending_conns) + len(self._sending)
        return bool(self.nr_conns - elsewhere <= self.cfg.threads)


def _limit_waits(connection: socket.socket) -> None:
    """Have a thread wait no longer than STALLED for a client to read, or to send: BlockingIOError is raised then.

    The kernel counts, which costs nothing; a time-out of Python's would be taken away by gunicorn (`setblocking`).
    """
    span = struct.pack("ll", int(STALLED), round(STALLED % 1 * 1e6))
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, span)


def _take_leave(connection: socket.socket, patience: float) -> None:
    """Tell the client that nothing more comes, and wait so many seconds for it to close (RFC 9112 section 9.6).

    gunicorn does so in the main thread, for which everybody would wait; after this it has no reason to.
    """
    deadline = time.monotonic() + patience
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        for _ in range(_PIECES):
            connection.settimeout(max(deadline - time.monotonic(), 0.0))
            if not connection.recv(4096):
                break
    _cut(connection)


def _cut(connection: socket.socket) -> None:
    """End a connection in both directions, so that nobody waits for the client to do so."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


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

    sent_file = False
    """Whether its body is a file that the kernel sends."""

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
