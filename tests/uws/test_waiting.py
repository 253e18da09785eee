"""WAIT over processes and with clients, on a served site: Redis messages where there are any, polling elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from django.db import connection
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from pyvo.dal import AsyncTAPJob
from pyvo.io.uws import parse_job, parse_job_list

from tests.uws.conftest import Finished
from tests.worker import WorkerProcess
from uws import endings, notify, store, wait
from uws.models import Job
from uws.phases import Phase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["redis", "polling", "redis gone"])
def broker(no_worker: None, request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> str:
    """How waiting processes hear of changes."""
    urls = {"polling": "filesystem://", "redis gone": f"redis+socket://{tmp_path}/none.sock"}
    settings.CELERY_BROKER_URL = urls.get(request.param) or request.getfixturevalue("redis_url")
    return str(request.param)


def in_a_while(seconds: float, action: Any) -> threading.Thread:
    def act() -> None:
        time.sleep(seconds)
        try:
            action()
        finally:
            connection.close()

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def new_job(url: str, **parameters: str) -> str:
    response = requests.post(f"{url}/uws/echo", data={"RUNID": "test", **parameters}, allow_redirects=False, timeout=60)
    assert response.status_code == 303
    return response.headers["Location"]


def test_wait_ends_with_the_phase(live_server: LiveServer, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """UWS 1.1 section 2.2.1.2: blocks while the phase stays, and PENDING to anything else wakes it.

    The news are enough where the broker tells them: nothing is looked up again within the time.
    """
    monkeypatch.setattr(wait, "SAFETY_POLL", 50.0)
    location = new_job(live_server.url)
    job = Job.objects.get()
    changed: list[float] = []

    def change() -> None:
        changed.append(time.monotonic())
        store.advance(Job.objects.get(), [Phase.PENDING], Phase.QUEUED)

    thread = in_a_while(0.7, change)
    document = requests.get(location, params={"WAIT": "50", "PHASE": "PENDING"}, timeout=100)
    ended = time.monotonic()
    thread.join()
    assert parse_job(_file(document.content)).phase == "QUEUED"
    assert 0 < ended - changed[0] < (2.0 if broker == "redis" else 4.0)
    begin = time.monotonic()
    requests.get(location, params={"WAIT": "1"}, timeout=100)
    assert 0.9 < time.monotonic() - begin < 4
    endings.abort(Job.objects.get(pk=job.pk), [Phase.QUEUED])


def test_wait_of_a_deleted_job(live_server: LiveServer, broker: str) -> None:
    location = new_job(live_server.url)
    thread = in_a_while(0.5, lambda: requests.delete(location, timeout=60))
    assert requests.get(location, params={"WAIT": "-1"}, timeout=100).status_code == 404
    thread.join()


def new_row(number: int = 0) -> Job:
    return Job.objects.create(
        public_id=f"job{number}", job_type="echo", type_version="1", destruction=timezone.now(), execution_duration=1
    )


def test_waiting_holds_no_connection(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "filesystem://"
    new_row()
    open_while_waiting: list[bool] = []

    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        open_while_waiting.append(connection.connection is not None)
        if len(open_while_waiting) == 2:
            Job.objects.update(phase=Phase.QUEUED)
            connection.close()
        real_sleep(seconds)

    monkeypatch.setattr(wait.time, "sleep", sleep)
    wait.wait_while("job0", Phase.PENDING, 30)
    assert len(open_while_waiting) >= 2
    assert not any(open_while_waiting)


def test_waiters_are_limited(settings: Any) -> None:
    """More requests than a process can spare threads for are answered early, which the standard allows."""
    settings.CELERY_BROKER_URL = "filesystem://"
    settings.DISTILLER_WAITING_REQUESTS = 1
    with wait._watch.joined("y"):
        begin = time.monotonic()
        wait.wait_while(new_row().public_id, Phase.PENDING, 50)
        assert 0.9 < time.monotonic() - begin < 3


def test_one_look_for_all_who_wait(broker: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """UWS 1.1 section 2.2.1.2 without busy polling: requests share the looks, and each hears of its own job only.

    The first to wait looks for all; when its job changes, another goes on.
    """
    settings.DISTILLER_WAITING_REQUESTS = 20
    looks: list[int] = []
    look = wait._phases
    monkeypatch.setattr(wait, "_phases", lambda ids: looks.append(len(ids)) or look(ids))
    jobs = [new_row(number) for number in range(10)]
    ended: dict[int, float] = {}

    def follow(number: int) -> None:
        job = jobs[number]
        try:
            wait.wait_while(job.public_id, Phase.PENDING, 50)
            ended[number] = time.monotonic()
        finally:
            connection.close()

    begin = time.monotonic()
    threads = [threading.Thread(target=follow, args=[number], daemon=True) for number in range(10)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    time.sleep(0.4)
    assert ended == {}
    for number in (0, 1, 5):
        store.advance(jobs[number], [Phase.PENDING], Phase.QUEUED)
        threads[number].join(30)
        assert set(ended) == {0, 1, 5} & set(range(number + 1))
    for number in {*range(10)} - {0, 1, 5}:
        store.advance(jobs[number], [Phase.PENDING], Phase.ABORTED)
    for thread in threads:
        thread.join(30)
    assert len(ended) == 10
    shared = [count for count in looks if count > 1]
    each = 0.25 if broker != "redis" else 2.0
    assert len(shared) <= (time.monotonic() - begin) / each + 14
    assert wait._watch._waiters == []
    assert wait._watch._news is None


def test_an_absent_broker_costs_nothing(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/redis.sock"
    begin = time.monotonic()
    notify.publish("x")
    assert time.monotonic() - begin < 1


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_pyvo_drives_a_job(
    live_server: LiveServer, worker: WorkerProcess, finished: Finished, session: requests.Session
) -> None:
    """pyvo's job class: create, run, wait, results, delete (uws.md, "What clients do with it")."""
    location = new_job(live_server.url, text="from pyvo", seconds="0.5")
    job = AsyncTAPJob(location, session=session, delete=False)
    assert (job.phase, job.job.version) == ("PENDING", "1.1")
    job.run()
    job.wait(timeout=150.0)
    assert job.phase == "COMPLETED"
    results = {result.id_: result.href for result in job.job.results}
    assert list(results) == ["text", "extra"]
    assert session.get(results["text"], timeout=60).text == "from pyvo\n"[:-1]
    job.delete()
    assert session.get(location, timeout=60).status_code == 404


