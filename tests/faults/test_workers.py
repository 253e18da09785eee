"""Workers and web processes that are killed (-9) while they have jobs in hand."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import requests
from django.conf import settings as configured

from tests.faults import killing
from tests.faults.conftest import Broker, StartWorker, all_ended, nothing_is_left, submit
from tests.server import web_server
from tests.worker import WorkerProcess, alive, eventually
from uws import processes
from uws.models import Job
from uws.phases import Phase

pytestmark = pytest.mark.faults
HOME = Path(configured.DISTILLER_HOME)


@pytest.mark.parametrize("point", killing.RUNNING)
def test_pool_process_killed(start_worker: StartWorker, point: str) -> None:
    """At each of five points of a job: it is run again and completes, once."""
    killing.arm(point)
    start_worker()
    job = submit(text=point, behave="daemon")
    assert all_ended([job], 60) == {Phase.COMPLETED: 1}
    job.refresh_from_db()
    assert job.crashes == (0 if point == "completed" else 1)
    assert job.results.count() == 2
    nothing_is_left()


def _celery(worker: WorkerProcess) -> int:
    """The parent of the pool: a child of the supervisor."""
    assert worker.process is not None
    children = [p.pid for p in processes.table().values() if p.parent == worker.process.pid]
    (pid,) = [pid for pid in children if b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return pid


@pytest.mark.parametrize("victim", ["child", "pool process", "Celery", "supervisor"])
def test_each_process_killed_in_mid_job(start_worker: StartWorker, victim: str) -> None:
    """Whoever dies, the job completes, and a daemon that it had started is ended."""
    worker = start_worker()
    job = submit(behave="daemon", seconds=4)
    note = HOME / "cache" / f"{job.activity}.pids"
    eventually(lambda: note.exists() and note.read_text(), 60, "the daemon")
    daemon = int(note.read_text())
    job.refresh_from_db()
    pool = int(job.runner.rsplit("-", 2)[1])
    if victim == "child":
        family = Path(HOME / "work" / job.runner / f"{job.public_id}.1" / "family").read_text()
        os.kill(int(family.split()[0]), signal.SIGKILL)
    elif victim == "pool process":
        os.kill(pool, signal.SIGKILL)
    elif victim == "Celery":
        os.kill(_celery(worker), signal.SIGKILL)
    else:
        # A second is what the list of processes may be old.
        eventually(lambda: str(daemon) in (HOME / "work" / job.runner / f"{job.public_id}.1" / "family").read_text())
        worker.kill()
        worker.start()
    eventually(lambda: not alive(daemon), 20, "the end of the daemon")
    assert all_ended([job], 60) == {Phase.COMPLETED: 1}
    job.refresh_from_db()
    assert job.crashes == 1
    nothing_is_left()


@pytest.mark.parametrize("point", killing.CREATION)
def test_web_process_killed_during_creation(
    start_worker: StartWorker, broker: Broker, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """There is no job, or one that is run; never half of one."""
    start_worker()
    for name, value in {
        "CELERY_BROKER_URL": broker.url,
        "DISTILLER_JOB_TYPES": "tests.faults.killing:JOBS",
        "DISTILLER_FAULTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with web_server() as base:
        killing.arm(point)
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{base}/uws/echo", {"PHASE": "RUN", "text": point}, timeout=30)
        answer = requests.post(f"{base}/uws/echo", {"PHASE": "RUN", "text": "after"}, timeout=30)
        assert answer.status_code == 200
    jobs = list(Job.objects.all())
    assert len(jobs) == (1 if point == killing.CREATION[0] else 2)
    assert all_ended(jobs, 60) == {Phase.COMPLETED: len(jobs)}
    nothing_is_left()
