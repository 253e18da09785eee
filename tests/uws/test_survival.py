"""What a run and the reconciler outlive: databases and brokers that go away, processes that hide, clocks that jump."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from distiller import programs
from tests.environment import REQUIRE_ALL
from tests.services import start_redis
from tests.uws.acting import take
from tests.uws.in_process import HOME, queued, run, taken
from tests.uws.in_process import runner as runner
from tests.uws.in_process import sent as sent
from tests.uws.jobs import JOBS
from uws import conclusion, endings, jobtypes, logs, outages, processes, queue, resending, results, service, store
from uws import watching as watching_module
from uws.models import Job, Result, ResultFile
from uws.phases import Phase
from uws.reconciler import Reconciler
from uws.resending import MARK, Resender
from uws.retries import LONGEST_PAUSE, RUNNING, is_due, pause
from uws.runner import Runner
from uws.service import Requester

pytestmark = pytest.mark.django_db(transaction=True)


def failing(times: int, error: type[Exception], do: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
    """`do`, which raises the error in its first calls, before it does its work or after."""
    left = [times]

    def attempt(*args: Any, **kwargs: Any) -> Any:
        fails = left[0] > 0
        left[0] -= 1
        if fails and not after:
            raise error("server closed the connection unexpectedly")
        answer = do(*args, **kwargs)
        if fails:
            raise error("server closed the connection unexpectedly")
        return answer

    return attempt


def test_job_of_a_type_that_is_gone() -> None:
    """It ends, and keeps neither the other jobs nor the supervisor from living on."""
    job, other = taken(), taken("gone too")
    Job.objects.filter(pk=job.pk).update(crashes=9)
    reconciler = Reconciler(HOME)
    jobtypes.unregister("echo")
    try:
        reconciler._recover(Job.objects.get(pk=job.pk), crashed=True)
        store.hide(other)
        Job.objects.filter(pk=other.pk).update(runner="")
        reconciler.tick()
    finally:
        jobtypes.register(JOBS[0])
    job.refresh_from_db()
    assert job.phase == Phase.ERROR
    assert not Job.objects.filter(pk=other.pk).exists()


def test_a_defective_job_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = taken(), taken()
    Job.objects.update(abort_requested=True, runner="")
    original = endings.abort
    monkeypatch.setattr(endings, "abort", failing(1, KeyError, original))
    Reconciler(HOME).tick()
    first.refresh_from_db()
    second.refresh_from_db()
    assert {first.phase, second.phase} == {Phase.EXECUTING, Phase.ABORTED}


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_reconciler_outlives_the_database(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """InterfaceError is no DatabaseError, and is raised all the same when a connection is gone."""
    monkeypatch.setattr(store, "being_run", failing(9, error, store.being_run))
    Reconciler(HOME).tick()
    programs._tolerant("the test", failing(1, error, lambda: None))()


OUTAGES: list[tuple[str, Any, str, int, bool]] = [
    ("when it is taken", store, "take", 1, False),
    ("when it was taken, unanswered", store, "take", 1, True),
    ("while it runs", watching_module, "_exchange", 3, False),
    ("while it runs, after a write", store, "update_run", 2, True),
    ("when it is completed", conclusion, "_complete", 2, False),
    ("when it was completed, unanswered", conclusion, "_complete", 1, True),
    ("when its files are looked after", results, "discard_unpublished", 1, False),
]


@pytest.mark.parametrize(("module", "name", "times", "after"), [o[1:] for o in OUTAGES], ids=[o[0] for o in OUTAGES])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_run_outlives_the_database(
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    times: int,
    after: bool,
    error: type[Exception],
) -> None:
    """A restart of the database costs a run nothing: neither its work nor a crash, and no result without its file."""
    monkeypatch.setattr(watching_module, "LOOK", 0.02)
    monkeypatch.setattr(module, name, failing(times, error, getattr(module, name), after=after))
    job = run(runner, text=f"{module.__name__} {name}", seconds=0.1)
    assert (job.phase, job.error_message, job.crashes, job.attempt) == (Phase.COMPLETED, "", 0, 1)
    assert all(results.store().exists(result.file.storage_name) for result in job.results.all())
    assert job.results.count() == 2


def test_a_database_that_stays_away(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is left, with nothing of it running, to whoever finds the job silent."""
    monkeypatch.setattr(outages, "PATIENCE", 0.1)
    monkeypatch.setattr(watching_module, "LOOK", 0.02)
    monkeypatch.setattr(watching_module, "_exchange", failing(999, OperationalError, lambda: None))
    before = processes.children()
    job = queued(seconds=60)
    with pytest.raises(OperationalError):
        runner.run(job.queue)
    assert processes.children() == before
    job.refresh_from_db()
    assert (job.phase, job.runner) == (Phase.EXECUTING, runner.id)


