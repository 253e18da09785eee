"""Jobs run by a real worker: results, errors, limits, aborts, crashes, the result store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from provenance.models import Used
from tests.uws.conftest import Finished
from tests.worker import WorkerProcess, alive, eventually
from uws.activity import activity_id
from uws.models import Job, JobLog, Result, ResultFile
from uws.phases import Phase
from uws.results import store
from vo.version import version

Submit = Callable[..., str]


def executing(public_id: str) -> Job:
    def look() -> Job | None:
        job = Job.objects.get(public_id=public_id)
        return job if job.phase == Phase.EXECUTING and job.runner and "Waiting" in job.progress_message else None

    job: Job = eventually(look, what="the start of the job")
    return job


def note(public_id: str, name: str) -> Path:
    """A file by which test and worker function tell each other something."""
    activity = Job.objects.get(public_id=public_id).activity
    return Path(settings.DISTILLER_HOME) / "cache" / f"{activity}.{name}"


def pids_of(public_id: str) -> list[int]:
    """The processes of a job that is a family, as its worker function has written them down."""
    return [int(p) for p in note(public_id, "pids").read_text().split()]


def has_worked_enough(public_id: str) -> None:
    """The job need not wait any more, in this run or another."""
    note(public_id, "enough").touch()


def result_text(client: Client, public_id: str, name: str = "text", kind: str = "echo") -> str:
    response = client.get(f"/uws/{kind}/{public_id}/results/{name}")
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]


def test_job_completes(worker: WorkerProcess, submit: Submit, finished: Finished, client: Client) -> None:
    """UWS 1.1 section 2.1.3: PENDING, QUEUED, EXECUTING, COMPLETED; results are all there at the end."""
    public_id = submit(text="bonjour", source=["alpha", "beta"])
    job = finished(public_id)
    assert (job.phase, job.error_message) == (Phase.COMPLETED, "")
    assert job.started is not None
    assert job.ended is not None
    assert job.created <= job.started <= job.ended
    assert result_text(client, public_id) == "bonjour\ntext of alpha\n\ntext of beta\n"
    assert [r.name for r in job.results.all()] == ["text", "extra"]
    assert job.software == {"distiller": version(), "pydantic": metadata.version("pydantic")}
    assert "running" in JobLog.objects.get(job=job).text
    work = Path(settings.DISTILLER_HOME) / "work"
    eventually(lambda: not list(work.glob(f"*/{public_id}*")), 60, "the end of its folder")


def test_files_sent_along(worker: WorkerProcess, finished: Finished, client: Client) -> None:
    """DALI 1.1 section 3.4.5: the worker reads them, provenance has them; their content decides what is the same."""
    texts = []
    stored = []
    for content in (b"one", b"two", b"one"):
        url = client.post("/uws/keep", {"UPLOAD": "a,param:x", "x": SimpleUploadedFile("x.txt", content)})["Location"]
        client.post(f"{url}/parameters", {"UPLOAD": "b,param:y", "y": SimpleUploadedFile("y.txt", b"more")})
        client.post(f"{url}/phase", {"PHASE": "RUN"})
        job = finished(url.rpartition("/")[2])
        texts.append(result_text(client, job.public_id, kind="keep"))
        used = Used.objects.filter(activity_id=activity_id(job), role="attachments").order_by("entity_id")
        assert [use.entity_id for use in used] == [f"{activity_id(job)}/parts/{n}" for n in (1, 2)]
        stored.append(bool(job.answered_from))
    assert texts == ["hello\none\nmore", "hello\ntwo\nmore", "hello\none\nmore"]
    assert stored == [False, False, True]


ENDS = [
    ("user-error", "no events are left; choose a wider energy range", "fatal"),
    ("fatal", "the calibration of this run cannot be used", "fatal"),
    ("transient", "the disk is busy; it was tried 2 times", "transient"),
    ("die", "the process of the job was ended from outside", "transient"),
    ("defect", "internal error (reference", "fatal"),
    ("no-output", "internal error (reference", "fatal"),
    ("undeclared", "internal error (reference", "fatal"),
]


def test_errors_in_words(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    """UWS 1.1 section 2.2.2.5: the user's faults are told in full, defects by reference, and nothing is left over."""
    ids = {behave: submit(behave=behave, text=behave) for behave, _, _ in ENDS}
    for behave, message, kind in ENDS:
        job = finished(ids[behave])
        assert job.phase == Phase.ERROR, behave
        assert job.error_message.startswith(message), (behave, job.error_message)
        assert job.error_kind == kind
        assert "secret" not in job.error_message
        assert not job.results.exists()
    assert "secret detail" in JobLog.objects.get(job__public_id=ids["defect"]).text
    assert not ResultFile.objects.exists()


