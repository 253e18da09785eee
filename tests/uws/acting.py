"""What tests do that are worker, broker and owner themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.uws.jobs import ECHO
from uws import endings, results, service, store
from uws.models import Job
from uws.runner import RUNNING
from uws.service import Requester

HOME = Path(settings.DISTILLER_HOME)


def queued(who: Requester | None = None, *, fresh: bool = False, **parameters: str) -> Job:
    """A job of the type `echo` that has been started."""
    given = {name: [text] for name, text in parameters.items()}
    job = service.create("echo", given, who or Requester(), fresh=fresh)
    service.run(job)
    return job


def take(public_id: str, runner: str, **changes: object) -> Job | None:
    """What a worker does with the job of that id, whoever's turn it is."""
    rows = store.waiting_for_worker().filter(public_id=public_id, abort_requested=False)
    return store.take(rows, runner, lambda job: changes)


def at_once(*actions: Callable[[], object]) -> list[object]:
    """Results of actions that are started at the same moment in threads of their own."""
    barrier = threading.Barrier(len(actions), timeout=60)
    outcomes: list[object] = [None] * len(actions)

    def act(index: int) -> None:
        barrier.wait()
        try:
            outcomes[index] = actions[index]()
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=[i], daemon=True) for i in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def make_outputs(job: Job, text: str = "result") -> list[results.StoredOutput]:
    """What a run of the job has made, in the store and not visible yet."""
    folder = HOME / "made"
    folder.mkdir(exist_ok=True)
    path = folder / f"{job.public_id}.txt"
    path.write_text(text)
    return results.put(job, job.attempt, [(ECHO.outputs[0], path)])


def complete(job: Job) -> None:
    """End a job that was taken, with a result."""
    assert complete_if_possible(job)


def complete_if_possible(job: Job) -> bool:
    stored = make_outputs(job)
    return endings.complete(job, RUNNING, lambda: results.publish(job, stored), attempt=job.attempt)
