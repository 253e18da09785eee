"""Job logs and progress: live, bounded, and readable from any place on."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.uws.in_process import queued, run
from tests.uws.in_process import runner as runner
from tests.uws.in_process import sent as sent
from tests.worker import eventually
from uws import logs, store
from uws import watching as watching_module
from uws.models import Job, JobLog
from uws.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)


def test_log_of_a_job(runner: Runner) -> None:
    """Its end is kept, whatever was written; read from a place on, it goes on where it ended."""
    job = run(runner, behave="chatty")
    text, end = logs.read(job)
    assert len(JobLog.objects.get(job=job).text) == logs.SIZE
    assert text.startswith(f"[{end - logs.SIZE} characters are not kept]\nxxx")
    assert text.endswith("the end: ä\ufffd\n")
    assert logs.read(job, end - 3) == ("ä\ufffd\n", end)
    assert logs.read(job, end) == ("", end)
    assert logs.read(queued(text="not run")) == ("", 0)


def test_log_and_stage_while_a_job_runs(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching_module, "LOOK", 0.02)
    job = queued(seconds=30)
    thread = threading.Thread(target=lambda: (runner.run(job.queue), connection.close()), daemon=True)
    thread.start()
    try:
        text, _ = eventually(lambda: logs.read(job) if logs.read(job)[0] else None, 60, "the log")
        assert text == f"running {job.activity}: well\n"
        eventually(lambda: Job.objects.filter(pk=job.pk, progress_stage="thought").exists(), 60, "the stage")
    finally:
        eventually(lambda: store.request_abort(job), 60, "the abort")
        thread.join()
