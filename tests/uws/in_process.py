"""Jobs that are taken and run within the test's own process: there is no broker, and no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured

from tests.uws.acting import take
from uws import outages, queue, service
from uws.models import Job
from uws.runner import Runner
from uws.service import Requester

HOME = Path(configured.DISTILLER_HOME)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the jobs that were handed to the broker; nobody takes them but the runners of these tests."""
    ids: list[str] = []

    def tell(job: Job) -> bool:
        ids.append(job.public_id)
        return True

    monkeypatch.setattr(queue, "tell", tell)
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
    job = take(queued(**parameters).public_id, runner)
    assert job is not None
    return job


def run(runner: Runner, **parameters: object) -> Job:
    job = queued(**parameters)
    runner.run(job.queue)
    job.refresh_from_db()
    return job
