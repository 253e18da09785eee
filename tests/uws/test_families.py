"""The processes of a job: found and ended wherever they went, and measured together."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.uws.in_process import HOME, run, taken
from tests.uws.in_process import runner as runner
from tests.uws.in_process import sent as sent
from tests.uws.jobs import ECHO
from tests.worker import alive, eventually
from uws import machine as limits_of_machine
from uws import processes, watching
from uws.models import Job
from uws.phases import Phase
from uws.reconciler import Reconciler
from uws.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)


def test_processes_that_hide(runner: Runner) -> None:
    """A daemon without parent, group and environment of its job ends with the job."""
    job = run(runner, behave="daemon")
    assert job.phase == Phase.COMPLETED
    assert not alive(int((HOME / "cache" / f"{job.activity}.pids").read_text()))


def test_a_process_that_has_just_been_forked_is_ended(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no group of its own yet, where the machine has much to do: who kills the group does not reach it."""
    monkeypatch.setattr(os, "setsid", lambda: time.sleep(15))
    monkeypatch.setattr(watching, "watch", lambda run: watching.Verdict("abort"))
    begin = time.monotonic()
    assert run(runner).phase == Phase.ABORTED
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed by the kernel", "by a look at all"])
def test_descendants(is_listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children and theirs, without those that are none of the job's."""
    if is_listed and not processes._lists_children():
        pytest.skip("this kernel does not list the children of a process")
    monkeypatch.setattr(processes, "_lists_children", lambda: is_listed)
    parents = [subprocess.Popen(["sh", "-c", "sleep 1000; :"], start_new_session=True) for _ in range(2)]

    def of_second() -> list[int]:
        found = processes.descendants({parents[0].pid})
        return [p.parent for p in found if parents[1].pid in (p.pid, p.parent)]

    try:
        eventually(lambda: of_second() == [os.getpid(), parents[1].pid], 60, "the shell's child")
        assert parents[0].pid not in {p.pid for p in processes.descendants({parents[0].pid})}
        assert {p.pid for p in parents} <= {p.pid for p in processes.descendants()}
    finally:
        for parent in parents:
            processes.kill_group(parent.pid)
            parent.wait()


def test_recorded_processes_are_ended_and_others_spared(tmp_path: Path) -> None:
    """A process number that was given to another process since is not killed."""
    ours, reused = (subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(2))
    try:
        members = [processes.look_up(process.pid) for process in (ours, reused)]
        assert members[0] is not None
        assert members[1] is not None
        processes.record(tmp_path / "family", [members[0], members[1]._replace(started=members[1].started - 1)])
        assert processes.kill_recorded(tmp_path / "family") == 1
        assert ours.wait(20) == -9
        assert reused.poll() is None
    finally:
        for process in (ours, reused):
            process.kill()
            process.wait()


def test_locks_of_other_machines_say_nothing(runner: Runner) -> None:
    """A common file system need not know them: what another machine runs is judged by its signs of life alone."""
    for number, name in enumerate([f"x{runner.id}", runner.id.replace("-", "-2-", 1)]):
        folder = HOME / "work" / name
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        job = taken(name, text=str(number))
        Reconciler(HOME).recover_from_dead_runners()
        job.refresh_from_db()
        assert job.runner == name
        Reconciler(HOME).sweep()
        assert folder.exists()
        Job.objects.update(runner="")
        Reconciler(HOME).sweep()
        assert not folder.exists()


def test_memory_of_shared_pages_counts_once() -> None:
    """What a job's processes share with each other is not counted for each of them."""
    member = processes.look_up(os.getpid())
    assert member is not None
    twice = [member, member._replace(memory=member.memory * 50)]
    assert not processes.memory_above(twice, member.memory * 3)
    assert processes.memory_above([member], member.memory // 4)
    assert processes.machine_memory() > 2**28


LIMITS = [  # MiB: declared by the job type, set for the installation (0: not), of the machine; slots; what holds
    (None, 0, 16384, (2, 2), 3276),
    (None, 0, 16384, (1, 0), 13107),
    (None, 0, 2048, (2, 2), 1024),
    (None, 500, 16384, (2, 2), 500),
    (300, 500, 16384, (2, 2), 300),
    (600, 500, 16384, (2, 2), 500),
    (600, 0, 16384, (2, 2), 600),
]


@pytest.mark.parametrize(("declared", "most", "machine", "slots", "holds"), LIMITS)
def test_memory_of_a_job(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    declared: int | None,
    most: int,
    machine: int,
    slots: tuple[int, int],
    holds: int,
) -> None:
    """What its type declares, up to what the installation allows, or the machine has for each."""
    settings.DISTILLER_JOB_MEMORY = most
    settings.DISTILLER_WORKER_SHORT_SLOTS, settings.DISTILLER_WORKER_LONG_SLOTS = slots
    monkeypatch.setattr(processes, "machine_memory", lambda: machine * 2**20)
    assert limits_of_machine.memory(replace(ECHO, memory=declared)) == holds * 2**20
