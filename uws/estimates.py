"""When will a job start, and when will it be done? Worked out from the line and from recorded run times."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from uws import identity, turns
from uws.models import Job, Worker
from uws.phases import Phase
from uws.runtimes import Fit, fit_of

FORESEEN = 200
"""Jobs ahead in the line for which a start is worked out; who has more ahead is told nothing."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is foreseen of a job; None for what cannot be told."""

    place: int | None = None
    """In the line of those that wait, 1 for the next one."""
    start: datetime | None = None
    """When one that waits is expected to be run."""
    end: datetime | None = None
    """The quote of UWS 1.1 section 2.1.6: when it is expected to be completed, one that is not started, if it were."""


def outlook(job: Job) -> Outlook:
    """What is foreseen of a job now. What is told of one that has ended was foreseen when it was begun.

    A job that was joined to another has the other's place. Those who come later may go before: owners take turns.
    """
    work = job.leader if job.leader is not None else job
    if job.is_final:
        return Outlook(end=job.quote)
    if job.phase == Phase.EXECUTING:
        return Outlook(end=None if work.quote is None else max(work.quote, timezone.now()))
    fits = _Fits()
    if job.phase != Phase.QUEUED:
        return Outlook(end=_after(timezone.now(), work, fits))
    running = turns.running()
    ahead = _ahead(work, running)
    if ahead is None:
        return Outlook()
    start = _expected_start(job, running, ahead, fits)
    return Outlook(len(ahead) + 1, start, None if start is None else _after(start, work, fits))


def _after(start: datetime, work: Job, fits: _Fits) -> datetime | None:
    fit = fits.fit(work.job_type)
    return None if fit is None else start + timedelta(seconds=fit.of(work.input_bytes))


def _expected_start(
    job: Job, running: Iterable[turns.Running], ahead: Sequence[turns.Waiting], fits: _Fits
) -> datetime | None:
    if len(ahead) > FORESEEN:
        return None
    live = Worker.objects.filter(heartbeat__gt=timezone.now() - identity.LIVE)
    slots = sum(worker.get(job.queue, 0) for worker in live.values_list("slots", flat=True))
    if not slots:
        return None
    busy = [fits.left(other) for other in running if other.queue == job.queue]
    coming = [fits.of(other.job_type, other.input_bytes) for other in ahead]
    if fits.missing:
        return None
    return timezone.now() + timedelta(seconds=_start(slots, busy, coming))


class _Fits:
    """Run times of several jobs; each type is looked up once. `missing` tells that one is not known."""

    def __init__(self) -> None:
        self._fits: dict[str, Fit | None] = {}
        self.missing = False

    def fit(self, job_type: str) -> Fit | None:
        if job_type not in self._fits:
            self._fits[job_type] = fit_of(job_type)
        return self._fits[job_type]

    def of(self, job_type: str, size: int | None) -> float:
        fit = self.fit(job_type)
        self.missing |= fit is None
        return 0.0 if fit is None else fit.of(size)

    def left(self, job: turns.Running) -> float:
        """Seconds that a running job still takes."""
        gone = (timezone.now() - job.started).total_seconds() if job.started is not None else 0.0
        return max(self.of(job.job_type, job.input_bytes) - max(gone, 0.0), 0.0)


def _ahead(work: Job, running: Iterable[turns.Running]) -> list[turns.Waiting] | None:
    """The jobs before a queued one; None if it is in no line."""
    line = turns.in_turn(turns.waiting(work.queue), turns.counted(running))
    for index, other in enumerate(line):
        if other.public_id == work.public_id:
            return line[:index]
    return None


def _start(slots: int, busy: Iterable[float], coming: Iterable[float]) -> float:
    """Seconds until a slot is free for whoever comes after those that run and those that wait."""
    free = sorted(busy)[-slots:]
    free = [0.0] * (slots - len(free)) + free
    heapq.heapify(free)
    for seconds in coming:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return free[0]
