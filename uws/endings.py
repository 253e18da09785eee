"""How a job ends: phase, error, results and provenance change together or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from provenance.recorder import invalidate, record
from uws import joining, parts, results, store
from uws.activity import activity_record, result_entity_id
from uws.models import Job, Result
from uws.phases import ACTIVE, Phase

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job did not complete, in words for its owner. `kind` is UWS's: fatal or transient."""

    message: str
    kind: str = "fatal"


def complete(
    job: Job,
    origin: Iterable[Phase],
    publish: Callable[[], Sequence[Result]],
    *,
    attempt: int | None = None,
    **changes: Any,
) -> bool:
    """End a job as COMPLETED; False if it was not its turn. `publish` writes its results in the same transaction."""
    now = timezone.now()
    with transaction.atomic():
        if not store.advance(
            job, origin, Phase.COMPLETED, attempt=attempt, ended=now, progress_fraction=1.0, **changes
        ):
            return False
        record(activity_record(job, publish()))
        for follower in joining.followers(job).select_for_update():
            _complete_too(follower, job)
    return True


def fail(
    job: Job,
    origin: Iterable[Phase],
    failure: Failure,
    *,
    attempt: int | None = None,
    alone: bool = False,
    **changes: Any,
) -> bool:
    """End a job as ERROR, with those that follow it; `alone` if the failure has nothing to do with their work."""
    with transaction.atomic():
        if not _end(job, origin, Phase.ERROR, failure, attempt=attempt, **changes):
            return False
        if alone:
            joining.promote(job)
        for follower in joining.followers(job).select_for_update():
            _end(follower, ACTIVE, Phase.ERROR, failure)
    return True


def abort(
    job: Job,
    origin: Iterable[Phase],
    failure: Failure | None = None,
    *,
    attempt: int | None = None,
    runner: str | None = None,
) -> bool:
    """End a job as ABORTED; `failure` says why, if it was not its owner's wish: its time was over.

    Those that follow it go on, if they may take longer.
    """
    with transaction.atomic():
        if not _end(job, origin, Phase.ABORTED, failure, attempt=attempt, runner=runner):
            return False
        if failure is not None:
            limited = joining.followers(job).filter(execution_duration__lte=job.execution_duration)
            for follower in limited.select_for_update():
                _end(follower, ACTIVE, Phase.ABORTED, failure)
        joining.promote(job)
    return True


def purge(job: Job) -> None:
    """Delete a job that does not run, its uploads, results and log. Its provenance stays (UWS 1.1 section 2.1.5)."""
    now = timezone.now()
    with transaction.atomic():
        names = list(Result.objects.filter(job=job).values_list("name", flat=True))
        gone = [*(result_entity_id(job, name) for name in names), *parts.entity_ids(job)]
        results.release(job)
        parts.release(job)
        invalidate(gone, now)
        Job.objects.filter(pk=job.pk).delete()


def _complete_too(job: Job, leader: Job) -> None:
    """End a job that follows another one with its results."""
    changes: dict[str, Any] = {
        "ended": leader.ended,
        "software": leader.software,
        "cache_key": leader.cache_key,
        "answered_from": leader.answered_from or leader.activity,
        "computed": leader.computed or leader.ended,
        "progress_message": leader.progress_message,
        "progress_fraction": 1.0,
    }
    if store.advance(job, ACTIVE, Phase.COMPLETED, **changes):
        record(activity_record(job, results.copy(job, leader)))


def _end(job: Job, origin: Iterable[Phase], phase: Phase, failure: Failure | None, **changes: Any) -> bool:
    if failure is not None:
        changes |= {"error_kind": failure.kind, "error_message": failure.message}
    was_run = job.phase not in (Phase.PENDING, Phase.HELD) or phase == Phase.ERROR
    with transaction.atomic():
        if not store.advance(job, origin, phase, ended=timezone.now(), **changes):
            return False
        if was_run:
            _record_failure(job)
    return True


def _record_failure(job: Job) -> None:
    """The provenance of a job that did not complete. A defect there must not keep the job from ending."""
    try:
        with transaction.atomic():
            record(activity_record(job, ()))
    except DatabaseError:
        raise
    except Exception:
        logger.exception("no provenance was left of job %s", job.public_id)
