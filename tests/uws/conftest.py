"""Fixtures of the job tests: the test job type, clients, and a real worker."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.environment import REQUIRE_ALL
from tests.services import start_redis
from tests.uws.jobs import JOBS, sources
from tests.worker import WorkerProcess, eventually
from uws import jobtypes, queue
from uws.models import Job

WORKER = {
    "DISTILLER_JOB_TYPES": "tests.uws.jobs:JOBS",
    "DISTILLER_WORKER_WARM_UP": "false",
    "DISTILLER_WORKER_LONG_SLOTS": "0",
    "DISTILLER_JOB_RUNS": "2",
}
"""Settings of the workers of these tests: their job types are of the queue `short`."""


@pytest.fixture(scope="module")
def redis_url() -> str:
    """A Redis of these tests."""
    url = start_redis()
    if url is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("there is no redis-server")
    return url


@pytest.fixture(scope="package", autouse=True)
def echo() -> Iterator[jobtypes.JobType]:
    """The job type `echo`, offered while the tests of this folder run."""
    for job_type in JOBS:
        jobtypes.register(job_type)
    sources().mkdir(parents=True, exist_ok=True)
    for name in ("alpha", "beta", "private"):
        (sources() / name).write_text(f"text of {name}\n")
    yield JOBS[0]
    for job_type in JOBS:
        jobtypes.unregister(job_type.name)


@pytest.fixture(scope="package")
def worker_process(django_db_setup: None, django_db_blocker: Any) -> Iterator[WorkerProcess]:
    with django_db_blocker.unblock():
        process = WorkerProcess(**WORKER)
        yield process
        if process.is_running:
            process.stop()


@pytest.fixture
def worker(transactional_db: None, worker_process: WorkerProcess) -> WorkerProcess:
    """A worker that runs the queued jobs; started again if the test before has killed or stopped it."""
    if not worker_process.is_running:
        worker_process.start()
    return worker_process


@pytest.fixture
def no_worker(transactional_db: None, worker_process: WorkerProcess) -> None:
    """Nobody takes the jobs but the test itself."""
    if worker_process.is_running:
        worker_process.stop()


@pytest.fixture
def sent(no_worker: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the jobs that were handed to the broker; there is none."""
    ids: list[str] = []

    def tell(job: Job) -> bool:
        ids.append(job.public_id)
        return True

    monkeypatch.setattr(queue, "tell", tell)
    monkeypatch.setattr(queue, "depth", lambda name: 0)
    shutil.rmtree(Path(settings.DISTILLER_HOME) / "results", ignore_errors=True)
    return ids


Finished = Callable[[str], Job]


@pytest.fixture
def finished() -> Finished:
    """`finished(public_id)`: the job once it is in a final phase."""

    def wait(public_id: str) -> Job:
        def final() -> Job | None:
            job = Job.objects.get(public_id=public_id)
            return job if job.is_final else None

        job: Job = eventually(final, what=f"the end of job {public_id}")
        return job

    return wait


@pytest.fixture
def submit(client: Client) -> Callable[..., str]:
    """`submit(text="x", seconds=1)`: identifier of a job that was created and started over HTTP."""

    def post(**parameters: object) -> str:
        response = client.post("/uws/echo", {"PHASE": "RUN", **parameters})
        assert response.status_code == 303, response.content
        return str(response["Location"]).rpartition("/")[2]

    return post


@pytest.fixture(scope="session")
def validate(shared: Path) -> Callable[[bytes], None]:
    """`validate(xml)`: fails if the document does not follow its schema (UWS-1.1.xsd)."""
    path = shared / "standards" / "xsd" / "validate.py"
    spec = importlib.util.spec_from_file_location("xsd_validate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def check(document: bytes) -> None:
        schema, problems = module.validate(document)
        assert not problems, (schema, problems, document)

    return check
