"""Waiting for a phase change (UWS 1.1 section 2.2.1.2), over many processes, without holding a database connection.

The waiting requests of a process share one look at the jobs table and one subscription to the news on the broker: one
of them at a time, the leader, listens and looks for all; when it leaves, another takes its place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from uws import notify
from uws.models import Job
from uws.phases import Phase

LONGEST = 55.0
"""Seconds that a request may wait: below the idle limit of common proxies (60 s)."""
POLL = 0.25
"""Seconds between looks at the database where nobody tells of changes."""
SAFETY_POLL = 2.0
"""Seconds between looks where somebody does, in case a message is lost."""
RETRY = 5.0
"""Seconds until a broker that could not be reached is tried again."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """A request that waits for a job; `seen` is the phase that it knows, None for a job that is gone.

    One that is not `patient` is answered after a second at most: threads of the process are needed for others.
    """

    public_id: str
    patient: bool
    seen: str | None = None
    woken: threading.Event = field(default_factory=threading.Event)


def wait_while(public_id: str, phase: Phase, seconds: float) -> None:
    """Return when the job of that id is not there, or not in that phase, any more, or the time is over."""
    with _watch.joined(public_id) as waiter:
        deadline = time.monotonic() + min(seconds, LONGEST if waiter.patient else 1.0)
        while True:
            waiter.woken.clear()
            waiter.seen = _phases([public_id]).get(public_id)
            remaining = deadline - time.monotonic()
            if waiter.seen != phase or remaining <= 0:
                return
            release_connection()
            _watch.wait(waiter, remaining)


def release_connection() -> None:
    """Give the database connection back while nothing is asked; within a transaction it has to stay."""
    if not connection.in_atomic_block:
        connection.close()


class _Watch:
    """The waiting requests of this process, and how they hear of changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: list[_Waiter] = []
        self._leader: _Waiter | None = None
        # The rest belongs to the leader.
        self._news: redis.client.PubSub | None = None
        self._next_try = 0.0
        self._next_look = 0.0

    @contextmanager
    def joined(self, public_id: str) -> Iterator[_Waiter]:
        """Wait for that job within the block."""
        with self._lock:
            patient = sum(waiter.patient for waiter in self._waiters) < settings.DISTILLER_WAITING_REQUESTS
            waiter = _Waiter(public_id, patient)
            self._waiters.append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters.remove(waiter)
                self._call_a_leader()

    def wait(self, waiter: _Waiter, seconds: float) -> None:
        """Return when there may be news of the waiter's job, or the time is over."""
        with self._lock:
            leads = self._leader is None
            if leads:
                self._leader = waiter
        if not leads:
            waiter.woken.wait(seconds)
            return
        deadline = time.monotonic() + seconds
        try:
            while not waiter.woken.is_set() and (remaining := deadline - time.monotonic()) > 0:
                self._listen(remaining)
                if time.monotonic() >= self._next_look:
                    self._look()
        finally:
            with self._lock:
                self._leader = None
                self._call_a_leader(besides=waiter)

    def _call_a_leader(self, besides: _Waiter | None = None) -> None:
        """Wake somebody who will lead, if nobody does; the last one to leave closes the subscription."""
        if self._leader is not None:
            return
        if not self._waiters:
            self._unsubscribe()
        for waiter in self._waiters:
            if waiter is not besides:
                waiter.woken.set()
                return

    def _listen(self, seconds: float) -> None:
        """Wait for one message, or for the next look."""
        if self._news is None and time.monotonic() >= self._next_try:
            self._subscribe()
        if self._news is None:
            time.sleep(min(POLL, seconds))
            return
        patience = max(0.0, min(self._next_look - time.monotonic(), seconds))
        try:
            message = self._news.get_message(timeout=patience)
        except redis.RedisError:
            self._unsubscribe()
            return
        if message is not None and message["type"] == "pmessage":
            told = message["channel"].decode()
            self._wake(lambda waiter: notify.channel(waiter.public_id) == told)

    def _subscribe(self) -> None:
        self._next_try = time.monotonic() + RETRY
        client = notify.redis_client(str(settings.CELERY_BROKER_URL))
        if client is None:
            return
        self._news = client.pubsub()
        try:
            self._news.psubscribe(notify.channel("*"))
            self._news.get_message(timeout=1)  # the confirmation: from here on no news is missed
            self._next_try = 0.0  # whoever waits when everybody has left need not wait for it
        except redis.RedisError:
            self._unsubscribe()
        self._next_look = 0.0

    def _unsubscribe(self) -> None:
        if self._news is not None:
            with suppress(redis.RedisError):
                self._news.close()
        self._news = None
        self._next_look = 0.0

    def _look(self) -> None:
        """One query for all who wait."""
        self._next_look = time.monotonic() + (POLL if self._news is None else SAFETY_POLL)
        with self._lock:
            ids = {waiter.public_id for waiter in self._waiters}
        try:
            phases = _phases(ids)
        except DatabaseError:  # each request finds out by itself, and tells its client
            self._wake(lambda waiter: True)
            return
        finally:
            release_connection()
        self._wake(lambda waiter: waiter.public_id in ids and phases.get(waiter.public_id) != waiter.seen)

    def _wake(self, concerned: Callable[[_Waiter], bool]) -> None:
        with self._lock:
            for waiter in self._waiters:
                if concerned(waiter):
                    waiter.woken.set()


_watch = _Watch()


def _phases(ids: Collection[str]) -> dict[str, str]:
    """Phases of those of the jobs that are there."""
    return dict(Job.objects.filter(public_id__in=ids, destroyed=False).values_list("public_id", "phase"))
