"""When will a job start, and when will it be done? Worked out from the line and from recorded run times."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from uws import identity, turns
from uws.models import Job, Worker
from uws.phases import Phase
from uws.runtimes import Fit, fit_of

FORESEEN = 200
"""Jobs ahead in the line for which a start is worked out; who has more ahead is told nothing."""


def foreseen(job: Job) -> tuple[int | None, datetime | None]:
    """Place of a queued job in its line, 1 for the next one, and when it is expected to be run.

    None for other jobs, and beyond what is looked at; no time either if it cannot be told, or there is no worker. A job
    that was joined to another has the other's place. Those who come later may go before: owners take turns.
    """
    if job.phase != Phase.QUEUED:
        return None, None
    running = turns.running()
    ahead = _ahead(job, running)
    return (None, None) if ahead is None else (len(ahead) + 1, _expected_start(job, running, ahead, _Fits()))


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


def quote_of_new(job_type: str) -> datetime | None:
    """The quote of a job that has just been made."""
    fit = fit_of(job_type)
    return None if fit is None else timezone.now() + timedelta(seconds=fit.typical)


def expected_end(job: Job) -> datetime | None:
    """The quote of UWS 1.1 section 2.1.6: when the job is expected to be completed, were it started now."""
    work = job.leader if job.leader is not None else job
    fits = _Fits()
    fit = None if job.is_final else fits.fit(work.job_type)
    if fit is None:
        return None
    now = timezone.now()
    seconds = timedelta(seconds=fit.of(work.input_bytes))
    if job.phase == Phase.EXECUTING:
        return max((work.started or now) + seconds, now)
    if job.phase != Phase.QUEUED:
        return now + seconds
    running = turns.running()
    ahead = _ahead(job, running)
    start = None if ahead is None else _expected_start(job, running, ahead, fits)
    return None if start is None else start + seconds


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


def _ahead(job: Job, running: Iterable[turns.Running]) -> list[turns.Waiting] | None:
    """The jobs before a queued one; None if it is in no line."""
    public_id = job.leader.public_id if job.leader is not None else job.public_id
    line = turns.in_turn(turns.waiting(job.queue), turns.counted(running))
    for index, other in enumerate(line):
        if other.public_id == public_id:
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
