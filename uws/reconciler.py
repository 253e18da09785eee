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
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db import DatabaseError
from django.utils import timezone

from uws import endings, parts, processes, queue, results, store
from uws.models import Job, Worker
from uws.phases import UNSTARTED, Phase
from uws.runner import GIVEN_BACK, RUNNING, give_up_or_retry

logger = logging.getLogger(__name__)
STALE = 20.0
"""Seconds without a sign of life after which a run is given up. Measured with this process's own monotonic clock: the
clocks of machines may differ or jump."""
RESEND = timedelta(seconds=10)
"""A job that waits longer, while its queue at the broker is empty, is sent again."""
RESEND_ANYWAY = timedelta(minutes=10)
"""The same when the queue is not empty: its message may have been lost among others that were not."""
SWEEP = 3600.0
FORGET = timedelta(days=7)
"""Rows of workers that are gone this long are deleted."""


class Reconciler:
    """Looks after the jobs each time `tick` is called. `clock` gives seconds that only grow."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._beats: dict[tuple[int, int, int], float] = {}
        self._next_sweep = 0.0

    def tick(self) -> None:
        """One round. A step that fails (the database is away) is logged and the others go on."""
        steps = [self.recover_from_dead_runners, self.recover_from_silence, self.send_again, self.destroy_expired]
        if self._clock() >= self._next_sweep:
            self._next_sweep = self._clock() + SWEEP
            steps.append(self.sweep)
        for step in steps:
            try:
                step()
            except (DatabaseError, OSError):
                logger.exception("the step %s of looking after the jobs failed", step.__name__)

    def recover_from_dead_runners(self, *, crashed: bool = True) -> None:
        """Runners of this machine whose lock is free are dead: their jobs are run again, what they left is removed.

        `crashed=False`: they were stopped on purpose, which is not held against their jobs.
        """
        host = f"{socket.gethostname()}-"
        folder = self._home / "work"
        for runner in sorted(folder.glob(f"{host}*")) if folder.is_dir() else []:
            lock = _take_lock(runner / "lock")
            if lock is None:
                continue
            try:
                for left in runner.iterdir():
                    if left.is_dir():
                        processes.kill_marked(left.name)
                for job in store.being_run().filter(runner=runner.name):
                    self._recover(job, crashed=crashed)
                shutil.rmtree(runner, ignore_errors=True)
            finally:
                os.close(lock)

    def recover_from_silence(self) -> None:
        """Runs on other machines that have given no sign of life for long, and runs whose runner hangs."""
        now = self._clock()
        seen: dict[tuple[int, int, int], float] = {}
        for job in store.being_run():
            key = (job.pk, job.attempt, job.beat)
            seen[key] = self._beats.get(key, now)
            if now - seen[key] >= STALE:
                self._recover(job, crashed=True)
        self._beats = seen

    def send_again(self) -> None:
        """Jobs that wait for a worker but have no message at the broker any more, or never had one."""
        now = timezone.now()
        waiting = list(store.waiting_for_worker())
        for job in waiting:
            if job.abort_requested:
                endings.abort(job, RUNNING)
        depths: dict[str, int | None] = {}
        for job in waiting:
            if job.abort_requested:
                continue
            if job.sent is not None:
                age = now - job.sent
                if timedelta() <= age < RESEND:
                    continue
                if job.queue not in depths:
                    depths[job.queue] = queue.depth(job.queue)
                if depths[job.queue] is None or (depths[job.queue] and age < RESEND_ANYWAY):
                    continue
            if not queue.send(job):
                return

    def destroy_expired(self) -> None:
        """Jobs whose destruction time has passed, and those that were destroyed while they ran.

        An archived job is what is left of one at its destruction time (UWS 1.1 section 2.1.3): it stays.
        """
        expired = store.jobs().filter(destruction__lte=timezone.now()).exclude(phase=Phase.ARCHIVED)
        for job in expired[:100]:
            endings.abort(job, UNSTARTED)
            store.hide(job)
        for job in Job.objects.filter(destroyed=True)[:100]:
            if job.phase == Phase.EXECUTING and job.runner:
                continue
            endings.abort(job, (*UNSTARTED, Phase.EXECUTING))
            endings.purge(job)

    def sweep(self) -> None:
        """Files that nobody refers to, rows of workers long gone."""
        removed = results.sweep() + parts.sweep()
        if removed:
            logger.warning("%d files that belonged to no job were removed", removed)
        Worker.objects.filter(heartbeat__lt=timezone.now() - FORGET).delete()

    def _recover(self, job: Job, *, crashed: bool) -> None:
        if job.destroyed or job.abort_requested:
            endings.abort(job, RUNNING, attempt=job.attempt)
        elif crashed:
            logger.warning("job %s lost its worker %s", job.public_id, job.runner)
            give_up_or_retry(job, job.attempt, "the worker that ran this job ended unexpectedly")
        elif store.update_run(job, job.attempt, **GIVEN_BACK):
            queue.send(job)


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