def test_a_run_that_died_is_run_again(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    job = finished(submit(behave="die-once"))
    assert job.phase == Phase.COMPLETED
    assert (job.crashes, job.attempt) == (1, 2)


def test_abort_ends_the_whole_family(worker: WorkerProcess, submit: Submit, client: Client) -> None:
    """UWS 1.1 section 2.1.4: the work itself ends, within 2 s, with the programs it has started."""
    public_id = submit(behave="family", seconds=50)
    executing(public_id)
    pids = pids_of(public_id)
    assert all(alive(pid) for pid in pids)
    begin = time.monotonic()
    response = client.post(f"/uws/echo/{public_id}/phase", {"PHASE": "ABORT"})
    assert response.status_code == 303
    assert Job.objects.get(public_id=public_id).phase == Phase.ABORTED
    eventually(lambda: not any(alive(pid) for pid in pids), 2, "the end of all processes")
    assert time.monotonic() - begin < 3
    assert not Result.objects.exists()


def test_execution_duration(worker: WorkerProcess, client: Client, finished: Finished) -> None:
    """UWS 1.1 section 2.1.4: passing the limit aborts the job, and it says why."""
    response = client.post("/uws/echo", {"PHASE": "RUN", "EXECUTIONDURATION": "1", "seconds": "50"})
    job = finished(response["Location"].rpartition("/")[2])
    assert job.phase == Phase.ABORTED
    assert job.error_message == "the job was ended after 1 s, its execution duration"


def test_deleting_a_running_job(worker: WorkerProcess, submit: Submit, client: Client) -> None:
    """UWS 1.1 section 2.1.5: it is gone at once for its owner, and its process soon after."""
    public_id = submit(behave="family", seconds=50)
    executing(public_id)
    pids = pids_of(public_id)
    assert client.delete(f"/uws/echo/{public_id}").status_code == 303
    assert client.get(f"/uws/echo/{public_id}").status_code == 404
    eventually(lambda: not any(alive(pid) for pid in pids), 5, "the end of all processes")
    eventually(lambda: not Job.objects.filter(public_id=public_id).exists(), 10, "the end of the row")


def test_same_work_is_answered_from_the_store(
    worker: WorkerProcess, submit: Submit, finished: Finished, client: Client
) -> None:
    """Same type, parameters, inputs and software: the results of the first, and the job says so."""
    first = finished(submit(text="once", source="alpha", energy="1 10"))
    second = finished(submit(text="once", source=["alpha"], energy="1.0 1e1", times="1"))
    third = finished(submit(text="once", source="beta", energy="1 10"))
    assert second.answered_from == first.activity
    assert third.answered_from == ""
    assert result_text(client, second.public_id) == result_text(client, first.public_id)
    assert b"answeredFrom" in client.get(f"/uws/echo/{second.public_id}").content
    name = first.results.get(name="text").file.storage_name
    client.delete(f"/uws/echo/{first.public_id}")
    assert store().exists(name)
    assert result_text(client, second.public_id).startswith("once")
    client.delete(f"/uws/echo/{second.public_id}")
    assert not store().exists(name)


def test_run_is_handed_over(worker: WorkerProcess, submit: Submit, finished: Finished, client: Client) -> None:
    """The first of two identical jobs is aborted in mid-run: that run goes on, and completes the second."""
    first = submit(seconds=90, text="handed over")
    stamp = executing(first).activity
    second = submit(seconds=90, text="handed over")
    eventually(lambda: Job.objects.get(public_id=second).leader, 60, "the joining")
    begin = time.monotonic()
    client.post(f"/uws/echo/{first}/phase", {"PHASE": "ABORT"})
    assert time.monotonic() - begin < 2
    assert Job.objects.get(public_id=first).phase == Phase.ABORTED
    assert Job.objects.get(public_id=second).phase == Phase.EXECUTING
    has_worked_enough(second)
    job = finished(second)
    assert (job.phase, job.activity, job.answered_from) == (Phase.COMPLETED, stamp, "")
    assert result_text(client, second) == "handed over"
    assert f"running {stamp}" in JobLog.objects.get(job=job).text


def test_worker_killed_in_mid_job(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    """UWS-37: kill -9 of the supervisor ends its processes, and the next worker brings the job to its end.

    Programs that the job itself had started are ended by the next worker.
    """
    public_id = submit(seconds=90, behave="family", text="killed")
    executing(public_id)
    pids = pids_of(public_id)
    family = set(worker.family()) - set(pids[1:])
    worker.kill()
    eventually(lambda: not any(alive(pid) for pid in family), 30, "the end of the worker's processes")
    has_worked_enough(public_id)
    worker.start()
    job = finished(public_id)
    assert job.phase == Phase.COMPLETED
    assert job.crashes == 1
    assert not any(alive(pid) for pid in pids)


def test_pool_process_killed_in_mid_job(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    public_id = submit(seconds=90, text="pool")
    job = executing(public_id)
    os.kill(int(job.runner.rsplit("-", 2)[1]), 9)
    eventually(lambda: not alive(int(job.runner.rsplit("-", 2)[1])), 30, "the end of the process")
    has_worked_enough(public_id)
    job = finished(public_id)
    assert (job.phase, job.crashes) == (Phase.COMPLETED, 1)


def test_stopping_hands_jobs_to_the_next_worker(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    """A worker that is stopped on purpose is not held against its jobs."""
    public_id = submit(seconds=90, text="handed")
    executing(public_id)
    family = worker.family()
    assert worker.stop() == 0
    assert not any(alive(pid) for pid in family)
    job = Job.objects.get(public_id=public_id)
    assert (job.phase, job.runner, job.crashes) == (Phase.EXECUTING, "", 0)
    has_worked_enough(public_id)
    worker.start()
    assert finished(public_id).phase == Phase.COMPLETED


def test_broker_away_and_back(worker: WorkerProcess, submit: Submit, finished: Finished) -> None:
    """Jobs submitted while there is no broker are kept, and run when it is there."""
    worker.stop()
    public_id = submit(text="patience")
    job = Job.objects.get(public_id=public_id)
    assert (job.phase, job.sent) == (Phase.QUEUED, None)
    worker.start()
    assert finished(public_id).phase == Phase.COMPLETED


def test_private_inputs_do_not_leak(
    worker: WorkerProcess, submit: Submit, finished: Finished, client: Client, django_user_model: type
) -> None:
    """The store answers only those who may read the inputs."""
    karl = django_user_model.objects.create_user("karl")  # type: ignore[attr-defined]
    client.force_login(karl)
    mine = finished(submit(source="private", text="mine"))
    assert mine.phase == Phase.COMPLETED
    client.logout()
    theirs = finished(submit(source="private", text="mine"))
    assert (theirs.phase, theirs.error_message) == (Phase.ERROR, "private is proprietary")
    assert client.get(f"/uws/echo/{mine.public_id}/results/text").status_code == 403


@pytest.mark.parametrize("count", [12])
def test_many_jobs(worker: WorkerProcess, submit: Submit, finished: Finished, count: int) -> None:
    ids = [submit(text=f"job {number}") for number in range(count)]
    assert {finished(public_id).phase for public_id in ids} == {Phase.COMPLETED}
