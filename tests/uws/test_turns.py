"""Whose turn it is, what an owner's jobs may take together, and what is told of starts and ends."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as HttpClient
from django.utils import timezone

from tests.uws.acting import HOME, at_once, complete, queued
from uws import limits, runtimes, service, tasks, turns
from uws.estimates import Outlook, outlook
from uws.models import Client, Job, RunTime, Worker
from uws.phases import Phase
from uws.registration import Registration
from uws.runner import Runner
from uws.service import Requester
from uws.turns import Waiting

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LINES: list[tuple[str, str, dict[str, int], dict[str, int], str]] = [
    ("one owner: in order", "a1 a2 a3", {}, {}, "a1 a2 a3"),
    ("owners take turns", "a1 a2 a3 b1 c1 b2", {}, {}, "a1 b1 c1 a2 b2 a3"),
    ("who has jobs running waits for who has none", "a1 a2 b1", {"a": 1}, {}, "b1 a1 a2"),
    ("of equals the one that was served longest ago", "a1 b1 c1", {}, {"a": 2, "b": 1}, "c1 b1 a1"),
    ("one that is never served does not starve", "a1 b1 c1", {}, {"a": 3, "b": 2, "c": 1}, "c1 b1 a1"),
    ("nobody", "", {"a": 1}, {}, ""),
]


@pytest.mark.parametrize(("line", "busy", "minutes", "expected"), [c[1:] for c in LINES], ids=[c[0] for c in LINES])
def test_owners_take_turns(line: str, busy: dict[str, int], minutes: dict[str, int], expected: str) -> None:
    waiting = [Waiting(name, name[0], 0, "echo", None) for name in line.split()]
    last = {name: NOON + timedelta(minutes=minute) for name, minute in minutes.items()}
    assert " ".join(job.public_id for job in turns.ordered(waiting, busy, last)) == expected


@pytest.fixture
def people(sent: list[str]) -> list[Requester]:
    return [Requester(User.objects.create_user(name)) for name in ("anna", "boris")]


def names(jobs: Sequence[Job | None]) -> list[str]:
    return [job.parameters["text"][0] for job in jobs if job is not None]


def test_a_free_worker_takes_the_job_whose_turn_it_is(people: list[Requester]) -> None:
    """A script with many jobs does not keep others from theirs, whatever the order of the messages."""
    anna, boris = people
    for number in range(3):
        queued(anna, text=f"a{number}")
    queued(boris, text="b0")
    claimed = [turns.claim("short", "runner") for _ in range(5)]
    assert names(claimed) == ["a0", "b0", "a1", "a2"]
    assert turns.claim("long", "runner") is None


def test_running_jobs_of_one_owner(people: list[Requester], sent: list[str], settings: Any) -> None:
    """Beyond the limit they wait, also where workers come at the same moment; the end of one makes room."""
    settings.DISTILLER_JOB_RUNNING = (1, 2, 3)
    anna, boris = people
    for number in range(4):
        queued(anna, text=f"a{number}")
    at_once(*[partial(turns.claim, "short", f"runner {number}") for number in range(4)])
    running = list(Job.objects.filter(phase=Phase.EXECUTING))
    assert len(running) == 2
    assert turns.claim("short", "runner") is None
    queued(boris, text="b0")
    assert names([turns.claim("short", "runner")]) == ["b0"]
    sent.clear()
    complete(running[0])
    turns.wake_others(running[0])
    assert sent == []  # its worker takes the next one without a message
    passed_over = Job.objects.get(phase=Phase.QUEUED, given=[["text", ["a2"]]])
    Job.objects.filter(pk=passed_over.pk).update(queue="long")
    turns.wake_others(running[0])
    assert sent == [passed_over.public_id]
    assert names([turns.claim("long", "runner")]) == ["a2"]


def test_one_message_is_enough_for_the_line(people: list[Requester], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker goes on until nobody waits; a message that finds nothing to do does nothing."""
    runner = Runner(HOME)
    monkeypatch.setattr(tasks, "this_runner", lambda pid: runner)
    for number in range(2):
        queued(people[0], text=f"a{number}")
    for _ in range(2):
        tasks.run_job("short")
    runner.close()
    assert set(Job.objects.values_list("phase", "attempt")) == {(Phase.COMPLETED, 1)}


