"""Waiting for a phase change (UWS 1.1 section 2.2.1.2), over many processes, without holding a database connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from django.conf import settings
from django.db import connection

from uws import notify

LONGEST = 55.0
"""Seconds that a request may wait: below the idle limit of common proxies (60 s)."""
POLL = 0.25
"""Seconds between looks at the database where nobody tells of changes."""
SAFETY_POLL = 2.0
"""Seconds between looks where somebody does, in case a message is lost."""
WAITERS = 8
"""Requests of one process that may wait at the same time; others are answered after a second at most."""

_waiters = threading.BoundedSemaphore(WAITERS)


def wait_while(public_id: str, unchanged: Callable[[], bool], seconds: float) -> None:
    """Return when `unchanged()` is false or the time is over. `unchanged` looks into the database."""
    with _slot() as granted:
        deadline = time.monotonic() + min(seconds, LONGEST if granted else 1.0)
        with _messages(public_id) as next_message:
            while unchanged():
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return
                release_connection()
                next_message(remaining)


def release_connection() -> None:
    """Give the database connection back while nothing is asked; within a transaction it has to stay."""
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def _slot() -> Iterator[bool]:
    granted = _waiters.acquire(blocking=False)
    try:
        yield granted
    finally:
        if granted:
            _waiters.release()


@contextmanager
def _messages(public_id: str) -> Iterator[Callable[[float], None]]:
    """A function that blocks until news of the job come, or for a while."""

    def poll(remaining: float) -> None:
        time.sleep(min(POLL, remaining))

    client = notify.redis_client(str(settings.CELERY_BROKER_URL))
    if client is None:
        yield poll
        return
    subscription = client.pubsub()
    broken = False
    try:
        subscription.subscribe(notify.channel(public_id))
        subscription.get_message(timeout=1)  # the confirmation: from here on no news is missed
    except redis.RedisError:
        broken = True

    def listen(remaining: float) -> None:
        nonlocal broken
        if broken:
            poll(remaining)
            return
        try:
            subscription.get_message(timeout=min(SAFETY_POLL, remaining))
        except redis.RedisError:
            broken = True

    try:
        yield listen
    finally:
        subscription.close()
