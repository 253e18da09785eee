"""Telling the workers by the broker that a job waits. It may be away: the reconciler tells them again.

A message names the queue, not the job: whose turn it is, is decided when a worker is free (`uws.turns`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from uws import notify
from uws.models import Job
from uws.registration import live_slots

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)
TASK = "uws.run"
QUEUES = ("short", "long")


def celery_app() -> Celery:
    """The installation's Celery application (setting UWS_CELERY_APP), imported when first used."""
    app: Celery = import_string(settings.UWS_CELERY_APP)
    return app


def announce(job: Job) -> None:
    """Send the first message for a job whose row says already that it was sent: most times there is nothing to correct.

    If the process dies in between, the message is missed like one that the broker has lost (`uws.resending`).
    """
    if not tell(job):
        Job.objects.filter(pk=job.pk).update(sent=None)


def send(job: Job) -> bool:
    """Send a message for a job; False if the broker cannot be reached. Called once the job's phase is committed.

    One too many does no harm: whoever takes a job first in the jobs table has it.
    """
    if not tell(job):
        return False
    Job.objects.filter(pk=job.pk).update(sent=timezone.now(), sends=F("sends") + 1)
    return True


def tell(job: Job) -> bool:
    """Put a message on the job's queue, if one is needed; False if the broker cannot be reached."""
    if _are_enough(job.queue):
        return True
    try:
        celery_app().send_task(TASK, args=[job.queue], queue=job.queue, retry=False, ignore_result=True)
    except (OperationalError, OSError, redis.RedisError) as error:
        logger.warning("job %s waits for the broker to come back: %s", job.public_id, error)
        return False
    return True


def _are_enough(queue: str) -> bool:
    """Whether as many messages wait in a queue as there are slots: whoever becomes free finds one, and sees the job."""
    client = notify.redis_client(str(settings.CELERY_BROKER_URL))
    slots = live_slots(queue) if client is not None else 0
    try:
        return client is not None and slots > 0 and client.llen(queue) >= slots
    except redis.RedisError:
        return False


def depth(queue: str) -> int | None:
    """How many messages wait in a queue of the broker; None if that cannot be told."""
    try:
        with celery_app().connection_for_read() as connection, connection.channel() as channel:
            declared: Any = channel
            return int(declared.queue_declare(queue=queue, passive=False, durable=True).message_count)
    except (OperationalError, OSError, redis.RedisError) as error:
        logger.warning("the broker cannot be asked: %s", error)
        return None
