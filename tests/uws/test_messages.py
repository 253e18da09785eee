"""Messages to the workers: as many as there are slots are enough, for whoever gets one looks at the whole line."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from distiller.settings.queue import celery_settings
from tests.uws.acting import queued
from uws import notify, queue
from uws.models import Job
from uws.registration import Registration

pytestmark = pytest.mark.django_db(transaction=True)
CASES: list[tuple[str, int, list[int], bool]] = [
    ("nothing waits at the broker", 0, [2], True),
    ("one slot could stay idle", 1, [2], True),
    ("a message for each slot", 2, [2], False),
    ("a message for each slot of one of two workers", 2, [2, 1], True),
    ("nobody knows how many slots there will be", 5, [], True),
]


class App:
    """Celery, as far as it is asked to send. `is_away`: the broker is."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_away = False

    def send_task(self, name: str, **options: Any) -> None:
        if self.is_away:
            raise OperationalError("no broker")
        self.sent.append(options["queue"])


@pytest.fixture
def app(no_worker: None, monkeypatch: pytest.MonkeyPatch) -> App:
    app = App()
    monkeypatch.setattr(queue, "celery_app", lambda: app)
    return app


@pytest.mark.parametrize(("waiting", "slots", "is_sent"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_no_more_messages_than_slots(
    app: App, redis_url: str, settings: Any, waiting: int, slots: list[int], is_sent: bool
) -> None:
    settings.CELERY_BROKER_URL = redis_url
    client = notify.redis_client(redis_url)
    assert client is not None
    client.flushall()
    if waiting:
        client.rpush("short", *range(waiting))
    for number in slots:
        Registration({"short": number, "long": 9}).beat()
    job = queued()
    assert app.sent == (["short"] if is_sent else [])
    assert Job.objects.get(pk=job.pk).sent is not None


def test_a_broker_that_is_away(app: App, settings: Any, tmp_path: Any) -> None:
    """The job is QUEUED all the same, and marked as one that no message was sent for."""
    settings.CELERY_BROKER_URL = f"redis+socket://{tmp_path}/none.sock"
    Registration({"short": 1}).beat()
    app.is_away = True
    job = Job.objects.get(pk=queued().pk)
    assert (job.phase, job.sent) == ("QUEUED", None)
    app.is_away = False
    assert queue.send(job)
    job.refresh_from_db()
    assert (app.sent, job.sends, job.sent is None) == (["short"], 1, False)


def test_a_broker_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """It takes connections, as one that is stopped or swapped out does; a request must not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        config = celery_settings(settings.CELERY_BROKER_URL, Path())
        assert config["broker_transport_options"]["socket_timeout"] <= 10
        config["broker_transport_options"]["socket_timeout"] = 0.05
        with Celery("test", set_as_current=False) as app:
            app.conf.update(config)
            monkeypatch.setattr(queue, "celery_app", lambda: app)
            assert not queue.tell(Job(queue="short"))
