"""The line of jobs that wait for a worker: whose turn is it?

Owners take turns: the next job is of the owner with the fewest jobs running, of several such the one that was served
longest ago; each owner's own jobs go in the order in which they were started. Who has as many running as the class of
owner may have is passed over. A message of the broker only says that there is something to do (decision 019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Min, QuerySet
from django.utils import timezone

from uws import joining, limits, queue, retries, store
from uws.models import Client, Job
from uws.runtimes import fit_of

LONGEST = 5000
"""Jobs at the head of the line that are looked at; positions beyond are not told."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job in the line."""

    public_id: str
    client: str
    rank: int
    job_type: str
    input_bytes: int | None


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a worker has."""

    client: str
    queue: str
    job_type: str
    input_bytes: int | None
    started: datetime | None


Changes = Callable[[Job], Mapping[str, Any]]
"""What is written to a job that is taken, besides that it is."""


def claim(queue_name: str, runner: str, changes: Changes = lambda job: {}) -> Job | None:
    """Take the job of a queue whose turn it is; None if none waits that may be run now."""
    for owner, rank in _owners(queue_name):
        job = _claim_of(owner, limits.limits_of(rank).running, _line(queue_name), runner, changes)
        if job is not None:
            return job
    return None


def _owners(queue_name: str) -> list[tuple[str, int]]:
    """The owners who have jobs waiting in a queue, in their turn, with the highest class that these were made in.

    Of several, those are left out who have as many running as they may.
    """
    heads = _line(queue_name).values("client").annotate(highest=Max("rank"), begin=Min("queued"), head=Min("pk"))
    heads = heads.order_by(F("begin").asc(nulls_first=True), "head")
    owners = list(heads.values_list("client", "highest"))
    if len(owners) < 2:
        return owners
    busy, last = counted(running()), served(name for name, _ in owners)
    free = [(name, rank) for name, rank in owners if busy[name] < limits.limits_of(rank).running]
    return sorted(free, key=lambda owner: (busy[owner[0]], last.get(owner[0], _NEVER)))


def _claim_of(owner: str, most: int, line: QuerySet[Job], runner: str, changes: Changes) -> Job | None:
    """Take the first job of an owner; None if `most` of them are running, or none waits any more."""

    def expected(job: Job) -> dict[str, Any]:
        fit = fit_of(job.job_type)
        end = {} if fit is None else {"quote": timezone.now() + timedelta(seconds=fit.of(job.input_bytes))}
        return {**end, **changes(job)}

    with transaction.atomic():
        limits.serve(owner)
        job = store.take(line.filter(client=owner), runner, expected) if limits.running(owner) < most else None
        if job is None:
            transaction.set_rollback(True)
        elif job.leads:
            joining.show_taken(job)
    return job


def _line(queue_name: str) -> QuerySet[Job]:
    rows = store.waiting_for_worker().filter(retries.due(timezone.now()), queue=queue_name, abort_requested=False)
    return rows.order_by(F("queued").asc(nulls_first=True), "pk")


def waiting(queue_name: str) -> list[Waiting]:
    """The jobs of a queue that wait, the oldest first."""
    fields = _line(queue_name).values_list("public_id", "client", "rank", "job_type", "input_bytes")
    return [Waiting(*row) for row in fields[:LONGEST]]


def running() -> list[Running]:
    """The jobs that workers have, of all queues."""
    fields = store.being_run().values_list("client", "queue", "job_type", "input_bytes", "started")
    return [Running(*row) for row in fields]


def counted(jobs: Iterable[Running]) -> Counter[str]:
    """How many of the jobs each owner has."""
    return Counter(job.client for job in jobs)


def served(owners: Iterable[str]) -> dict[str, datetime]:
    """When owners were served last; those that never were are left out."""
    rows = Client.objects.filter(name__in=set(owners))
    return {name: when for name, when in rows.values_list("name", "served") if when is not None}


def in_turn(line: list[Waiting], busy: Mapping[str, int]) -> list[Waiting]:
    """The line in the order in which its jobs have their turns now; one owner's are in that order already."""
    owners = {job.client for job in line}
    return ordered(line, busy, served(owners)) if len(owners) > 1 else line


def ordered(line: Sequence[Waiting], busy: Mapping[str, int], last: Mapping[str, datetime]) -> list[Waiting]:
    """The line in the order in which its jobs have their turns."""
    owners = sorted(dict.fromkeys(job.client for job in line), key=lambda name: last.get(name, _NEVER))
    place = {name: number for number, name in enumerate(owners)}
    taken: Counter[str] = Counter()
    keys: list[tuple[int, int, int]] = []
    for index, job in enumerate(line):
        keys.append((busy.get(job.client, 0) + taken[job.client], place[job.client], index))
        taken[job.client] += 1
    return [line[index] for _, _, index in sorted(keys)]


def may_run(job: Job, busy: Mapping[str, int]) -> bool:
    """Whether the owner of a waiting job has fewer jobs running than it may have."""
    return busy.get(job.client, 0) < limits.limits_of(job.rank).running


def wake_others(job: Job) -> None:
    """Called when a job has ended: its owner may have others that were passed over, whose messages are spent.

    In the same queue the worker takes the next one without a message.
    """
    waits = store.waiting_for_worker().filter(client=job.client, abort_requested=False).exclude(queue=job.queue)
    following = waits.order_by(F("queued").asc(nulls_first=True), "pk").only("public_id", "queue").first()
    if following is not None:
        queue.send(following)
