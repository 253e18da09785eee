"""The supervisor and the private queue: starts, starts again, stops, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import Celery
from django.test import Client

from distiller import broker
from distiller.settings.queue import celery_settings
from distiller.supervisor import Program
from tests.server import own_port
from tests.uws.conftest import WORKER, Finished
from tests.worker import ROOT, WorkerProcess, alive, descendants, eventually
from tests.worker import test_database_url as database_url
from uws import processes, queue, service
from uws.models import Worker
from uws.phases import Phase
from uws.service import Requester

SLEEPER = [sys.executable, "-c", "import time; time.sleep(1000)"]


def test_a_program_that_dies_is_started_again() -> None:
    program = Program("sleeper", SLEEPER)
    program.keep(0.0)
    first = program.process
    assert first is not None
    first.kill()
    first.wait()
    now = time.monotonic()
    program.keep(now)
    assert program.process is None
    program.keep(now + program.pause / 2)
    assert program.process is None
    program.keep(now + program.pause)
    assert program.process is not None
    assert program.process.pid != first.pid
    pause = program.pause
    program.process.kill()
    program.process.wait()
    program.keep(now)
    assert program.pause == 2 * pause
    program.stop()


def test_a_program_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(1000)"
    )
    program = Program("stubborn", [sys.executable, "-c", stubborn, str(tmp_path / "deaf")], patience=0.5)
    program.start()
    assert program.process is not None
    eventually((tmp_path / "deaf").exists, what="the program that takes no notice")
    program.stop()
    assert program.process.returncode == -signal.SIGKILL


def test_nothing_outlives_its_parent() -> None:
    """kill -9 of a supervisor ends its programs."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from distiller.supervisor import Program;"
        "p = Program('s', ['sleep', '1000']); p.start(); print(p.process.pid, flush=True); time.sleep(1000)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not alive(child), 20, "the end of the program")


INTERRUPTED = """
import itertools, signal, sys
sys.path.insert(0, sys.argv[1])
from distiller import supervisor

def ends_before(moment):
    steps = itertools.count()

    def trace(frame, event, argument):
        if event == "line" and next(steps) == moment:
            signal.raise_signal(signal.SIGTERM)
        return trace

    tracing = supervisor.Chore(100, lambda: sys.settrace(trace))
    running = supervisor.Supervisor(None, [], [tracing, supervisor.Chore(0, lambda: None)])
    running._next_strays = float("inf")
    running.run()
    sys.settrace(None)
    return next(steps) > moment

supervisor.PAUSE = 0.001
moment = 0
while moment < 100 and ends_before(moment):
    moment += 1
print(moment)
"""


def test_the_signal_to_stop_may_come_at_any_moment() -> None:
    """Whatever the supervisor does just then, line by line of a turn and a half."""
    command = [sys.executable, "-c", INTERRUPTED, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("100\n", "")


def test_marked_processes_are_found() -> None:
    process = subprocess.Popen(["sleep", "1000"], env={**os.environ, processes.MARKER: "job.1"}, start_new_session=True)
    other = subprocess.Popen(["sleep", "1000"], env={**os.environ, processes.MARKER: "job.11"})
    try:
        eventually(lambda: list(processes.marked("job.1")) == [process.pid], 20, "the marked process")
        assert processes.kill_marked("job.1") == 1
        assert process.wait(20) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_socket_of_a_long_home(tmp_path: Path) -> None:
    """A Unix socket's path has 107 bytes at most: a long home gets a short, private folder elsewhere."""
    assert broker.socket_path(Path("/srv/distiller")) == Path("/srv/distiller/run/redis.sock")
    long = tmp_path / ("x" * 120)
    path = broker.socket_path(long)
    assert len(os.fsencode(path)) < 104
    assert path == broker.socket_path(long)
    assert path != broker.socket_path(tmp_path / ("y" * 120))


def test_broker_of_each_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert broker.broker_url("redis://host/1", tmp_path) == "redis://host/1"
    assert broker.broker_url("", Path("/srv/d")).startswith("redis+socket:///srv/d/")
    monkeypatch.setattr(broker, "redis_server", lambda: None)
    assert broker.broker_url("", tmp_path) == "filesystem://"
    assert celery_settings("filesystem://", tmp_path)["broker_transport_options"]["data_folder_in"].startswith(
        str(tmp_path)
    )


def test_second_worker_is_refused(worker: WorkerProcess) -> None:
    """Two supervisors would fight over the private queue of one DISTILLER_HOME."""
    eventually(Worker.objects.exists, what="the worker's registration")
    second = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "worker"],
        env={**os.environ, "DATABASE_URL": database_url()},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert second.returncode == 1
    assert "another worker is running" in second.stderr
    assert "Traceback" not in second.stderr


