"""Runs that failed for a passing reason: the job is run again, after a pause that grows, or ends in ERROR."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from uws import endings, queue, store
from uws.endings import Failure
from uws.models import Job
from uws.phases import Phase

RUNNING = (Phase.EXECUTING,)
GIVEN_BACK: dict[str, Any] = {
    "runner": "",
    "progress_stage": "",
    "progress_message": "Interrupted; waiting to be run again",
    "progress_fraction": 0.0,
}
"""Changes that let another worker take a running job. To its owner it stays EXECUTING: phases never go back."""
LONGEST_PAUSE = timedelta(minutes=2)


def pause(crashes: int) -> timedelta:
    """How long a job waits after so many runs that failed: none after the first, which was most likely an accident."""
    return timedelta() if crashes <= 1 else min(timedelta(seconds=2.0 ** min(crashes, 20)), LONGEST_PAUSE)


def is_due(job: Job, now: datetime) -> bool:
    """Whether the pause before its next run is over. A time further off than any pause is of a clock that was wrong."""
    return job.not_before is None or not now < job.not_before <= now + LONGEST_PAUSE


def due(now: datetime) -> Q:
    """`is_due` as a condition on jobs."""
    return Q(not_before=None) | Q(not_before__lte=now) | Q(not_before__gt=now + LONGEST_PAUSE)


def give_up_or_retry(job: Job, attempt: int, reason: str) -> None:
    """End a run that failed for a passing reason: the job waits for another worker, or ends in ERROR."""
    crashes = job.crashes + 1
    if crashes >= settings.DISTILLER_JOB_RUNS:
        message = f"{reason}; it was tried {crashes} times"
        endings.fail(job, RUNNING, Failure(message, "transient"), attempt=attempt)
        return
    wait = pause(crashes)
    not_before = timezone.now() + wait if wait else None
    if store.update_run(job, attempt, crashes=crashes, not_before=not_before, sent=None, **GIVEN_BACK) and not wait:
        queue.send(job)
