"""Jobs that are taken and run within the test's own process: there is no broker, and no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.utils import timezone

from uws import outages, queue, service, store
from uws.models import Job
from uws.runner import Runner
from uws.service import Requester

HOME = Path(configured.DISTILLER_HOME)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the jobs that were handed to the broker; nobody takes them but the runners of these tests."""
    ids: list[str] = []

    def send(job: Job) -> bool:
        ids.append(job.public_id)
        Job.objects.filter(pk=job.pk).update(sent=timezone.now())
        return True

    monkeypatch.setattr(queue, "send", send)
    monkeypatch.setattr(queue, "depth", lambda name: 0)
    monkeypatch.setattr(outages, "PAUSE", 0.01)
    return ids


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner(HOME)
    yield runner
    runner.close()


def queued(**parameters: object) -> Job:
    job = service.create("echo", {name: [str(value)] for name, value in parameters.items()}, Requester())
    service.run(job)
    return job


def taken(runner: str = "elsewhere-1-abc", **parameters: object) -> Job:
    job = store.take(queued(**parameters).public_id, runner)
    assert job is not None
    return job


def run(runner: Runner, **parameters: object) -> Job:
    job = queued(**parameters)
    runner.run(job.queue)
    job.refresh_from_db()
    return job
