"""Keeping the jobs table true: jobs whose worker, message or time is gone are found and brought to an end or run again.

Every step is a compare-and-swap or idempotent, so that any number of reconcilers may run at the same time.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from django.db import connection
from django.utils import timezone

from uws import endings, joining, limits, outages, parts, processes, queue, results, service, store, turns
from uws.models import Job, Worker
from uws.phases import UNSTARTED, Phase
from uws.resending import Resender
from uws.retries import GIVEN_BACK, RUNNING, give_up_or_retry
from uws.storage import Orphans
from uws.watching import FAMILY

logger = logging.getLogger(__name__)
STALE = 20.0
"""Seconds without a sign of life after which a run is given up. Measured with this process's own monotonic clock: the
clocks of machines may differ or jump."""
LONGEST_GAP = 5.0
"""Seconds that count between two looks at the signs of life: while nobody could look, nobody was silent."""
SWEEP = 900.0
FORGET = timedelta(days=7)
"""Rows of workers that are gone this long are deleted."""


class Reconciler:
    """Looks after the jobs each time `tick` is called. `clock` gives seconds that only grow."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = home / "work"
        self._clock = clock
        self._silence: dict[tuple[int, int, int], float] = {}
        self._last_look = clock()
        self._next_sweep = 0.0
        self._resender = Resender()
        self._orphans = {module: Orphans(clock) for module in (results, parts)}

    def tick(self) -> None:
        """One round. A step that fails is logged and the others go on; while the database is away there is no round."""
        steps = [self.recover_from_dead_runners, self.recover_from_silence, self.send_again, self.destroy_expired]
        if self._clock() >= self._next_sweep:
            self._next_sweep = self._clock() + SWEEP
            steps.append(self.sweep)
        for step in steps:
            try:
                step()
            except outages.AWAY as error:
                logger.warning("looking after the jobs: the database cannot be used: %s", error)
                connection.close()
                return
            except Exception:
                logger.exception("the step %s of looking after the jobs failed", step.__name__)

    def recover_from_dead_runners(self, *, crashed: bool = True) -> None:
        """Runners of this machine whose lock is free are dead: their jobs are run again, what they left is removed.

        `crashed=False`: they were stopped on purpose, which is not held against their jobs.
        """
        for runner in self._runners():
            if not _is_of_this_machine(runner.name) or (lock := _take_lock(runner / "lock")) is None:
                continue
            try:
                for left in runner.iterdir():
                    if left.is_dir():
                        processes.kill_recorded(left / FAMILY)
                        processes.kill_marked(left.name)
                _each(store.being_run().filter(runner=runner.name), lambda job: self._recover(job, crashed=crashed))
                shutil.rmtree(runner, ignore_errors=True)
            finally:
                os.close(lock)

    def recover_from_silence(self) -> None:
        """Runs on other machines that have given no sign of life for long, and runs whose runner hangs."""
        jobs = list(store.being_run())
        now = self._clock()
        gap = min(now - self._last_look, LONGEST_GAP)
        before, self._silence, self._last_look = self._silence, {}, now
        for job in jobs:
            key = (job.pk, job.attempt, job.beat)
            self._silence[key] = before[key] + gap if key in before else 0.0
        _each(
            (job for job in jobs if self._silence[job.pk, job.attempt, job.beat] >= STALE),
            lambda job: self._recover(job, crashed=True),
        )

    def send_again(self) -> None:
        """Jobs that wait for a worker but have no message at the broker any more, or never had one."""
        joining.release_orphans()
        waiting = list(store.waiting_for_worker())
        _each((job for job in waiting if job.abort_requested), lambda job: endings.abort(job, RUNNING))
        busy = turns.counted(turns.running())
        self._resender.send([job for job in waiting if not job.abort_requested and turns.may_run(job, busy)])

    def destroy_expired(self) -> None:
        """Jobs whose destruction time has passed, and those that were destroyed while they ran.

        An archived job is what is left of one at its destruction time (UWS 1.1 section 2.1.3): it stays.
        """
        expired = store.jobs().filter(destruction__lte=timezone.now()).exclude(phase=Phase.ARCHIVED)
        _each(expired[:100], service.destroy)
        _each(Job.objects.filter(destroyed=True)[:100], _purge)

    def sweep(self) -> None:
        """Files that nobody refers to, folders of runners and rows of workers long gone."""
        removed = sum(module.sweep(orphans) for module, orphans in self._orphans.items())
        if removed:
            logger.warning("%d files that belonged to no job were removed", removed)
        limits.forget()
        Worker.objects.filter(heartbeat__lt=timezone.now() - FORGET).delete()
        hosts = set(Worker.objects.values_list("host", flat=True)) | {socket.gethostname()}
        running = set(store.being_run().values_list("runner", flat=True))
        for runner in self._runners():
            if _machine(runner.name) not in hosts and runner.name not in running:
                shutil.rmtree(runner, ignore_errors=True)

    def _runners(self) -> list[Path]:
        return sorted(self._folder.glob("[!.]*")) if self._folder.is_dir() else []

    def _recover(self, job: Job, *, crashed: bool) -> None:
        if job.destroyed or job.abort_requested:
            endings.abort(job, RUNNING, attempt=job.attempt)
        elif crashed:
            logger.warning("job %s lost its worker %s", job.public_id, job.runner)
            give_up_or_retry(job, job.attempt, "the worker that ran this job ended unexpectedly")
        elif store.update_run(job, job.attempt, **GIVEN_BACK):
            queue.send(job)


def _each(jobs: Iterable[Job], do: Callable[[Job], object]) -> None:
    """Do something with each job; one that has a defect does not keep the others from it."""
    for job in jobs:
        try:
            do(job)
        except outages.AWAY:
            raise
        except Exception:
            logger.exception("job %s cannot be looked after", job.public_id)


def _purge(job: Job) -> None:
    if job.phase == Phase.EXECUTING and job.runner:
        return
    endings.abort(job, (*UNSTARTED, Phase.EXECUTING))
    endings.purge(job)


def _machine(runner: str) -> str:
    """The name of the machine in that of a runner."""
    return runner.rsplit("-", 2)[0]


def _is_of_this_machine(runner: str) -> bool:
    """Locks of other machines say nothing here: not every common file system knows them."""
    return _machine(runner) == socket.gethostname()


def _take_lock(path: Path) -> int | None:
    """The lock of a dead runner, as an open file; None while its owner lives, or if the folder is being made."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
