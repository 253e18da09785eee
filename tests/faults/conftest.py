"""A broker that can be stopped and flushed, and workers that are killed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings as configured
from django.db import connection

from distiller.settings.queue import celery_settings
from tests.environment import REQUIRE_ALL
from tests.faults import killing
from tests.services import redis_server
from tests.uws.jobs import JOBS
from tests.worker import WorkerProcess, eventually
from uws import jobtypes, queue, results, service
from uws.models import Job, ResultFile
from uws.phases import FINAL
from uws.service import Requester
from uws.storage import ORPHAN_AGE, Orphans

HOME = Path(configured.DISTILLER_HOME)


class Broker:
    """A Redis on a Unix socket, without persistence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"redis+socket://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = redis_server()
        if program is None:
            (pytest.fail if REQUIRE_ALL else pytest.skip)("there is no redis-server")
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        eventually(self._answers, 10, "the start of Redis")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def flush(self) -> None:
        redis.Redis(unix_socket_path=str(self.socket)).flushall()

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis(unix_socket_path=str(self.socket)).ping())
        except redis.RedisError:
            return False


@pytest.fixture
def broker(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Broker]:
    """The broker of this test's web process and workers."""
    broker = Broker(tmp_path_factory.mktemp("r"))
    broker.start()
    settings.CELERY_BROKER_URL = broker.url
    app = Celery("faults", set_as_current=False)
    app.conf.update(celery_settings(broker.url, HOME))
    monkeypatch.setattr(queue, "celery_app", lambda: app)
    yield broker
    app.close()
    broker.stop()


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(transactional_db: None, broker: Broker) -> Iterator[StartWorker]:
    """`start_worker(DISTILLER_...="...")`: a worker of the test's broker, ended with the test."""
    workers: list[WorkerProcess] = []
    for job_type in JOBS:
        jobtypes.register(job_type)
    shutil.rmtree(HOME / "results", ignore_errors=True)

    def start(**environment: str) -> WorkerProcess:
        worker = WorkerProcess(
            **{
                "CELERY_BROKER_URL": broker.url,
                "DISTILLER_JOB_TYPES": "tests.faults.killing:JOBS",
                "DISTILLER_FAULTS": "1",
                "DISTILLER_WORKER_WARM_UP": "false",
                "DISTILLER_WORKER_LONG_SLOTS": "0",
                **environment,
            }
        )
        worker.start()
        workers.append(worker)
        return worker

    yield start
    connection.close()
    for worker in workers:
        if worker.is_running:
            worker.stop()
    for job_type in JOBS:
        jobtypes.unregister(job_type.name)
    assert not killing.disarm(), "nobody came to the point at which it was to die"


def submit(**parameters: object) -> Job:
    """A job of type echo that was started."""
    job = service.create("echo", {name: [str(value)] for name, value in parameters.items()}, Requester())
    service.run(job)
    return job


def all_ended(jobs: Iterable[Job], seconds: float) -> dict[str, int]:
    """How many jobs ended in which phase, when all have."""
    ids = [job.pk for job in jobs]

    def look() -> bool:
        return not Job.objects.filter(pk__in=ids).exclude(phase__in=FINAL).exists()

    eventually(look, seconds, "the end of all jobs")
    phases = list(Job.objects.filter(pk__in=ids).values_list("phase", flat=True))
    assert len(phases) == len(ids)
    return {phase: phases.count(phase) for phase in set(phases)}


def nothing_is_left() -> None:
    """After a sweep the result store has the files of the results, no other and all of them; no run left a folder."""
    now = 0.0
    orphans = Orphans(lambda: now)
    results.sweep(orphans)
    now += ORPHAN_AGE
    results.sweep(orphans)
    top = HOME / "results"
    files = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    assert files == set(ResultFile.objects.values_list("storage_name", flat=True))
    eventually(lambda: not _has_run_folders(), 10, "the end of the folders of runs")


def _has_run_folders() -> bool:
    try:
        return any((HOME / "work").glob("*/*.*"))
    except FileNotFoundError:  # a dead runner's folder was just removed
        return True
