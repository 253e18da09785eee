"""Many jobs at once: while workers are killed, and aborted all together."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.conf import settings as configured
from django.db import connection

from tests.faults.conftest import Broker, StartWorker, all_ended, nothing_is_left, submit
from tests.server import web_server
from tests.worker import WorkerProcess, alive, eventually
from uws import service
from uws.models import Job
from uws.phases import FINAL, Phase
from uws.service import Requester

pytestmark = pytest.mark.faults
HOME = Path(configured.DISTILLER_HOME)
CLIENTS = 20
KILLED_EVERY = 10.0
KINDS = ("well", "well", "well", "daemon", "family", "user-error", "chatty")


def _kill(worker: WorkerProcess, turn: int, rng: random.Random) -> None:
    """One of the worker's processes; every third time the supervisor itself, which is started again."""
    if turn % 3 == 2:
        worker.kill()
        worker.start()
        return
    others = worker.family()[1:]
    if others:
        os.kill(rng.choice(others), signal.SIGKILL)


def test_soak(start_worker: StartWorker, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 jobs by 20 clients with a worker killed every 10 s: each ends, once, and nothing is left of any."""
    workers = [start_worker(DISTILLER_JOB_RUNS="9") for _ in range(2)]  # two reconcilers, too
    monkeypatch.setenv("CELERY_BROKER_URL", broker.url)
    monkeypatch.setenv("DISTILLER_JOB_TYPES", "tests.faults.killing:JOBS")
    over = threading.Event()

    def kill() -> None:
        rng = random.Random(1)
        for turn in itertools.count():
            if over.wait(KILLED_EVERY):
                return
            _kill(workers[turn % 2], turn, rng)

    killer = threading.Thread(target=kill, daemon=True)
    with web_server() as base:

        def client(number: int) -> list[tuple[str, str]]:
            rng, urls = random.Random(number), []
            for turn in range(10):
                given = {
                    "text": f"{number}/{turn}",
                    "behave": rng.choice(KINDS),
                    "seconds": f"{rng.uniform(0, 1.5):.2f}",
                }
                answer = requests.post(f"{base}/uws/echo", {"PHASE": "RUN", **given}, timeout=60)
                urls.append((answer.url, given["text"]))
            for url, _ in urls:
                while requests.get(f"{url}/phase", timeout=60).text not in FINAL:
                    time.sleep(0.5)
            return urls

        killer.start()
        try:
            with ThreadPoolExecutor(CLIENTS) as pool:
                urls = list(itertools.chain.from_iterable(pool.map(client, range(CLIENTS))))
        finally:
            over.set()
            killer.join()
        for url, text in random.Random(2).sample(urls, 20):
            if requests.get(f"{url}/phase", timeout=60).text == Phase.COMPLETED:
                assert requests.get(f"{url}/results/text", timeout=60).text.startswith(text)
    jobs = list(Job.objects.all())
    assert len(jobs) == len(urls) == 10 * CLIENTS
    phases = all_ended(jobs, 10)
    expected = sum(job.parameters["behave"] != ["user-error"] for job in jobs)
    assert phases == {Phase.COMPLETED: expected, Phase.ERROR: len(jobs) - expected}
    assert all(job.results.count() == (2 if job.phase == Phase.COMPLETED else 0) for job in jobs)
    nothing_is_left()
    pids = [int(pid) for note in (HOME / "cache").glob("*.pids") for pid in note.read_text().split()]
    eventually(lambda: not any(map(alive, pids)), 20, "the end of all processes of jobs")


def _abort_all(jobs: list[Job]) -> float:
    """Seconds until all are ABORTED, asked for by as many clients."""

    def abort(job: Job) -> None:
        try:
            service.abort(Job.objects.get(pk=job.pk))
        finally:
            connection.close()

    begin = time.monotonic()
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(abort, jobs))
    assert all_ended(jobs, 10) == {Phase.ABORTED: len(jobs)}
    return time.monotonic() - begin


def test_abort_of_twenty_running_jobs(start_worker: StartWorker) -> None:
    """All are ABORTED within 3 s, and no process of any is left."""
    start_worker(DISTILLER_WORKER_SHORT_SLOTS="20", DISTILLER_JOB_RUNNING="20,20,20")
    jobs = [submit(behave="family", seconds=90, text=str(number)) for number in range(20)]
    notes = [HOME / "cache" / f"{job.activity}.pids" for job in jobs]
    eventually(lambda: all(note.exists() and note.read_text() for note in notes), 60, "20 runs")
    pids = [int(pid) for note in notes for pid in note.read_text().split()]
    assert _abort_all(jobs) < 3
    eventually(lambda: not any(map(alive, pids)), 3, "the end of all processes")
    nothing_is_left()


RUNS = {"obs_id": ["1001", "1002", "1003", "1004"]}
TYPES: dict[str, dict[str, list[str]]] = {
    "countmap": {**RUNS, "width": ["4"], "binsz": ["0.01"]},
    "spectrum": RUNS,
    "TAP": {
        "LANG": ["ADQL"],
        "QUERY": ["SELECT COUNT(*) AS n FROM " + ", ".join(f"tap_schema.columns AS {name}" for name in "abcdefg")],
    },
}


@pytest.fixture
def job_types(demo_archive: str) -> Callable[[str], list[Job]]:
    """`job_types("countmap")`: twenty jobs of that type, started, of different work."""
    from tap.jobs import JOB_TYPE

    def start(name: str) -> list[Job]:
        jobs = []
        for number in range(20):
            given = dict(TYPES[name])
            if name != "TAP":
                given["on_radius"] = [f"{0.1 + number / 1000}"]
            jobs.append(service.create(JOB_TYPE if name == "TAP" else name, given, Requester()))
            service.run(jobs[-1])
        return jobs

    return start


@pytest.mark.parametrize("name", TYPES)
def test_abort_of_twenty_jobs_of_a_type(
    job_types: Callable[[str], list[Job]], start_worker: StartWorker, name: str
) -> None:
    """Some run, the others wait: all are ABORTED within 3 s."""
    worker = start_worker(DISTILLER_WORKER_LONG_SLOTS="2")
    jobs = job_types(name)
    eventually(lambda: Job.objects.filter(phase=Phase.EXECUTING).exists(), 60, "the first run")
    assert _abort_all([job for job in jobs if not Job.objects.get(pk=job.pk).is_final]) < 3
    eventually(lambda: not list((HOME / "work").glob("*/*.*")), 5, "the end of the runs")
    assert worker.is_running
    nothing_is_left()
