"""Curators switch job types on and off, limit them, and say who may use them; jobs that there are stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from tests.uws.jobs import ECHO
from tests.uws.test_rest import error_text
from uws import offers
from uws.models import Job, JobLog, JobTypeSetting, Worker
from uws.phases import Phase

pytestmark = pytest.mark.django_db
Decide = Callable[..., JobTypeSetting]


@pytest.fixture
def decide() -> Iterator[Decide]:
    """`decide(enabled=False)`: the only setting there is, of the type `echo`, known at once."""

    def change(job_type: str = "echo", **values: Any) -> JobTypeSetting:
        row, _ = JobTypeSetting.objects.update_or_create(job_type=job_type, defaults=values)
        cache.clear()
        return row

    cache.clear()
    yield change
    cache.clear()


@pytest.fixture
def curator(client: Client, settings: Any) -> Client:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.force_login(User.objects.create_superuser("curator"))
    return client


def post(user: User | None = None, url: str = "/uws/echo") -> Any:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.post(url, {})


def test_switching_off_stops_creation_only(decide: Decide) -> None:
    job = str(post()["Location"])
    decide(enabled=False)
    refused = post()
    assert refused.status_code == 403
    assert "switched them off" in error_text(refused)
    assert ECHO not in offers.offered()
    assert Client().get(job).status_code == 200
    assert Client().get("/uws/echo").status_code == 200
    assert Client().post(f"{job}/phase", {"PHASE": "RUN"}).status_code == 303
    names = [kind["name"] for kind in Client().get("/api/job-types").json()]
    assert names
    assert "echo" not in names
    assert "echo" not in Client().get("/jobs/new").content.decode()
    decide(enabled=True)
    assert post().status_code == 303


def test_queries_are_a_job_type_too(decide: Decide) -> None:
    decide("tap", enabled=False)
    assert post(url="/tap/async").status_code == 403
    assert Client().get("/tap/sync", {"LANG": "ADQL", "QUERY": "SELECT TOP 1 1 AS a FROM tap_schema.tables"})


def test_who_may_use_it(decide: Decide) -> None:
    anna, karl = User.objects.create_user("anna"), User.objects.create_user("karl")
    boss = User.objects.create_user("boss", is_staff=True)
    asked = (None, anna, karl, boss)
    Audience = JobTypeSetting.Audience
    for audience, group, expected in [
        (Audience.EVERYBODY, False, [303, 303, 303, 303]),
        (Audience.USERS, False, [403, 303, 303, 303]),
        (Audience.USERS, True, [403, 303, 403, 303]),
        (Audience.CURATORS, False, [403, 403, 403, 303]),
    ]:
        setting = decide(audience=audience)
        if group:
            members = Group.objects.create(name="team")
            anna.groups.add(members)
            setting.groups.set([members])
        cache.clear()
        assert [post(user).status_code for user in asked] == expected, (audience, group)
        setting.groups.clear()


def test_shorter_runs(decide: Decide) -> None:
    decide(execution_duration=30)
    post()
    assert Job.objects.get().execution_duration == 30
    decide(execution_duration=10_000)
    post()
    assert Job.objects.latest("pk").execution_duration == ECHO.execution_duration


def test_the_admin_changes_settings(decide: Decide, curator: Client) -> None:
    values = {"job_type": "echo", "enabled": "", "audience": "users", "execution_duration": "20"}
    assert curator.post("/admin/uws/jobtypesetting/add/", values).status_code == 302
    row = JobTypeSetting.objects.get()
    assert (row.job_type, row.enabled, row.audience, row.execution_duration) == ("echo", False, "users", 20)
    assert curator.post("/admin/uws/jobtypesetting/add/", {**values, "job_type": "none"}).status_code == 200
    assert curator.get(f"/admin/uws/jobtypesetting/{row.pk}/change/").status_code == 200
    assert curator.get("/admin/uws/jobtypesetting/").status_code == 200


def test_the_admin_shows_jobs_and_aborts_them(curator: Client) -> None:
    """Read only but for the end of jobs."""
    for _ in range(3):
        post()
    first, second, third = Job.objects.order_by("pk")
    Job.objects.filter(pk=third.pk).update(phase=Phase.COMPLETED)
    JobLog.objects.create(job=first, text="what the work said")
    assert "what the work said" in curator.get(f"/admin/uws/job/{first.pk}/change/").content.decode()
    assert curator.post(f"/admin/uws/job/{first.pk}/change/", {"phase": "ERROR"}).status_code == 403
    assert curator.get("/admin/uws/job/add/").status_code == 403
    Worker.objects.create(boot_id="a", host="h", slots={"short": 2}, started=first.created, heartbeat=first.created)
    assert curator.get("/admin/uws/worker/").status_code == 200
    chosen = {"action": "abort", "_selected_action": [first.pk, second.pk, third.pk]}
    assert curator.post("/admin/uws/job/", chosen).status_code == 302
    assert [job.phase for job in Job.objects.order_by("pk")] == [Phase.ABORTED, Phase.ABORTED, Phase.COMPLETED]
