"""What jobs depend on goes away: the broker, the database, room on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connection

from tests.environment import REQUIRE_ALL
from tests.faults.conftest import Broker, StartWorker, all_ended, nothing_is_left, submit
from tests.services import postgresql_binaries
from tests.worker import eventually
from uws.models import Job
from uws.phases import Phase
from uws.results import store

pytestmark = pytest.mark.faults
HOME = Path(configured.DISTILLER_HOME)


def fifty() -> list[Job]:
    jobs = [submit(text=str(number), seconds=0.1) for number in range(50)]
    eventually(lambda: Job.objects.filter(phase=Phase.EXECUTING).exists(), 60, "the first run")
    return jobs


def test_broker_flushed(start_worker: StartWorker, broker: Broker) -> None:
    """With 50 jobs queued, and others that come after them: all of them end soon."""
    start_worker()
    jobs = fifty()
    broker.flush()
    jobs += [submit(text=f"later {number}", seconds=0.1) for number in range(10)]
    assert all_ended(jobs, 60) == {Phase.COMPLETED: 60}
    assert max(Job.objects.values_list("attempt", flat=True)) == 1


def test_broker_stopped_and_started(start_worker: StartWorker, broker: Broker) -> None:
    """It comes back empty. Meanwhile jobs are taken in, and those that run end."""
    start_worker()
    jobs = fifty()
    broker.stop()
    jobs += [submit(text=f"meanwhile {number}") for number in range(5)]
    time.sleep(3)
    broker.start()
    assert all_ended(jobs, 90) == {Phase.COMPLETED: 55}
    assert max(Job.objects.values_list("attempt", flat=True)) == 1


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite is no server")
def test_database_restarted_in_mid_job(start_worker: StartWorker) -> None:
    """Twice: the run goes on, and nothing is held against it."""
    start_worker()
    job = submit(seconds=8, text="database")
    eventually(lambda: "Waiting" in Job.objects.get(pk=job.pk).progress_message, 60, "the run")
    for _ in range(2):
        _restart_postgresql()
        time.sleep(2)
    assert all_ended([job], 60) == {Phase.COMPLETED: 1}
    job.refresh_from_db()
    assert (job.crashes, job.attempt) == (0, 1)
    nothing_is_left()


def _restart_postgresql() -> None:
    folder = Path(str(connection.settings_dict["OPTIONS"].get("host") or connection.settings_dict["HOST"]))
    binaries = postgresql_binaries()
    assert binaries is not None
    connection.close()
    command = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-m", "fast", "-w", "-l", str(folder / "log")]
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command, "stop"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    time.sleep(3)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([*prefix, *command, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd="/")


def test_disk_full_while_a_result_is_written(start_worker: StartWorker) -> None:
    """The job ends in words, with nothing of it in the store; with room again, jobs complete."""
    folder = HOME / "results"
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("a small file system can be mounted by root only")
    try:
        start_worker(DISTILLER_JOB_RUNS="2")
        small, large = submit(text="small"), submit(text="large", behave="large")
        all_ended([small, large], 60)
        small.refresh_from_db()
        large.refresh_from_db()
        assert (small.phase, large.phase, large.error_kind) == (Phase.COMPLETED, Phase.ERROR, "transient")
        assert large.error_message.startswith("the results could not be stored")
        assert [name for name in _files(folder) if large.public_id in name] == []
        nothing_is_left()
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        again = submit(text="larger", behave="large")
        assert all_ended([again], 60) == {Phase.COMPLETED: 1}
        assert store().size(again.results.get(name="text").file.storage_name) == 8 * 2**20
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]
