"""The line of jobs that wait for a worker: whose turn is it?

Owners take turns: the next job is of the owner with the fewest jobs running, of several such the one that was served
longest ago; each owner's own jobs go in the order in which they were started. Who has as many running as the class of
owner may have is passed over. A message of the broker only says that there is something to do (decision 019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
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


def claim(queue_name: str, runner: str, **changes: Any) -> Job | None:
    """Take the job of a queue whose turn it is; None if none waits that may be run now."""
    line = waiting(queue_name)
    if not line:
        return None
    busy = counted(running()) if has_several_owners(line) else Counter[str]()  # of one owner it is asked for below
    for candidate in in_turn(line, busy):
        if busy[candidate.client] >= limits.limits_of(candidate.rank).running:
            continue
        with transaction.atomic():
            client = limits.lock(candidate.client)
            busy[candidate.client] = limits.running(candidate.client)
            if busy[candidate.client] >= limits.limits_of(candidate.rank).running:
                continue
            fit = fit_of(candidate.job_type)
            if fit is not None:
                changes["quote"] = timezone.now() + timedelta(seconds=fit.of(candidate.input_bytes))
            job = store.take(candidate.public_id, runner, **changes)
            if job is None:
                continue
            Client.objects.filter(pk=client.pk).update(served=timezone.now())
            joining.show_taken(job)
        return job
    return None


def waiting(queue_name: str) -> list[Waiting]:
    """The jobs of a queue that wait, the oldest first."""
    rows = store.waiting_for_worker().filter(retries.due(timezone.now()), queue=queue_name, abort_requested=False)
    rows = rows.order_by(F("queued").asc(nulls_first=True), "pk")
    fields = rows.values_list("public_id", "client", "rank", "job_type", "input_bytes")
    return [Waiting(*row) for row in fields[:LONGEST]]


def running() -> list[Running]:
    """The jobs that workers have, of all queues."""
    fields = store.being_run().values_list("client", "queue", "job_type", "input_bytes", "started")
    return [Running(*row) for row in fields]


def counted(jobs: Iterable[Running]) -> Counter[str]:
    """How many of the jobs each owner has."""
    return Counter(job.client for job in jobs)


def served(line: Iterable[Waiting]) -> dict[str, datetime]:
    """When the owners in the line were served last; those that never were are left out."""
    rows = Client.objects.filter(name__in={job.client for job in line})
    return {name: when for name, when in rows.values_list("name", "served") if when is not None}


def has_several_owners(line: Iterable[Waiting]) -> bool:
    return len({job.client for job in line}) > 1


def in_turn(line: list[Waiting], busy: Mapping[str, int]) -> list[Waiting]:
    """The line in the order in which its jobs have their turns now; one owner's are in that order already."""
    return ordered(line, busy, served(line)) if has_several_owners(line) else line


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