def test_time_limit_while_the_database_is_away(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    job = queued(seconds=90)
    Job.objects.update(execution_duration=1)
    monkeypatch.setattr(watching_module, "LOOK", 0.05)
    exchange, begin = watching_module._exchange, time.monotonic()

    def away(run: watching_module.Run, now: float) -> Any:
        if run.duration:
            raise OperationalError("away")
        return exchange(run, now)

    monkeypatch.setattr(watching_module, "_exchange", away)
    runner.run(job.queue)
    job.refresh_from_db()
    assert (job.phase, job.error_message) == (Phase.ABORTED, "the job was ended after 1 s, its execution duration")
    assert time.monotonic() - begin < 5


def test_files_that_nobody_published_are_discarded(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is void when its results are ready: they go, those of the run that has the job now stay."""
    original = conclusion._complete

    def void(run: Any, stored: Any, seconds: float) -> None:
        Job.objects.filter(pk=run.job.pk).update(attempt=7)
        original(run, stored, seconds)

    monkeypatch.setattr(conclusion, "_complete", void)
    job = run(runner, text="void")
    assert job.phase == Phase.EXECUTING
    assert not ResultFile.objects.exists()
    assert not list((HOME / "results" / job.public_id[:2] / job.public_id).rglob("*.txt"))


def test_abort_while_results_are_stored(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """UWS 1.1 section 2.1.4: storing a large result is work of the job too."""
    monkeypatch.setattr(watching_module, "LOOK", 0.05)
    put, storing = results.put, threading.Event()

    def slowly(job: Job, attempt: int, outputs: Any, is_cancelled: Callable[[], bool]) -> Any:
        stored = put(job, attempt, outputs, is_cancelled)
        storing.set()
        while not is_cancelled():
            time.sleep(0.01)
        return stored

    monkeypatch.setattr(results, "put", slowly)
    job = queued(text="large")

    def abort() -> None:
        storing.wait(60)
        store.request_abort(job)
        connection.close()

    thread = threading.Thread(target=abort, daemon=True)
    thread.start()
    runner.run(job.queue)
    thread.join()
    job.refresh_from_db()
    assert job.phase == Phase.ABORTED
    assert not Result.objects.exists()
    assert not list((HOME / "results" / job.public_id[:2]).rglob(f"{job.public_id}/*/*"))


def test_abort_of_a_job_that_waits_to_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker has it: it is ended at once, and none is waited for."""
    monkeypatch.setattr(service, "ABORT_PATIENCE", 50.0)
    job = taken()
    store.update_run(job, 1, runner="")
    begin = time.monotonic()
    service.abort(Job.objects.get(pk=job.pk))
    job.refresh_from_db()
    assert job.phase == Phase.ABORTED
    assert time.monotonic() - begin < 1
    running = taken()
    assert not endings.abort(running, (Phase.EXECUTING,), runner="")


def test_a_common_queue_takes_many_workers(settings: Any) -> None:
    """Only a private queue is for one worker alone (decision 006)."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
    assert programs.worker_lock() is None
    assert [p.name for p in programs.worker_programs({"short": 1, "long": 0})] == ["worker of the queue short"]
    settings.CELERY_BROKER_URL = "filesystem://"
    assert programs.worker_lock() == HOME / "run" / "supervisor.lock"


@pytest.mark.parametrize(("crashes", "seconds"), [(0, 0), (1, 0), (2, 4), (3, 8), (50, 120)])
def test_pauses_between_runs(crashes: int, seconds: float) -> None:
    assert pause(crashes) == timedelta(seconds=seconds)


def test_a_job_that_fails_again_and_again(sent: list[str], settings: Any) -> None:
    """It pauses, and it is not sent meanwhile; a clock that was an hour ahead does not make it wait for an hour."""
    settings.DISTILLER_JOB_RUNS = 4
    job = taken()
    reconciler = Reconciler(HOME)
    reconciler._recover(job, crashed=True)
    again = take(job.public_id, "second")
    assert again is not None
    sent.clear()
    reconciler._recover(again, crashed=True)
    reconciler.send_again()
    assert sent == []
    job.refresh_from_db()
    assert job.not_before is not None
    now = timezone.now()
    assert not is_due(job, now)
    assert is_due(job, now - timedelta(hours=1))
    assert is_due(job, now + LONGEST_PAUSE)
    Job.objects.update(not_before=now)
    reconciler.send_again()
    assert sent == [job.public_id]


def test_broker_that_was_flushed(sent: list[str], monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """All jobs that wait are sent again at once, though others are in the queue by now."""
    url = start_redis()
    if url is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("there is no redis-server")
    settings.CELERY_BROKER_URL = url
    monkeypatch.setattr(queue, "depth", lambda name: 5)
    client = resending.notify.redis_client(url)
    assert client is not None
    Resender().send([])
    assert client.exists(MARK)
    jobs = [queued(text=str(number)) for number in range(3)]
    sent.clear()
    Resender().send(store.waiting_for_worker())
    assert sent == []
    client.flushall()
    Resender().send(store.waiting_for_worker())
    Resender().send(store.waiting_for_worker())
    assert sent == [job.public_id for job in jobs]


AGES = [  # seconds since the job was sent; since a later one was that has been taken; depth; whether it is sent again
    (5, None, 0, False),
    (11, None, 0, True),
    (11, None, 5, False),
    (60, 55, 5, False),
    (60, 40, 5, True),
    (601, None, 5, True),
    (601, None, None, False),
    (-3600, None, 5, False),
    (-3600, None, 0, True),
]


@pytest.mark.parametrize(("age", "taken_age", "depth", "again"), AGES)
def test_messages_that_were_lost(
    sent: list[str],
    monkeypatch: pytest.MonkeyPatch,
    age: float,
    taken_age: float | None,
    depth: int | None,
    again: bool,
) -> None:
    """A queue is served in order: who waits while later ones were taken has lost its message."""
    monkeypatch.setattr(queue, "depth", lambda name: depth)
    monkeypatch.setattr(resending, "_was_flushed", lambda: False)
    job = queued()
    now = timezone.now()
    if taken_age is not None:
        later = taken(text="later")
        Job.objects.filter(pk=later.pk).update(sent=now - timedelta(seconds=taken_age))
    Job.objects.filter(pk=job.pk).update(sent=now - timedelta(seconds=age))
    sent.clear()
    Reconciler(HOME).send_again()
    assert sent == ([job.public_id] if again else [])


def test_deletion_of_a_user(runner: Runner, django_user_model: Any, client: Client) -> None:
    """The user's jobs are destroyed as at any destruction: files go, a running one is ended, nobody sees them."""
    anna = django_user_model.objects.create_user("anna")
    finished = service.create("echo", {"text": ["anna's"]}, Requester(anna))
    service.run(finished)
    runner.run(finished.queue)
    name = ResultFile.objects.earliest("pk").storage_name
    running = service.create("echo", {}, Requester(anna))
    service.run(running)
    assert take(running.public_id, "elsewhere-1-abc") is not None
    anna.delete()
    assert client.get(f"/uws/echo/{finished.public_id}").status_code == 404
    Reconciler(HOME).destroy_expired()
    assert not results.store().exists(name)
    assert list(Job.objects.values_list("pk", "abort_requested")) == [(running.pk, True)]


def test_disk_that_is_full(runner: Runner) -> None:
    """It may have room later: the job is run again, and its owner is told what the matter is."""
    job = run(runner, behave="full-disk")
    assert (job.phase, job.crashes, job.runner) == (Phase.EXECUTING, 1, "")
    Job.objects.update(crashes=9)
    runner.run(job.queue)
    job.refresh_from_db()
    assert (job.phase, job.error_kind) == (Phase.ERROR, "transient")
    assert job.error_message.startswith("the disk of the worker is full")
    assert "--- run 2 ---" in logs.read(job)[0]


def test_reconcilers_at_once(sent: list[str]) -> None:
    """A crash is counted once, however many see it."""
    job = taken()
    barrier = threading.Barrier(3, timeout=60)

    def recover() -> None:
        stale = Job.objects.get(pk=job.pk)
        barrier.wait()
        Reconciler(HOME)._recover(stale, crashed=True)
        connection.close()

    threads = [threading.Thread(target=recover, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    job.refresh_from_db()
    assert (job.phase, job.crashes, job.runner) == (Phase.EXECUTING, 1, "")


@pytest.mark.parametrize("hours", [-1, 1])
def test_clock_that_jumps(runner: Runner, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """In mid-job the clock goes to another hour: the job completes once, and its file stays."""
    real, jumped = timezone.now, threading.Event()
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=hours) if jumped.is_set() else real())
    original = conclusion._complete
    reconciler = Reconciler(HOME)

    def complete(run: Any, stored: Any, seconds: float) -> None:
        jumped.set()
        reconciler.tick()
        reconciler.sweep()
        original(run, stored, seconds)

    monkeypatch.setattr(conclusion, "_complete", complete)
    job = run(runner, text=f"jump {hours}")
    reconciler.sweep()
    assert (job.phase, job.crashes, job.attempt) == (Phase.COMPLETED, 0, 1)
    assert all(results.store().exists(result.file.storage_name) for result in job.results.all())
    waiting = queued(text="after the jump")
    jumped.clear()
    reconciler.tick()
    runner.run(waiting.queue)
    waiting.refresh_from_db()
    assert waiting.phase == Phase.COMPLETED


def test_runs_of_a_job_that_cannot_be_given_back_twice() -> None:
    """An end that was reached is not taken back by a retry that comes late."""
    job = taken()
    stale = Job.objects.get(pk=job.pk)
    endings.fail(job, RUNNING, endings.Failure("over"), attempt=1)
    Reconciler(HOME)._recover(stale, crashed=True)
    job.refresh_from_db()
    assert job.phase == Phase.ERROR
