"""Identical work that is under way is done once: jobs join the one that does it, and get its results as their own.

The job that does the work leads: it holds the key (`uws.identity`) in `leads`, which no two rows can. The others
follow: they wait for no worker, show the phase and progress of the work, and end with it, each with its own provenance.
A job joins only when its own inputs have been resolved under the rights of its owner. Nobody is told who leads. A
leader that is aborted or destroyed hands the work over to one of its followers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from uws import queue, store
from uws.models import Job, Part, new_job_id
from uws.notify import publish
from uws.phases import ACTIVE, FINAL, Phase

_TRIES = 3
"""Another job may become the leader of a key between the look and the step; then we look again."""


def start(job: Job, key: str, origin: Iterable[Phase], *, alone: bool = False, **changes: Any) -> bool:
    """Take a job to QUEUED as the leader of its key, or to where that leader is; say whether it changed.

    An empty key is that of no other job; `alone`: no other one of the key was there a moment ago. Works within a
    transaction.
    """
    for turn in range(_TRIES):
        leader = _leader(key) if key and (turn or not alone) else None
        if leader is not None and leader.pk != job.pk:
            started = timezone.now() if leader.phase == Phase.EXECUTING else None
            seen: dict[str, Any] = {
                "progress_message": leader.progress_message,
                "progress_fraction": leader.progress_fraction,
                "leads": "",
                "sent": None,
            }
            return store.advance(job, origin, Phase(leader.phase), leader=leader, started=started, **seen, **changes)
        try:
            with transaction.atomic(savepoint=bool(key)):
                moved = store.advance(job, origin, Phase.QUEUED, leads=key, sent=timezone.now(), **changes)
        except IntegrityError:
            if not key:
                raise
            continue
        if moved:
            transaction.on_commit(lambda: queue.announce(job))
        return moved
    return start(job, "", origin, **changes)


def take_lead(job: Job, attempt: int, key: str) -> bool:
    """Called by a runner that has learned the key of its job: whether it shall do the work, as the leader.

    If another runner does it already, the job, with those that follow it, joins that one and False is returned. One
    that waits is joined to this job.
    """
    if job.leads == key:
        return True
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _settle(job, attempt, key)
        except IntegrityError:
            continue
    return True


def followers(job: Job) -> QuerySet[Job]:
    """The jobs that wait for the work of this one, the oldest first."""
    return Job.objects.filter(leader=job, phase__in=ACTIVE, destroyed=False).order_by("pk")


def show_taken(job: Job) -> None:
    """A worker has taken the leader: its followers are shown as EXECUTING too."""
    _show_executing(followers(job).filter(phase=Phase.QUEUED))


def hand_over(job: Job) -> bool:
    """Let a follower go on with the run of a job that is to be ended; False if there is none who can, or no run.

    The follower gets the run's number and its name in provenance too, which stands in the results. Files that were sent
    along go with their job: then the follower has to begin anew (`promote`).
    """
    with transaction.atomic():
        leader = Job.objects.select_for_update().filter(pk=job.pk, phase=Phase.EXECUTING).exclude(runner="").first()
        heir = followers(job).select_for_update().first() if leader is not None else None
        if leader is None or heir is None or Part.objects.filter(job=leader).exists():
            return False
        Job.objects.filter(pk=leader.pk).update(leads="", runner="", activity=new_job_id())
        _make_leader(
            heir,
            leader.cache_key,
            runner=leader.runner,
            attempt=leader.attempt,
            beat=leader.beat,
            activity=leader.activity,
        )
        followers(job).update(leader=heir)
    job.refresh_from_db()
    return True


def promote(job: Job) -> None:
    """The leader has ended without its work being done: the others go on without it, within its transaction."""
    rows = list(followers(job).select_for_update())
    if not rows:
        return
    heir, *rest = rows
    other = _leader(job.cache_key)
    if other is not None:
        heir, rest = other, rows
    else:
        interrupted = {} if heir.phase == Phase.QUEUED else {"progress_message": "Waiting to be run again"}
        _make_leader(heir, job.cache_key, **interrupted)
        transaction.on_commit(lambda: queue.send(heir))
    Job.objects.filter(pk__in=[row.pk for row in rest]).update(leader=heir)


def holder(activity: str) -> Job | None:
    """The job that has the run of that name in provenance now: it may have been handed over."""
    return holding(activity).first()


def holding(activity: str) -> QuerySet[Job]:
    """`holder` as a set of one job, or none."""
    return store.being_run().filter(activity=activity)


def release_orphans() -> None:
    """Jobs that follow one which has ended wait for a worker themselves."""
    lost = Job.objects.filter(phase__in=ACTIVE, leader__phase__in=FINAL)
    Job.objects.filter(pk__in=list(lost.values_list("pk", flat=True))).update(leader=None)


def _leader(key: str) -> Job | None:
    """The job that leads under a key, locked; None if there is none that will go on."""
    return Job.objects.select_for_update().filter(leads=key, destroyed=False, abort_requested=False).first()


def _settle(job: Job, attempt: int, key: str) -> bool:
    rows = list(Job.objects.select_for_update().filter(Q(pk=job.pk) | Q(leads=key)).order_by("pk"))
    if any(row.abort_requested for row in rows if row.pk == job.pk):
        return True  # its run is what will be ended: without one, nobody would do it
    other = next((row for row in rows if row.pk != job.pk), None)
    current = Job.objects.filter(pk=job.pk, phase=Phase.EXECUTING, attempt=attempt)
    if other is None:
        current.update(leads=key)
        return True
    ends = other.destroyed or other.abort_requested
    if other.phase == Phase.EXECUTING and other.runner and not ends:
        seen = {"progress_message": other.progress_message, "progress_fraction": other.progress_fraction}
        if current.update(leads="", runner="", leader=other, cache_key=key, **seen):
            followers(job).update(leader=other)
        return False
    Job.objects.filter(pk=other.pk).update(leads="")
    if current.update(leads=key) and not ends:
        followers(other).update(leader=job)
        Job.objects.filter(pk=other.pk).update(leader=job)
        _show_executing(Job.objects.filter(leader=job, phase=Phase.QUEUED))
    return True


def _make_leader(job: Job, key: str, **changes: Any) -> None:
    Job.objects.filter(pk=job.pk).update(leader=None, leads=key, **changes)
    job.refresh_from_db()


def _show_executing(rows: QuerySet[Job]) -> None:
    names = list(rows.values_list("public_id", flat=True))
    if names:
        rows.update(phase=Phase.EXECUTING, started=timezone.now())
        for name in names:
            transaction.on_commit(partial(publish, name))
