"""Phase changes by compare-and-swap, results that are all there or not at all, and the looking after."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from provenance.recorder import ActivityRecord
from tests.uws.acting import HOME, at_once, complete, complete_if_possible, make_outputs, queued, take
from tests.uws.jobs import ECHO
from uws import endings, results, service, store
from uws.models import Job, Result, ResultFile, Worker
from uws.phases import Phase
from uws.reconciler import STALE, Reconciler
from uws.registration import Registration
from uws.retries import RUNNING
from uws.runner import Runner
from uws.service import Requester
from uws.storage import ORPHAN_AGE, Orphans

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_taken_once(sent: list[str]) -> None:
    """UWS-37: two workers that get the same message do not both run the job."""
    for _ in range(5):
        job = queued()
        taken = at_once(*[lambda name=name, job=job: take(job.public_id, name) for name in "abcd"])
        assert len([t for t in taken if t is not None]) == 1
        job.refresh_from_db()
        assert (job.phase, job.attempt) == (Phase.EXECUTING, 1)


def test_a_job_is_started_once(sent: list[str]) -> None:
    """UWS-31: RUN twice at the same moment never runs twice."""
    job = service.create("echo", {}, Requester())
    at_once(*[lambda: service.run(Job.objects.get(pk=job.pk)) for _ in range(3)])
    assert sent == [job.public_id]


def test_abort_against_completion(sent: list[str]) -> None:
    """Whoever is first decides; results are there if and only if the job is COMPLETED."""
    for _ in range(5):
        job = queued()
        taken = take(job.public_id, "runner")
        assert taken is not None
        at_once(partial(complete_if_possible, taken), partial(endings.abort, Job.objects.get(pk=job.pk), RUNNING))
        job.refresh_from_db()
        assert job.phase in (Phase.COMPLETED, Phase.ABORTED)
        assert Result.objects.filter(job=job).exists() == (job.phase == Phase.COMPLETED)


def test_a_void_run_cannot_complete(sent: list[str]) -> None:
    """A worker that was given up for dead and comes back changes nothing."""
    job = queued()
    first = take(job.public_id, "slow")
    assert first is not None
    assert store.update_run(first, 1, runner="")
    second = take(job.public_id, "quick")
    assert second is not None
    assert second.attempt == 2
    assert not store.update_run(first, 1, progress_message="late")
    assert not endings.complete(first, RUNNING, list, attempt=1)
    complete(second)


def test_results_appear_with_the_phase_or_not_at_all(sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the last transaction leaves neither results nor a completed job."""
    job = queued()
    taken = take(job.public_id, "runner")
    assert taken is not None
    stored = make_outputs(taken)

    def broken(activity: ActivityRecord) -> None:
        assert Result.objects.filter(job=taken).exists()
        raise ValueError("no provenance")

    monkeypatch.setattr(endings, "record", broken)
    with pytest.raises(ValueError, match="no provenance"):
        endings.complete(taken, RUNNING, lambda: results.publish(taken, stored), attempt=1)
    job.refresh_from_db()
    assert job.phase == Phase.EXECUTING
    assert not Result.objects.exists()
    assert not ResultFile.objects.exists()


def test_storing_fails_as_a_whole(sent: list[str], tmp_path: Path) -> None:
    job = queued()
    good = tmp_path / "good"
    good.write_text("good")
    with pytest.raises(OSError, match="absent"):
        results.put(job, 1, [(ECHO.outputs[0], good), (ECHO.outputs[1], tmp_path / "absent")])
    assert not list((HOME / "results").rglob("*/1/*"))


def test_answered_in_the_web_process(sent: list[str]) -> None:
    """With a live worker of the same software, the second request is COMPLETED before anything is queued."""
    Registration({"short": 2}).beat()
    first = queued(text="twice")
    runner = Runner(HOME)
    assert sent == [first.public_id]
    runner.run("short")
    runner.close()
    first.refresh_from_db()
    assert first.phase == Phase.COMPLETED
    second = queued(text="twice")
    assert (second.phase, second.answered_from) == (Phase.COMPLETED, first.activity)
    assert [r.file for r in second.results.all()] == [r.file for r in first.results.all()]
    assert sent == [first.public_id]
    Worker.objects.update(software={"pydantic": "0.1"})
    cache.clear()  # a process goes by what it has read for a second
    assert queued(text="twice").phase == Phase.QUEUED


def test_destroying_a_shared_result(sent: list[str]) -> None:
    """The bytes go when the last job that refers to them goes, whichever is destroyed first, even at the same time."""
    first, second = queued(text="a"), queued(text="b")
    taken = take(first.public_id, "runner")
    assert taken is not None
    complete(taken)
    name = ResultFile.objects.get().storage_name
    with_results = Job.objects.get(pk=first.pk)
    other = take(second.public_id, "runner")
    assert other is not None
    assert endings.complete(other, RUNNING, lambda: results.link(other, ECHO, with_results) or [], attempt=1)
    assert ResultFile.objects.count() == 1
    at_once(
        lambda: service.destroy(Job.objects.get(pk=first.pk)), lambda: service.destroy(Job.objects.get(pk=second.pk))
    )
    assert not ResultFile.objects.exists()
    assert not results.store().exists(name)
    assert not Job.objects.exists()


