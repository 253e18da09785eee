"""Reading and changing rows of jobs. Phases change by compare-and-swap only: two processes cannot both do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.sql import UpdateQuery
from django.utils import timezone

from uws.models import Job
from uws.notify import publish
from uws.phases import FINAL, Phase

_TRIES = 3


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

    `job` is refreshed either way. Whoever waits for the job is told once the change is committed. A job that is not in
    the table yet comes there in that phase: then nobody can wait for it.
    """
    if job._state.adding:
        for name, value in {"phase": phase, **changes}.items():
            setattr(job, name, value)
        job.save(force_insert=True)
        return True
    rows = Job.objects.filter(pk=job.pk, phase__in=list(origin))
    if attempt is not None:
        rows = rows.filter(attempt=attempt)
    if runner is not None:
        rows = rows.filter(runner=runner)
    if phase in FINAL:
        changes |= {"runner": "", "leads": "", "leader": None}
    now = _updated(rows, {"phase": phase, **changes})
    if now is None:
        job.refresh_from_db()
        return False
    for field in Job._meta.concrete_fields:
        setattr(job, field.attname, getattr(now, field.attname))
    transaction.on_commit(lambda: publish(job.public_id))
    return True


def take(waiting: QuerySet[Job], runner: str, changes: Callable[[Job], Mapping[str, Any]]) -> Job | None:
    """Take the first of some jobs that wait for a worker: the one that gets it may run it. None if none waits any more.

    `changes` gives what else is written to it. It has been started when its first run was, if there are several.
    """
    with transaction.atomic(savepoint=False):
        # Where another process had the first row, PostgreSQL waits for it and then finds it taken: that is no end yet.
        for _ in range(_TRIES):
            job = waiting.select_for_update().first()
            if job is not None:
                break
        else:
            return None
        values = {
            "phase": Phase.EXECUTING,
            "runner": runner,
            "attempt": job.attempt + 1,
            "beat": job.beat + 1,
            "started": job.started or timezone.now(),
            **changes(job),
        }
        Job.objects.filter(pk=job.pk).update(**values)
        transaction.on_commit(lambda: publish(job.public_id))
    for name, value in values.items():  # the row is locked: there is nothing else to read
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


def _updated(rows: QuerySet[Job], changes: Mapping[str, Any]) -> Job | None:
    """Change the row of a set of one job, and read it, in one statement; None if there is none."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(dict(changes))
    statement, values = query.get_compiler(connection=connection).as_sql()
    columns = ", ".join(connection.ops.quote_name(field.column) for field in Job._meta.concrete_fields if field.column)
    found = list(Job.objects.raw(f"{statement} RETURNING {columns}", values))
    return found[0] if found else None
