"""Jobs in provenance are seen by those who see them in the job lists, or know their identifier."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from provenance.recorder import ActivityRecord, AgentRef, EntityRef, record
from uws.activity import activity_id
from uws.models import Job
from uws.service import SESSION_KEY

pytestmark = pytest.mark.django_db

EVENTS = "ivo://distiller.example/c?r1/1"


def job(owner: User | None = None, session: str = "") -> Job:
    """A job that has been recorded, on the public event list."""
    now = timezone.now()
    row = Job.objects.create(
        job_type="echo",
        type_version="1.0",
        owner=owner,
        session=session,
        destruction=now + timedelta(days=1),
        execution_duration=60,
        queue="short",
    )
    key = activity_id(row)
    name = owner.username if owner else "anonymous user"
    number = f"user-{owner.pk}" if owner else "anonymous"
    record(
        ActivityRecord(
            id=key,
            name="echo",
            version="1.0",
            start=now,
            end=now,
            used=[("observations", EntityRef(EVENTS))],
            generated=[("text", EntityRef(f"{key}/text", name="text"))],
            agents=[AgentRef(f"ivo://distiller.example/agents?{number}", name, "Person")],
        )
    )
    return row


def products_of(client: Client) -> str:
    """All that was made of the event list, as PROV-JSON."""
    response = client.get("/provenance/provsap", {"ID": EVENTS, "DIRECTION": "FORTH", "DEPTH": "ALL"})
    assert response.status_code == 200
    return response.content.decode()


def status(client: Client, identifier: str) -> int:
    return client.get("/provenance/provsap", {"ID": identifier, "DEPTH": "ALL"}).status_code


def test_going_forwards_shows_own_jobs_only(client: Client, admin_client: Client) -> None:
    """PR-32: from a public product nobody learns who works on it; owners and curators see the jobs."""
    ana = User.objects.create_user("ana")
    named, anonymous = job(owner=ana), job(session="token")
    nobody = products_of(client)
    assert named.activity not in nobody
    assert anonymous.activity not in nobody
    assert "ana" not in nobody
    everything = products_of(admin_client)
    assert named.activity in everything
    assert anonymous.activity in everything
    client.force_login(ana)
    own = products_of(client)
    assert named.activity in own
    assert anonymous.activity not in own


def test_session_sees_its_jobs(client: Client) -> None:
    mine, other = job(session="token"), job(session="another")
    session = client.session
    session[SESSION_KEY] = "token"
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    found = products_of(client)
    assert mine.activity in found
    assert other.activity not in found


def test_who_knows_the_identifier_of_an_anonymous_job_sees_it(client: Client) -> None:
    """As with the job itself (UWS), whose identifier cannot be guessed."""
    row = job()
    key = activity_id(row)
    for identifier in (key, row.public_id, f"{key}/text"):
        response = client.get("/provenance/provsap", {"ID": identifier, "DEPTH": "ALL"})
        assert response.status_code == 200
        assert f'"voprov:id": "{key}"' in response.content.decode()
    Job.objects.all().delete()
    assert status(client, key) == 200


def test_job_of_a_user_is_as_unknown_to_others(client: Client) -> None:
    ana = User.objects.create_user("ana")
    row = job(owner=ana)
    assert status(client, row.public_id) == 404
    assert status(client, f"{activity_id(row)}/text") == 404
    client.force_login(ana)
    assert status(client, row.public_id) == 200


def test_people_cannot_be_listed(client: Client) -> None:
    """Users are not to be found by counting; beside a job that may be seen they are named."""
    ana = User.objects.create_user("ana")
    row = job(owner=ana)
    key = f"ivo://distiller.example/agents?user-{ana.pk}"
    assert status(client, key) == 404
    client.force_login(ana)
    assert status(client, key) == 200
    assert "ana" in client.get("/provenance/provsap", {"ID": row.public_id}).content.decode()