def test_waiting_jobs_of_one_owner(people: list[Requester], settings: Any, client: HttpClient) -> None:
    """Further ones are refused in words, in the client's form; others are not concerned, nor what is there already."""
    settings.DISTILLER_JOB_WAITING = (1, 2, 3)
    anna, boris = people
    spare = service.create("echo", {"text": ["spare"]}, anna)
    for number in range(2):
        queued(anna, text=f"a{number}")
    with pytest.raises(limits.LimitReached, match="2 jobs of yours wait to be run, and 2 may; send more when"):
        service.create("echo", {}, anna)
    with pytest.raises(limits.LimitReached):
        service.run(spare)
    spare.refresh_from_db()
    assert (spare.phase, spare.queued) == (Phase.PENDING, None)
    queued(boris, text="b0")
    assert client.post("/uws/echo", {"text": "later"}).status_code == 303
    pending = Job.objects.get(owner=None)
    assert client.post("/uws/echo", {"PHASE": "RUN"}).status_code == 303
    refused = client.post("/uws/echo", {"PHASE": "RUN", "text": "more"})
    assert refused.status_code == 429  # and there is no job
    assert refused["Retry-After"]
    assert b'value="ERROR"' in refused.content
    assert Job.objects.count() == 6
    page = client.post(f"/jobs/{pending.public_id}/run")
    assert (page.status_code, page["Retry-After"]) == (429, "30")
    assert "The job was not started.</strong> 1 jobs of yours wait" in page.content.decode()
    page = client.post("/jobs/new/echo", {"text": "more"})
    assert page.status_code == 429
    assert "1 jobs of yours wait" in page.content.decode()
    assert set(Job.objects.filter(phase=Phase.PENDING)) == {spare, pending}


def test_last_place_is_given_once(people: list[Requester], settings: Any) -> None:
    settings.DISTILLER_JOB_WAITING = (1, 1, 1)
    jobs = [service.create("echo", {"text": [str(number)]}, people[0]) for number in range(4)]

    def run(job: Job) -> None:
        with contextlib.suppress(limits.LimitReached):
            service.run(job)

    at_once(*[partial(run, Job.objects.get(pk=job.pk)) for job in jobs])
    assert Job.objects.filter(phase=Phase.QUEUED).count() == 1


def test_disk_of_one_owner(people: list[Requester], settings: Any) -> None:
    """Results and uploads count; deleting jobs makes room."""
    settings.DISTILLER_JOB_DISK = (5, 5, 5)
    job = queued(people[0])
    run = turns.claim("short", "runner")
    assert run is not None
    complete(run)
    assert limits.kept_bytes(job.client) == len("result")
    with pytest.raises(limits.LimitReached, match="delete jobs that are not needed"):
        service.create("echo", {}, people[0])
    service.create("echo", {}, people[1])
    service.destroy(Job.objects.get(pk=job.pk))
    service.create("echo", {}, people[0])


def test_run_time(people: list[Requester], settings: Any) -> None:
    settings.DISTILLER_JOB_RUN_TIME = (10, 20, 1000)
    assert service.create("echo", {}, Requester()).execution_duration == 10
    job = service.create("echo", {}, people[0])
    service.set_execution_duration(job, 0)
    assert job.execution_duration == 20
    curator = Requester(User.objects.create_user("cora", is_staff=True))
    assert service.create("echo", {}, curator).execution_duration == 90


def test_who_counts_as_one(people: list[Requester]) -> None:
    """Users by name, from everywhere; anonymous ones by their address, which is not kept."""
    user = people[0].user
    assert limits.client_name(user, "192.0.2.1") == limits.client_name(user, "") == f"user {user.pk if user else 0}"
    here, there = (limits.client_name(None, address) for address in ("192.0.2.1", "192.0.2.2"))
    assert len({here, there, limits.client_name(None, "")}) == 3
    assert "192.0" not in here
    queued(people[0])
    Client.objects.create(name="gone")
    limits.forget()
    assert Client.objects.count() == 1


