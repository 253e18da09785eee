"""A real web server for client programs: gunicorn on the test database, on a free port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.conf import settings

from tests.worker import ROOT, running_worker, test_database_url


@contextmanager
def own_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody else is given within the block: another run of the tests looks for ports too.

    Linux lets a server bind it all the same: both set SO_REUSEADDR, and the socket that keeps it does not listen.
    """
    with closing(socket.socket()) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = int(keeper.getsockname()[1])
        if sys.platform != "linux":
            keeper.close()
        yield port


@contextmanager
def listening(command: Sequence[str], port: int, **options: Any) -> Iterator[None]:
    """A server that runs within the block; `options` are those of Popen."""
    process = subprocess.Popen(command, **options)
    try:
        wait_until_it_listens(port, process)
        yield
    finally:
        process.terminate()
        process.wait(60)  # gunicorn gives its threads 30 s to end


@contextmanager
def web_server() -> Iterator[str]:
    """Base URL of a running server; what the tests have committed is what it shows."""
    environment = {
        **os.environ,
        "DATABASE_URL": test_database_url(),
        "DISTILLER_HOME": str(settings.DISTILLER_HOME),
        "DISTILLER_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "gunicorn", "distiller.wsgi", "--threads", "8", "--log-level", "warning"]
    command += ["--worker-class", "distiller.webworker.StayingWorker", "--chdir", str(ROOT), "--bind"]
    with own_port() as port, listening([*command, f"127.0.0.1:{port}"], port, env=environment, cwd=ROOT):
        yield f"http://127.0.0.1:{port}"


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