def redis_of(worker: WorkerProcess) -> int:
    """Process id of the worker's private Redis."""
    assert worker.process is not None
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(worker.process.pid)}
    (pid,) = [pid for pid, command in commands.items() if b"redis-server" in command]
    return pid


def test_queue_that_dies_is_started_again(worker: WorkerProcess, finished: Finished) -> None:
    """The private Redis is killed: it comes back empty, the worker finds it again, and no job is lost."""
    eventually(Worker.objects.exists, what="the worker's registration")
    first = service.create("echo", {"text": ["before"], "seconds": ["1"]}, Requester())
    service.run(first)
    finished(first.public_id)
    (redis,) = [
        p for p in descendants(worker.process.pid) if b"redis-server" in Path(f"/proc/{p}/cmdline").read_bytes()
    ]
    os.kill(redis, signal.SIGKILL)
    second = service.create("echo", {"text": ["after"]}, Requester())
    service.run(second)
    assert finished(second.public_id).phase == Phase.COMPLETED


@pytest.mark.django_db
def test_health(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    queue = response.json()["queue"]
    assert response.json() == {"status": "ok", "database": True, "queue": queue, "workers": 0, "damaged_files": 0}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_without_any_redis(
    no_worker: None, finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    """The fall-back: Celery's filesystem transport carries the jobs where there is no redis-server at all."""
    home = tmp_path / "home"
    url = "filesystem://"
    queue_settings = celery_settings(url, home)
    (home / "run" / "queue").mkdir(parents=True)
    settings.CELERY_BROKER_URL = url
    app = Celery("by file", set_as_current=False)
    app.conf.update(queue_settings)
    monkeypatch.setattr(queue, "celery_app", lambda: app)
    worker = WorkerProcess(DISTILLER_HOME=str(home), CELERY_BROKER_URL=url, **WORKER)
    worker.start()
    try:
        job = service.create("echo", {"text": ["by file"]}, Requester())
        service.run(job)
        job = finished(job.public_id)
        assert (job.phase, job.error_message) == (Phase.COMPLETED, "")
    finally:
        assert worker.stop() == 0
        app.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_memory_limit(no_worker: None, finished: Finished) -> None:
    """A job that takes more memory than it may is ended, and says so."""
    worker = WorkerProcess(DISTILLER_JOB_MEMORY="250", **WORKER)
    worker.start()
    try:
        job = service.create("echo", {"behave": ["memory"]}, Requester())
        service.run(job)
        job = finished(job.public_id)
        assert job.phase == Phase.ERROR
        assert "more memory than the 250 MiB" in job.error_message
    finally:
        worker.stop()


@pytest.fixture
def port() -> Iterator[int]:
    with own_port() as port:
        yield port


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_serve(no_worker: None, port: int, tmp_path: Path) -> None:
    """One command: says what it does and where it answers, runs the worker too, and Ctrl-C ends everything."""
    environment = {
        **os.environ,
        "DISTILLER_HOME": str(tmp_path / "home"),
        "DATABASE_URL": "",
        "DISTILLER_PORT": str(port),
        "DISTILLER_WORKER_WARM_UP": "false",
    }
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), "serve"], env=environment, stdout=file
        )
    try:
        eventually(lambda: f"ready at http://127.0.0.1:{port}/" in output.read_text(), what="the greeting")
        assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60).json()["database"] is True
        assert requests.get(f"http://127.0.0.1:{port}/uws/spectrum", timeout=60).status_code == 200
        family = descendants(process.pid)
        assert len(family) >= 4
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(90)
    assert status == 0
    assert not any(alive(pid) for pid in family)
    assert output.read_text().endswith("Stopped\n")
