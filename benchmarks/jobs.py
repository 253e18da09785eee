"""What the job controller costs: overhead of a job, trivial jobs a second, two slots beside one.

    python -m benchmarks.jobs [--only redis|embedded] [--jobs 100]

`redis`: PostgreSQL and a Redis of its own; `embedded`: SQLite and the private queue. Both are the whole service
(gunicorn, 2 processes; a worker with 2 slots) on 127.0.0.1. Ratios are what counts: times are those of the machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks import server
from benchmarks.tap import Case
from tests.services import start_redis

OVERHEAD = {"redis": 0.3, "embedded": 0.6}
"""Bounds (s)."""
CLIENTS = 4


class Client:
    """One client of the service, on one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)

    def submit(self, number: int, seconds: float = 0.0) -> str:
        """Path of a new job that was told to run."""
        body = urlencode({"PHASE": "RUN", "number": number, "seconds": seconds})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        _, location = self._ask("POST", "/uws/computing", body, headers)
        return urlsplit(location).path

    def result(self, job: str) -> dict[str, float]:
        """When the work of a job began and ended, as soon as it is there."""
        while (phase := self._ask("GET", f"{job}/phase?WAIT=30")[0]) in (b"QUEUED", b"EXECUTING"):
            self._ask("GET", f"{job}?WAIT=30&PHASE={phase.decode()}")
        if phase != b"COMPLETED":
            raise SystemExit(f"the job is {phase.decode()}")
        times: dict[str, float] = json.loads(self._ask("GET", f"{job}/results/times")[0])
        return times

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[bytes, str]:
        self._connection.request(method, path, body, headers or {})
        response = self._connection.getresponse()
        return response.read(), response.getheader("Location", "")


def overhead(url: str, jobs: int = 12) -> float:
    """Seconds from submission to the work, and from its end to the visible result; the median of jobs one by one."""
    client, found = Client(url), []
    for number in range(jobs):
        begin = time.time()
        times = client.result(client.submit(-number - 1))
        found.append(times["begin"] - begin + time.time() - times["end"])
    return statistics.median(found[2:])


def rate(url: str, first: int, jobs: int, seconds: float = 0.0) -> float:
    """Jobs a second through creation, run and result, of some clients."""

    def work(numbers: range) -> None:
        client = Client(url)
        for job in [client.submit(number, seconds) for number in numbers]:
            client.result(job)

    begin = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, [range(first + part, first + jobs, CLIENTS) for part in range(CLIENTS)]))
    return jobs / (time.perf_counter() - begin)


@contextmanager
def service(kind: str, slots: int) -> Iterator[str]:
    """URL of a service with that number of slots."""
    os.environ |= {
        "DISTILLER_JOB_TYPES": "benchmarks.computing:JOB",
        "DISTILLER_WORKER_WARM_UP": "false",
        "DISTILLER_WORKER_SHORT_SLOTS": str(slots),
        "DISTILLER_WORKER_LONG_SLOTS": "0",
    }
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="distiller-bench-", dir="/tmp")))
        database = f"sqlite:///{home / 'bench.sqlite3'}"
        if kind == "redis":
            database = stack.enter_context(server.postgresql(server.free_port()))
            os.environ["CELERY_BROKER_URL"] = start_redis() or ""
        server.manage(home, database, "migrate", "-v", "0")
        url, _ = stack.enter_context(server.service(home, database, server.free_port()))
        Client(url).result(Client(url).submit(1_000_000))  # the worker is there
        yield url
        os.environ.pop("CELERY_BROKER_URL", None)


def cases(kind: str, jobs: int) -> Iterator[Case]:
    with service(kind, 2) as url:
        yield Case(f"{kind}: overhead of a job, idle worker, median", overhead(url), OVERHEAD[kind], "s")
        rate(url, 2_000_000, 8)
        yield Case(f"{kind}: {jobs} trivial jobs", rate(url, 3_000_000, jobs), 15, "a second", at_least=True)
        two = rate(url, 4_000_000, 12, 0.8)
    with service(kind, 1) as url:
        yield Case(f"{kind}: two slots / one", two / rate(url, 5_000_000, 6, 0.8), 1.8, at_least=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(OVERHEAD))
    parser.add_argument("--jobs", type=int, default=100)
    arguments = parser.parse_args()
    missed = 0
    for kind in [arguments.only] if arguments.only else OVERHEAD:
        for case in cases(kind, arguments.jobs):
            print(case, flush=True)
            missed += not case.holds
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
