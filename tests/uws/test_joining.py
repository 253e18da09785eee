"""Identical work that is under way is done once, and nobody learns from whom its results are."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from provenance.models import Activity, Entity, WasDerivedFrom
from tests.uws.acting import HOME, at_once, complete, make_outputs, queued, take
from uws import endings, joining, results, service, store, turns
from uws.activity import activity_id
from uws.models import Job, Part, Result, ResultFile
from uws.phases import Phase
from uws.reconciler import Reconciler
from uws.registration import Registration
from uws.runner import RUNNING, Runner
from uws.service import Requester

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def informed(sent: list[str]) -> list[str]:
    """The web process knows the software of a live worker, and so the key of a job."""
    Registration({"short": 2}).beat()
    return sent


def taken(job: Job) -> Job:
    """The job as a worker has it."""
    row = take(job.public_id, "runner", started=timezone.now())
    assert row is not None
    joining.show_taken(row)
    return row


def phases(*jobs: Job) -> list[str]:
    for job in jobs:
        job.refresh_from_db()
    return [job.phase for job in jobs]


def test_followers_go_with_the_work(informed: list[str]) -> None:
    """One is queued for all; phase, progress, results and end are those of the work, provenance is each one's own."""
    first, second = queued(text="same"), queued(text="same")
    assert informed == [first.public_id]
    assert [job.public_id for job in store.waiting_for_worker()] == [first.public_id]
    run = taken(first)
    late = queued(text="same")
    store.update_run(run, run.attempt, progress_message="Fitting", progress_fraction=0.5)
    assert phases(second, late) == [Phase.EXECUTING] * 2
    assert {(job.progress_message, job.progress_fraction) for job in (second, late)} == {("Fitting", 0.5)}
    complete(run)
    assert phases(first, second, late) == [Phase.COMPLETED] * 3
    assert ResultFile.objects.count() == 1
    assert Result.objects.count() == 3
    for job in (second, late):
        assert (job.answered_from, job.computed, job.leader) == (first.activity, first.ended, None)
        assert Activity.objects.filter(id=activity_id(job)).exists()
        origin = WasDerivedFrom.objects.get(generated_entity_id=f"{activity_id(job)}/text")
        assert origin.used_entity_id == f"{activity_id(first)}/text"
    assert informed == [first.public_id]


def test_started_at_the_same_moment(informed: list[str]) -> None:
    """Of several identical jobs one is run, whoever comes first."""
    jobs = [service.create("echo", {"text": ["race"]}, Requester()) for _ in range(4)]
    at_once(*[partial(service.run, Job.objects.get(pk=job.pk)) for job in jobs])
    assert phases(*jobs) == [Phase.QUEUED] * 4
    assert store.waiting_for_worker().count() == 1
    assert len(informed) == 1


def test_failure_is_everybodys(informed: list[str]) -> None:
    first, second = queued(), queued()
    run = taken(first)
    assert endings.fail(run, RUNNING, endings.Failure("no events are left"), attempt=1)
    second.refresh_from_db()
    assert (second.phase, second.error_message) == (Phase.ERROR, "no events are left")


def test_what_concerns_the_leader_only(informed: list[str]) -> None:
    """It may not read the input any more: the others have been found to be allowed to, and go on."""
    first, second = queued(), queued()
    run = taken(first)
    assert endings.fail(run, RUNNING, endings.Failure("this is not yours"), attempt=1, alone=True)
    second.refresh_from_db()
    assert (second.phase, second.runner, second.leader) == (Phase.EXECUTING, "", None)
    assert informed == [first.public_id, second.public_id]
    complete(taken(second))


@pytest.mark.parametrize("end", [service.abort, service.destroy])
@pytest.mark.parametrize("running", [False, True])
def test_leader_leaves(informed: list[str], end: Callable[[Job], None], running: bool) -> None:
    """UWS 1.1 section 2.1.4: it has ended for its owner at once; the run itself goes on for the others."""
    first, second, third = queued(), queued(), queued()
    stamp = first.activity
    run = taken(first) if running else None
    end(Job.objects.get(pk=first.pk))
    if end is service.abort:
        assert phases(first) == [Phase.ABORTED]
    else:
        assert not Job.objects.filter(pk=first.pk).exists()
    second.refresh_from_db()
    third.refresh_from_db()
    assert (second.leader, third.leader) == (None, second)
    if run is None:
        run = taken(second)
    else:
        heir = joining.holder(stamp)
        assert heir == second
        assert not store.update_run(first, run.attempt)
        run = heir
    complete(run)
    assert phases(second, third) == [Phase.COMPLETED] * 2


def test_leader_with_files_leaves(informed: list[str]) -> None:
    """What was sent along goes with its job: the next one begins anew with its own."""
    first, second = queued(), queued()
    Part.objects.create(job=first, name="x", storage_name="none", size=1, sha256="")
    taken(first)
    assert not joining.hand_over(first)
    assert endings.abort(first, RUNNING)
    second.refresh_from_db()
    assert (second.phase, second.runner) == (Phase.EXECUTING, "")
    assert list(store.waiting_for_worker()) == [second]


@pytest.mark.parametrize("end", [service.abort, service.destroy])
def test_follower_leaves(informed: list[str], end: Callable[[Job], None]) -> None:
    first, second = queued(), queued()
    run = taken(first)
    end(Job.objects.get(pk=second.pk))
    assert not store.jobs().filter(pk=second.pk).exclude(phase=Phase.ABORTED).exists()
    assert phases(first) == [Phase.EXECUTING]
    complete(run)
    assert not Result.objects.filter(job=second.pk).exists()


