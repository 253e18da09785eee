"""The programs and chores that make up a worker and a demo server, for the supervisor."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import redis
from django.conf import settings
from django.db import Error

from archive.scrubbing import Scrubber
from distiller.broker import queue_folder, redis_server, socket_path
from distiller.supervisor import Chore, Program
from uws.notify import redis_client
from uws.queue import QUEUES
from uws.reconciler import Reconciler
from uws.registration import Registration
from uws.wait import release_connection
from uws.warmth import ONE_THREAD

logger = logging.getLogger(__name__)
TEND = 2.0
BEAT = 5.0
SCRUB = 60.0


Slots = Mapping[str, int]
"""Jobs that are run at the same time, by queue."""


def configured_slots() -> dict[str, int]:
    """The slots of the settings."""
    numbers = (settings.DISTILLER_WORKER_SHORT_SLOTS, settings.DISTILLER_WORKER_LONG_SLOTS)
    return dict(zip(QUEUES, numbers, strict=True))


def worker_lock() -> Path | None:
    """The lock of whoever serves the private queue of this DISTILLER_HOME; a common one has any number."""
    private = _has_private_redis() or _has_private_folder()
    return Path(settings.DISTILLER_HOME) / "run" / "supervisor.lock" if private else None


def worker_programs(slots: Slots) -> list[Program]:
    """The private Redis, if there is no other broker, and a Celery worker for each queue: none waits for the other."""
    programs = []
    if _has_private_folder():
        queue_folder(settings.DISTILLER_HOME).mkdir(parents=True, exist_ok=True)
    elif _has_private_redis():
        programs.append(_redis_program())
    return [*programs, *(_celery_program(queue, slots) for queue, number in slots.items() if number)]


def _has_private_folder() -> bool:
    return str(settings.CELERY_BROKER_URL).startswith("filesystem")


def _has_private_redis() -> bool:
    return str(settings.CELERY_BROKER_URL) == f"redis+socket://{socket_path(settings.DISTILLER_HOME)}"


def worker_chores(slots: Slots) -> list[Chore]:
    """Signs of life in the database, looking after the jobs, and after the stored files."""
    registration = Registration(slots)
    reconciler = Reconciler(settings.DISTILLER_HOME)
    scrubber = Scrubber(release_connection)

    def recover_stopped() -> None:
        reconciler.recover_from_dead_runners(crashed=False)
        registration.end()

    return [
        Chore(BEAT, _tolerant("the sign of life", registration.beat)),
        Chore(
            TEND, _tolerant("looking after the jobs", reconciler.tick), _tolerant("handing back jobs", recover_stopped)
        ),
        Chore(SCRUB, scrubber.keep_going, scrubber.stop),
    ]


def web_program(port: int) -> Program:
    """gunicorn on this machine only; in production it stands behind a proxy."""
    return Program(
        "web server",
        [
            *(sys.executable, "-m", "gunicorn", "distiller.wsgi"),
            *(
                "--bind",
                f"127.0.0.1:{port}",
                "--worker-class",
                "distiller.webworker.StayingWorker",
                "--workers",
                "2",
                "--threads",
                "16",
            ),
            *("--graceful-timeout", "3", "--log-level", "warning"),
            # The address of a selection of observations is long.
            *("--limit-request-line", "8190"),
            *("--chdir", str(settings.BASE_DIR)),
        ],
        # Arrow's own pools keep the memory of a large result for the next one.
        {"ARROW_DEFAULT_MEMORY_POOL": "system"},
        patience=6,
    )


def _redis_program() -> Program:
    server = redis_server()
    if server is None:
        raise RuntimeError("there is no redis-server")
    path = socket_path(settings.DISTILLER_HOME)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    if path.parent.owner() != Path(settings.DISTILLER_HOME).owner():
        raise RuntimeError(f"{path.parent} belongs to somebody else")
    _end_stale_redis()
    command = [
        *(server, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "600"),
        *("--save", "", "--appendonly", "no", "--dir", str(path.parent), "--loglevel", "warning"),
        *("--logfile", str(path.parent / "redis.log")),
    ]
    return Program("private Redis", command, ready=_redis_answers)


def _end_stale_redis() -> None:
    """A Redis left by a supervisor that was killed where the kernel does not end its children."""
    client = redis_client(str(settings.CELERY_BROKER_URL))
    try:
        if client is not None:
            client.shutdown(nosave=True)
    except redis.RedisError:
        socket_path(settings.DISTILLER_HOME).unlink(missing_ok=True)


def _redis_answers() -> bool:
    client = redis_client(str(settings.CELERY_BROKER_URL))
    try:
        return client is not None and bool(client.ping())
    except redis.RedisError:
        return False


def _celery_program(queue: str, slots: Slots) -> Program:
    command = [
        *(
            sys.executable,
            # Celery warns root of pickled messages; ours are JSON.
            *("-W", "ignore:You're running the worker with superuser"),
            "-m",
            "celery",
            "--quiet",
            "--skip-checks",
            "--workdir",
            str(settings.BASE_DIR),
            "-A",
            "distiller.celery",
        ),
        *("worker", "--pool", "prefork", "--concurrency", str(slots[queue]), "--queues", queue),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--hostname", f"{queue}-{os.getpid()}@{socket.gethostname()}", "--loglevel", "WARNING"),
    ]
    # SIGQUIT ends it at once: running jobs are handed to the next worker rather than waited for.
    environment = {**ONE_THREAD, "MPLBACKEND": "Agg", "DJANGO_SETTINGS_MODULE": "distiller.settings"}
    # What a job may use of the machine depends on how many there are.
    environment |= {f"DISTILLER_WORKER_{name.upper()}_SLOTS": str(number) for name, number in slots.items()}
    return Program(f"worker of the queue {queue}", command, environment, stop_signal=signal.SIGQUIT, patience=5)


def _tolerant(what: str, do: Callable[[], None]) -> Callable[[], None]:
    """The same, but a database that is away (or not migrated yet) is logged, and the supervisor lives on."""

    def attempt() -> None:
        try:
            do()
        except Error as error:
            logger.warning("%s: the database cannot be used: %s", what, error)
        finally:
            release_connection()

    return attempt
