"""How a job ends: phase, error, results and provenance change together or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from provenance.recorder import invalidate, record
from uws import parts, results, store
from uws.activity import activity_record, result_entity_id
from uws.models import Job, Result
from uws.phases import Phase

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job did not complete, in words for its owner. `kind` is UWS's: fatal or transient."""

    message: str
    kind: str = "fatal"


def complete(
    job: Job, origin: Iterable[Phase], publish: Callable[[], None], *, attempt: int | None = None, **changes: Any
) -> bool:
    """End a job as COMPLETED; False if it was not its turn. `publish` writes its results in the same transaction."""
    now = timezone.now()
    with transaction.atomic():
        if not store.advance(
            job, origin, Phase.COMPLETED, attempt=attempt, ended=now, progress_fraction=1.0, runner="", **changes
        ):
            return False
        publish()
        record(activity_record(job))
    return True


def fail(job: Job, origin: Iterable[Phase], failure: Failure, *, attempt: int | None = None, **changes: Any) -> bool:
    """End a job as ERROR."""
    return _end(job, origin, Phase.ERROR, failure, attempt, changes)


def abort(job: Job, origin: Iterable[Phase], failure: Failure | None = None, *, attempt: int | None = None) -> bool:
    """End a job as ABORTED; `failure` says why, if it was not its owner's wish."""
    return _end(job, origin, Phase.ABORTED, failure, attempt, {})


def abort_given_back(job: Job) -> bool:
    """End a job as ABORTED that is EXECUTING, but waits for another worker after its first one ended."""
    return _end(job, (Phase.EXECUTING,), Phase.ABORTED, None, None, {}, given_back=True)


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


def _end(
    job: Job,
    origin: Iterable[Phase],
    phase: Phase,
    failure: Failure | None,
    attempt: int | None,
    changes: dict[str, Any],
    *,
    given_back: bool = False,
) -> bool:
    if failure is not None:
        changes = {**changes, "error_kind": failure.kind, "error_message": failure.message}
    was_run = job.phase not in (Phase.PENDING, Phase.HELD) or phase == Phase.ERROR
    with transaction.atomic():
        if not store.advance(
            job, origin, phase, attempt=attempt, given_back=given_back, ended=timezone.now(), runner="", **changes
        ):
            return False
        if was_run:
            _record_failure(job)
    return True


def _record_failure(job: Job) -> None:
    """The provenance of a job that did not complete. A defect there must not keep the job from ending."""
    try:
        with transaction.atomic():
            record(activity_record(job))
    except DatabaseError:
        raise
    except Exception:
        logger.exception("no provenance was left of job %s", job.public_id)
