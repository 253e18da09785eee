"""Messages that the broker has lost: jobs that wait for a worker in vain are sent again.

A job that is sent twice is run once, so the rules may err on the side of sending.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from uws import notify, queue
from uws.models import Job
from uws.phases import Phase
from uws.retries import is_due

logger = logging.getLogger(__name__)
RESEND = timedelta(seconds=10)
"""A job that waits longer is sent again while its queue at the broker is empty, or when later ones were taken."""
RESEND_ANYWAY = timedelta(minutes=10)
"""A job that waits this long is sent again in any case."""
MARK = "distiller.uws.mark"
"""Key that is put into the broker's memory: where it is gone, so are the messages."""


class Resender:
    """Sends waiting jobs again when their messages are gone."""

    def send(self, waiting: Sequence[Job]) -> None:
        """Look after jobs that wait for a worker, in the order in which they were made."""
        now = timezone.now()
        forgotten = _was_flushed()
        queues: dict[str, _Queue] = {}
        for job in waiting:
            if not is_due(job, now):
                continue
            if job.queue not in queues:
                queues[job.queue] = _Queue(job)
            if (forgotten or queues[job.queue].has_lost(job, now)) and not queue.send(job):
                return
        if forgotten:
            _set_mark()


class _Queue:
    """What is known of a queue in one round; the broker and the database are asked when it matters."""

    def __init__(self, oldest: Job) -> None:
        self._oldest = oldest
        self._depth: int | None = None
        self._taken: datetime | None = None
        self._asked = False

    def has_lost(self, job: Job, now: datetime) -> bool:
        """Whether the message of a waiting job is gone, or never was."""
        if job.sent is None:
            return True
        age = now - job.sent
        if timedelta() <= age < RESEND:
            return False
        if not self._asked:
            self._ask()
        if self._depth is None:
            return False
        return self._depth == 0 or age >= RESEND_ANYWAY or (self._taken is not None and job.sent < self._taken - RESEND)

    def _ask(self) -> None:
        self._asked = True
        self._depth = queue.depth(self._oldest.queue)
        later = Job.objects.filter(queue=self._oldest.queue, created__gte=self._oldest.created, attempt__gt=0)
        taken = later.exclude(phase=Phase.EXECUTING, runner="")
        self._taken = taken.aggregate(Max("sent"))["sent__max"]


def _was_flushed() -> bool:
    """Whether the broker has forgotten what it was told; False where it is no Redis, or away."""
    client = notify.redis_client(str(settings.CELERY_BROKER_URL))
    try:
        return client is not None and not client.exists(MARK)
    except redis.RedisError:
        return False


def _set_mark() -> None:
    client = notify.redis_client(str(settings.CELERY_BROKER_URL))
    try:
        if client is not None:
            client.set(MARK, secrets.token_hex(8))
    except redis.RedisError as error:
        logger.debug("the broker's memory cannot be marked: %s", error)