FITS: list[tuple[str, list[tuple[int, float]], int | None, float]] = [
    ("constant", [(0, 2.0), (0, 4.0), (0, 3.0)], 10, 3.0),
    ("proportional", [(100, 1.0), (200, 2.0), (400, 4.0)], 1000, 10.0),
    ("constant and proportional", [(100, 6.0), (200, 7.0), (400, 9.0)], 600, 11.0),
    ("an odd run does not move it", [(100, 1.0), (200, 2.0), (300, 500.0), (400, 4.0), (500, 5.0)], 1000, 10.0),
    ("more data never take less", [(100, 5.0), (200, 4.0), (300, 3.0)], 10**6, 4.0),
    ("size not known", [(100, 1.0), (200, 2.0), (400, 4.0)], None, 2.0),
]


@pytest.mark.parametrize(("runs", "size", "seconds"), [c[1:] for c in FITS], ids=[c[0] for c in FITS])
def test_run_time_from_earlier_runs(runs: list[tuple[int, float]], size: int | None, seconds: float) -> None:
    fit = runtimes.fitted(runs)
    assert fit is not None
    assert fit.of(size) == pytest.approx(seconds)


def test_run_times_are_recorded(sent: list[str]) -> None:
    """Of computed jobs only; they stay when the job is gone, and are not more and more."""
    assert runtimes.fit_of("echo") is None
    runner = Runner(HOME)
    first = queued(source="alpha", seconds="0.3")
    runner.run("short")
    queued(source="alpha", seconds="0.3")
    runner.run("short")
    runner.close()
    row = RunTime.objects.get()
    assert (row.job_type, row.input_bytes) == ("echo", len("text of alpha\n"))
    assert 0.3 <= row.seconds < 10
    service.destroy(Job.objects.get(pk=first.pk))
    for _ in range(runtimes.KEPT + 40):
        runtimes.record(first, 1.0)
    assert runtimes.KEPT <= RunTime.objects.count() <= runtimes.KEPT + 20


def near(when: datetime | None, seconds: float) -> bool:
    assert when is not None
    return abs((when - timezone.now()).total_seconds() - seconds) < 5


def test_place_start_and_quote(people: list[Requester], client: HttpClient) -> None:
    """UWS 1.1 section 2.1.6: empty until there are records; then from what runs and what waits before."""
    anna, boris = people
    jobs = [queued(anna, text=f"a{number}") for number in range(3)]
    assert [outlook(job) for job in jobs] == [Outlook(1), Outlook(2), Outlook(3)]
    runtimes.record(jobs[0], 100.0)
    assert outlook(jobs[0]) == Outlook(1)  # no worker
    Registration({"short": 1}).beat()
    run = turns.claim("short", "runner", lambda job: {"started": timezone.now() - timedelta(seconds=40)})
    assert run is not None
    run.refresh_from_db()
    assert (outlook(run).place, outlook(run).start) == (None, None)
    assert near(outlook(run).end, 100)
    late = queued(boris, text="b0")
    assert [outlook(job).place for job in (late, jobs[1], jobs[2])] == [1, 2, 3]
    assert near(outlook(late).start, 60)
    assert near(outlook(late).end, 160)
    assert near(outlook(jobs[2]).start, 260)
    Worker.objects.update(slots={"short": 2, "long": 5})
    assert near(outlook(late).start, 0)
    assert near(outlook(late).end, 100)  # told anew whenever it is asked for
    assert near(outlook(service.create("echo", {}, boris)).end, 100)
    Job.objects.filter(pk=run.pk).update(quote=timezone.now() - timedelta(seconds=50))
    assert near(outlook(Job.objects.get(pk=run.pk)).end, 0)
    anonymous = queued(text="n")
    shown = client.get(f"/uws/echo/{anonymous.public_id}").content.decode()
    assert "queuePosition>2<" in shown
    assert "expectedStart>" in shown