def test_dead_runner_is_recognised_at_once(sent: list[str]) -> None:
    """The kernel lets go of a dead runner's lock: its job waits for another worker, its folder is removed."""
    runner = Runner(HOME)
    job = queued()
    taken = take(job.public_id, runner.id)
    assert taken is not None
    (runner.folder / f"{job.public_id}.1" / "files").mkdir(parents=True)
    reconciler = Reconciler(HOME)
    reconciler.recover_from_dead_runners()
    job.refresh_from_db()
    assert job.runner == runner.id
    os.close(runner._lock)
    at_once(reconciler.recover_from_dead_runners, Reconciler(HOME).recover_from_dead_runners)
    job.refresh_from_db()
    assert (job.phase, job.runner, job.crashes) == (Phase.EXECUTING, "", 1)
    assert not runner.folder.exists()
    second = take(job.public_id, "another")
    assert second is not None
    endings_before = second.crashes
    assert endings_before == 1
    reconciler._recover(second, crashed=True)
    third = take(job.public_id, "the last")
    assert third is not None
    reconciler._recover(third, crashed=True)
    job.refresh_from_db()
    assert (job.phase, job.error_kind) == (Phase.ERROR, "transient")
    assert "ended unexpectedly; it was tried 3 times" in job.error_message


def test_silence(sent: list[str]) -> None:
    """A run without a sign of life is given up, by this process's own clock, whatever the clocks of others say."""
    now = 100.0
    reconciler = Reconciler(HOME, clock=lambda: now)
    job = queued()
    taken = take(job.public_id, "elsewhere-1-abc")
    assert taken is not None
    reconciler.recover_from_silence()

    def pass_by(seconds: float) -> str:
        nonlocal now
        for _ in range(int(seconds)):
            now += 1
            reconciler.recover_from_silence()
        job.refresh_from_db()
        return job.runner

    assert pass_by(STALE - 1)
    store.update_run(taken, 1, beat=taken.beat + 1)
    assert pass_by(STALE - 10)
    now += 3600  # nobody looked: the machine was asleep, or the database away
    assert pass_by(1) == "elsewhere-1-abc"
    pass_by(STALE)
    assert (job.phase, job.runner) == (Phase.EXECUTING, "")
    assert sent == [job.public_id] * 2


def test_lost_messages_are_sent_again(sent: list[str]) -> None:
    """The broker was flushed: jobs that wait while their queue is empty are sent again, but not at once."""
    job = queued()
    reconciler = Reconciler(HOME)
    reconciler.send_again()
    assert sent == [job.public_id]
    Job.objects.update(sent=timezone.now() - timedelta(seconds=11))
    reconciler.send_again()
    assert sent == [job.public_id] * 2
    Job.objects.update(sent=None)
    reconciler.send_again()
    assert sent == [job.public_id] * 3


def test_expired_jobs_are_destroyed(sent: list[str]) -> None:
    """UWS 1.1 section 2.1.5: at destruction time the job and its files go; a running one is ended first."""
    waiting, running = queued(text="a"), queued(text="b")
    taken = take(running.public_id, "runner")
    assert taken is not None
    Job.objects.update(destruction=timezone.now() - timedelta(seconds=1))
    Reconciler(HOME).destroy_expired()
    assert not Job.objects.filter(pk=waiting.pk).exists()
    running.refresh_from_db()
    assert running.destroyed
    assert running.abort_requested
    assert not store.jobs().exists()
    store.update_run(running, 1, runner="")
    Reconciler(HOME).destroy_expired()
    assert not Job.objects.exists()


def test_sweep_removes_what_nobody_refers_to(sent: list[str]) -> None:
    """Nor do the dates of files count: the clock that made them may have jumped."""
    job = queued()
    taken = take(job.public_id, "runner")
    assert taken is not None
    complete(taken)
    kept = ResultFile.objects.get()
    orphan = make_outputs(Job(public_id="orphan", attempt=1))[0].storage_name
    now = 100.0
    orphans = Orphans(lambda: now)
    assert results.sweep(orphans) == 0
    old = time.time() - 7200
    os.utime(results.store().path(orphan), (old, old))
    now += ORPHAN_AGE - 1
    assert results.sweep(orphans) == 0
    now += 1
    assert results.sweep(orphans) == 1
    assert not results.store().exists(orphan)
    assert results.store().exists(kept.storage_name)


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.ERROR, Phase.ABORTED])
def test_every_end_leaves_provenance(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, phase: Phase, django_user_model: Any
) -> None:
    """ProvenanceDM 1.0: activity, used and generated entities, parameters with defaults, agents (design decision 7)."""
    records: list[ActivityRecord] = []
    original = endings.record
    monkeypatch.setattr(endings, "record", lambda activity: (records.append(activity), original(activity)))
    anna = django_user_model.objects.create_user("anna")
    job = service.create("echo", {"source": ["alpha"], "energy": ["1 +Inf"]}, Requester(anna))
    service.run(job)
    taken = take(job.public_id, "runner", started=timezone.now())
    assert taken is not None
    if phase == Phase.COMPLETED:
        complete(taken)
    elif phase == Phase.ERROR:
        endings.fail(taken, RUNNING, endings.Failure("no events"), attempt=1)
    else:
        endings.abort(taken, RUNNING, attempt=1)
    (activity,) = records
    base = f"ivo://{settings.DISTILLER_AUTHORITY}/jobs?{job.activity}"
    assert (activity.id, activity.name, activity.version, activity.status) == (base, "echo", "1.0", phase)
    assert [(role, entity.id) for role, entity in activity.used] == [("sources", "ivo://distiller.example/test?alpha")]
    assert [entity.id for _, entity in activity.generated] == ([f"{base}/text"] if phase == Phase.COMPLETED else [])
    assert activity.parameters["energy"].value == "1.0 +Inf"
    assert (activity.parameters["energy"].unit, activity.parameters["times"].value) == ("TeV", "1")
    assert "anna" in {agent.name for agent in activity.agents}
    assert activity.start <= activity.end
