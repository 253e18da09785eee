"""A real web server for client programs: gunicorn on the test database, on a free port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.conf import settings

from tests.worker import ROOT, running_worker, test_database_url


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web_server() -> Iterator[str]:
    """Base URL of a running server; what the tests have committed is what it shows."""
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": test_database_url(),
        "DISTILLER_HOME": str(settings.DISTILLER_HOME),
        "DISTILLER_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "gunicorn", "distiller.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += [
        "--worker-class",
        "distiller.webworker.StayingWorker",
        "--threads",
        "8",
        "--log-level",
        "warning",
        "--chdir",
        str(ROOT),
    ]
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    try:
        wait_until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when somebody does; RuntimeError if the process ends or a minute is over."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the web server did not start")


@pytest.fixture(scope="module")
def tap_url(_demo_archive: str, django_db_blocker: Any) -> Iterator[str]:
    """URL of the TAP service of a running server with the demo archive."""
    with django_db_blocker.unblock(), web_server() as base:
        yield f"{base}/tap"


@pytest.fixture(scope="module")
def _tap_worker(tap_url: str, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), running_worker(DISTILLER_WORKER_WARM_UP="false", DISTILLER_WORKER_LONG_SLOTS="1"):
        yield


@pytest.fixture
def async_url(transactional_db: None, demo_archive: str, tap_url: str, _tap_worker: None) -> str:
    """URL of its asynchronous queries, with a worker that runs them; the jobs are gone after the test."""
    return f"{tap_url}/async"
