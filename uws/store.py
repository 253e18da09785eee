"""Reading and changing rows of jobs. Phases change by compare-and-swap only: two processes cannot both do it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from uws.models import Job
from uws.notify import publish
from uws.phases import FINAL, Phase


def jobs() -> QuerySet[Job]:
    """The jobs that exist for their owners."""
    return Job.objects.filter(destroyed=False)


def advance(
    job: Job,
    origin: Iterable[Phase],
    phase: Phase,
    *,
    attempt: int | None = None,
    runner: str | None = None,
    **changes: Any,
) -> bool:
    """Change the phase if it is still one of `origin` (and the run, or runner, the current one); say whether it did.

    `job` is refreshed either way. Whoever waits for the job is told once the change is committed.
    """
    rows = Job.objects.filter(pk=job.pk, phase__in=list(origin))
    if attempt is not None:
        rows = rows.filter(attempt=attempt)
    if runner is not None:
        rows = rows.filter(runner=runner)
    if phase in FINAL:
        changes |= {"runner": "", "leads": "", "leader": None}
    changed = bool(rows.update(phase=phase, **changes))
    if changed:
        transaction.on_commit(lambda: publish(job.public_id))
    job.refresh_from_db()
    return changed


def take(public_id: str, runner: str, **changes: Any) -> Job | None:
    """Take a job that waits for a worker: the one that gets it may run it. None if it waits no more.

    It has been started when its first run was, if there are several.
    """
    with transaction.atomic(savepoint=False):
        job = waiting_for_worker().select_for_update().filter(public_id=public_id).first()
        if job is None or job.abort_requested:
            return None
        changes |= {"phase": Phase.EXECUTING, "runner": runner, "attempt": job.attempt + 1, "beat": job.beat + 1}
        changes.setdefault("started", job.started or timezone.now())
        if not waiting_for_worker().filter(pk=job.pk, attempt=job.attempt).update(**changes):
            return None
        transaction.on_commit(lambda: publish(public_id))
    for name, value in changes.items():  # the row is locked: there is nothing else to read
        setattr(job, name, value)
    return job


def update_run(job: Job, attempt: int, **changes: Any) -> bool:
    """Write to a job that is being run; False if this run is void: aborted, taken over or destroyed."""
    rows = Job.objects.filter(pk=job.pk, phase=Phase.EXECUTING, attempt=attempt)
    if not rows.update(**changes):
        return False
    seen = {name: changes[name] for name in ("progress_message", "progress_fraction") if name in changes}
    if seen:
        Job.objects.filter(leader=job, phase=Phase.EXECUTING).update(**seen)
    return True


def update_pending(job: Job, **changes: Any) -> bool:
    """Write to a job that has not been started; False if it has been."""
    return bool(Job.objects.filter(pk=job.pk, phase=Phase.PENDING).update(**changes))


def request_abort(job: Job) -> bool:
    """Ask the worker that runs the job to end it; False if no worker does."""
    return bool(Job.objects.filter(pk=job.pk, phase=Phase.EXECUTING).update(abort_requested=True))


def hide(job: Job) -> bool:
    """Take a job from its owner's sight and ask for its end; False if that was done before."""
    return bool(Job.objects.filter(pk=job.pk, destroyed=False).update(destroyed=True, abort_requested=True))


def waiting_for_worker() -> QuerySet[Job]:
    """Jobs that a worker should take: queued, or given up by a worker that died; not those that follow another."""
    waiting = Q(phase=Phase.QUEUED) | Q(phase=Phase.EXECUTING, runner="")
    return Job.objects.filter(waiting, leader=None, destroyed=False).order_by("created")


def being_run() -> QuerySet[Job]:
    return Job.objects.filter(phase=Phase.EXECUTING).exclude(runner="")