def test_pyvo_reads_the_list(live_server: LiveServer) -> None:
    assert list(parse_job_list(_file(requests.get(f"{live_server.url}/uws/echo", timeout=60).content))) == []


def test_pyvo_aborts(live_server: LiveServer, session: requests.Session) -> None:
    job = AsyncTAPJob(new_job(live_server.url), session=session, delete=False)
    job.abort()
    assert job.phase == "ABORTED"


def test_results_in_part(live_server: LiveServer, worker: WorkerProcess, finished: Finished) -> None:
    """RFC 9110 section 14: ranges, validators and checksums of results."""
    location = new_job(live_server.url, text="0123456789", PHASE="RUN")
    finished(location.rpartition("/")[2])
    url = f"{location}/results/text"

    def get(**headers: str) -> requests.Response:
        return requests.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=60)

    whole = get()
    etag = whole.headers["ETag"]
    assert (whole.text, whole.headers["Content-Type"], whole.headers["Content-Length"]) == (
        "0123456789", "text/plain", "10",
    )  # fmt: skip
    for header, text, content_range in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=5-100", "56789", "bytes 5-9/10"),
    ]:
        part = get(Range=header)
        assert (part.status_code, part.text, part.headers["Content-Range"]) == (206, text, content_range)
    assert get(Range="bytes=2-4", If_Range=etag).status_code == 206
    for condition in ('"other"', f"W/{etag}"):
        assert get(Range="bytes=2-4", If_Range=condition).text == "0123456789"
    beyond = get(Range="bytes=10-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")
    for ignored in ("bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x"):
        assert get(Range=ignored).status_code == 200
    assert get(If_None_Match=etag).status_code == 304
    assert get(If_Modified_Since=whole.headers["Last-Modified"]).status_code == 304
    head = requests.head(url, timeout=60)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "10", b"")


def _file(content: bytes) -> Any:
    return BytesIO(content)
