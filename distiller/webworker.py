"""The threads of a web process: gunicorn's, which stay with a client that asks again at once."""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

PATIENCE = 5
"""Milliseconds that a thread waits for the next request of the client that it has just answered."""


class StayingWorker(ThreadWorker):
    """gunicorn's worker with threads, without two changes of thread for each request of a busy client.

    gunicorn hands a kept connection back to its main thread, which waits for the next request and hands it to a thread
    again: a quarter of the work of a process that answers short queries. While no other client waits for a thread, the
    one that has answered looks for a moment whether the same client asks again.
    """

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow it at once. Returns what is to become of the connection."""
        result = super().handle(conn)
        while result is True and self.alive and not conn.is_http2 and self._has_leisure() and _asks_again(conn):
            result = super().handle(conn)
        return result

    def _has_leisure(self) -> bool:
        at_work = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        return bool(at_work <= self.cfg.threads)


def _asks_again(conn: Any) -> bool:
    if conn.parser.unreader.buf.getvalue():
        return True
    poll = select.poll()
    poll.register(conn.sock, select.POLLIN)
    return bool(poll.poll(PATIENCE))