def test_time_is_over(informed: list[str]) -> None:
    """Whoever may not take longer ends too; who may goes on."""
    first, second, patient = queued(), queued(), queued()
    Job.objects.filter(pk__in=[first.pk, second.pk]).update(execution_duration=1)
    run = taken(first)
    assert endings.abort(run, RUNNING, endings.Failure("ended after 1 s"), attempt=1)
    assert phases(first, second, patient) == [Phase.ABORTED, Phase.ABORTED, Phase.EXECUTING]
    assert second.error_message == "ended after 1 s"
    assert list(store.waiting_for_worker()) == [patient]


def test_key_is_learned_by_the_worker(sent: list[str]) -> None:
    """Without a live worker the web does not know the key: identical jobs are queued, and meet when they are run."""
    first, second, third = queued(), queued(), queued()
    assert len(sent) == 3
    one, two = taken(first), taken(second)
    assert joining.take_lead(one, one.attempt, "key")
    assert not joining.take_lead(two, two.attempt, "key")
    second.refresh_from_db()
    assert (second.phase, second.runner, second.leader) == (Phase.EXECUTING, "", first)
    store.update_run(one, one.attempt, runner="")  # its worker has died: another one takes the lead
    three = taken(third)
    assert joining.take_lead(three, three.attempt, "key")
    for job in (first, second):
        job.refresh_from_db()
        assert job.leader == third
    complete(three)
    assert phases(first, second, third) == [Phase.COMPLETED] * 3


def test_who_is_to_end_joins_nobody(sent: list[str]) -> None:
    """An abort that is asked for between the beginning of a run and the learning of its key is still the run's."""
    first, second = queued(), queued()
    one, two = taken(first), taken(second)
    assert joining.take_lead(one, one.attempt, "key")
    assert store.request_abort(second)
    assert joining.take_lead(two, two.attempt, "key")
    second.refresh_from_db()
    assert (second.runner, second.leader) == (two.runner, None)
    assert endings.abort(two, RUNNING, attempt=two.attempt)
    first.refresh_from_db()
    assert (first.phase, first.leads) == (Phase.EXECUTING, "key")


def test_followers_without_a_leader_wait_themselves(informed: list[str]) -> None:
    first, second = queued(), queued()
    Job.objects.filter(pk=first.pk).update(phase=Phase.ERROR, leads="")  # as no code of ours does it
    assert not store.waiting_for_worker().exists()
    Reconciler(HOME).send_again()
    assert list(store.waiting_for_worker()) == [second]


def test_fresh_is_neither_answered_nor_joined(informed: list[str]) -> None:
    """FRESH: the work is done again, and later jobs are answered with the newer results."""
    first = queued(text="again")
    run = taken(first)
    fresh = queued(text="again", fresh=True)
    assert (fresh.phase, fresh.leader) == (Phase.QUEUED, None)
    complete(run)
    runner = Runner(HOME)
    runner.run("short")
    runner.close()
    assert phases(fresh) == [Phase.COMPLETED]
    assert fresh.answered_from == ""
    third = queued(text="again")
    assert third.answered_from == fresh.activity


def test_answer_does_not_tell_whose_it_was(informed: list[str], client: Client) -> None:
    """An anonymous job may be used by who knows its id: nothing that others are shown has it, nor its owner's name."""
    zenobia = User.objects.create_user("zenobia")
    for who in (Requester(), Requester(zenobia)):
        text = "a user's" if who.user else "anonymous"
        first = queued(who, text=text)
        run = taken(first)
        joined = queued(text=text)
        complete(run)
        Job.objects.filter(pk=first.pk).update(cache_key=Job.objects.get(pk=joined.pk).cache_key)
        later = queued(text=text)
        assert phases(first, joined, later) == [Phase.COMPLETED] * 3
        for job in (joined, later):
            shown = client.get(f"/uws/echo/{job.public_id}").content.decode()
            assert "answeredFrom" in shown
            shown += client.get(f"/jobs/{job.public_id}").content.decode()
            for query in ({"ID": job.public_id, "DEPTH": "ALL"}, {"ID": activity_id(job), "DIRECTION": "FORTH"}):
                shown += client.get("/provenance/provsap", query).content.decode()
            assert first.public_id not in shown
            assert "zenobia" not in shown
    records = json.dumps(list(Entity.objects.values()) + list(Activity.objects.values()), default=str)
    anonymous = Job.objects.filter(owner=None).values_list("public_id", flat=True)
    assert not [name for name in anonymous if name in records]


def test_own_rights_come_first(informed: list[str]) -> None:
    """What is not public is not given away by joining: inputs are resolved under the rights of the job's own owner."""
    karl = User.objects.create_user("karl")
    first = queued(Requester(karl), source="private")
    assert first.phase == Phase.QUEUED
    other = queued(source="private")
    assert (other.phase, other.error_message) == (Phase.ERROR, "private is proprietary")
    complete(taken(first))
    other = queued(source="private")
    assert (other.phase, other.error_message) == (Phase.ERROR, "private is proprietary")


def test_completion_against_abort(informed: list[str]) -> None:
    """Whatever comes first: the leader's results are there or handed on, and no follower is left behind."""
    for number in range(3):
        first, second = queued(text=f"{number}"), queued(text=f"{number}")
        run = taken(first)
        stamp = run.activity

        def finish(run: Job = run, stamp: str = stamp) -> None:
            stored = make_outputs(run)
            if not endings.complete(run, RUNNING, partial(results.publish, run, stored), attempt=1):
                heir = joining.holder(stamp)
                assert heir is not None
                assert endings.complete(heir, RUNNING, partial(results.publish, heir, stored), attempt=1)

        at_once(finish, partial(service.abort, Job.objects.get(pk=first.pk)))
        assert phases(second) == [Phase.COMPLETED]
        assert phases(first)[0] in (Phase.COMPLETED, Phase.ABORTED)
        assert turns.claim("short", "another") is None
