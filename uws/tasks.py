"""The Celery side: what a worker does when it starts, and the one task, which says that a queue has something to do."""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_process_init, worker_process_shutdown
from django.conf import settings

from uws import jobtypes
from uws.child import load
from uws.processes import die_with_parent
from uws.queue import TASK
from uws.runner import Runner
from uws.warmth import settle

logger = logging.getLogger(__name__)


@shared_task(name=TASK, ignore_result=True)
def run_job(queue_name: str) -> None:
    """Run the jobs of the queue, as they have their turns, until none is left for this worker.

    The messages of jobs that were taken so find nothing to do. Each job that ends lets another one begin, also one that
    was passed over because its owner had enough running, whose message is spent.
    """
    runner = this_runner(os.getpid())
    while runner.run(queue_name):
        pass


@lru_cache(maxsize=1)
def this_runner(pid: int) -> Runner:
    """The runner of this process; a forked one gets its own."""
    return Runner(settings.DISTILLER_HOME)


@worker_init.connect(weak=False)
def warm_up(sender: Any, **_: Any) -> None:
    """Import what the jobs of its queues need, before the pool is forked: every job starts from a loaded process."""
    queues = set(sender.app.amqp.queues.consume_from)
    for kind in jobtypes.all_job_types() if settings.DISTILLER_WORKER_WARM_UP else ():
        if kind.queue not in queues:
            continue
        begin = time.monotonic()
        try:
            load(kind.worker)
            if kind.warm_up is not None:
                load(kind.warm_up)()
        except Exception:
            logger.exception("job type %s is not warmed up; its jobs will start slowly or fail", kind.name)
        else:
            logger.info("job type %s is ready after %.1f s", kind.name, time.monotonic() - begin)
    settle()


@worker_process_init.connect(weak=False)
def enter_pool(**_: Any) -> None:
    die_with_parent(os.getppid())
    this_runner(os.getpid())


@worker_process_shutdown.connect(weak=False)
def leave_pool(**_: Any) -> None:
    this_runner(os.getpid()).close()
