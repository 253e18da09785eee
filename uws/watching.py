"""Following a run: what its process says, what the jobs table wants of it, what it uses; and ending all of it."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from django.db import connection
from django.db.models import F

from uws import child, joining, outages, processes, store
from uws.endings import Failure
from uws.jobtypes import JobType
from uws.logs import Tail
from uws.models import Job
from uws.phases import Phase

logger = logging.getLogger(__name__)
LOOK = 0.25
"""Seconds between looks at the jobs table while a job runs: how quickly an abort is seen."""
BEAT = 2.0
"""Seconds between signs of life of a running job."""
FAMILY_LOOK = 1.0
"""Seconds between looks at the processes of a job and their memory."""
LOG_SAVED = 1.0
"""Seconds between writes of the job's log to the database."""
FAREWELL = 1.0
"""Seconds that a process has to leave after its last word."""

FAMILY = "family"
"""File in the folder of a run with the processes that belong to it."""


class Verdict(NamedTuple):
    """Why a run is not followed any more: it "ended" by itself, has to be ended ("abort"), or lost its job ("void")."""

    kind: Literal["ended", "abort", "void"]
    failure: Failure | None = None


@dataclass
class Run:
    """What is known of one run of a job while it lasts. `memory` is bytes, times are of the monotonic clock."""

    job: Job
    """Whose run it is now."""
    activity: str
    """By which the run is found again when it has been handed over to another job (`uws.joining`)."""
    kind: JobType
    attempt: int
    child: child.Child
    workdir: Path
    memory: int
    log: Tail
    spared: frozenset[int]
    """Children of this process that are not the run's."""
    started: float = field(default_factory=time.monotonic)
    duration: int = 0
    """Seconds it may take, as last seen; 0 for no limit."""
    buffer: bytes = b""
    closed: bool = False
    log_closed: bool = False
    outputs: dict[str, tuple[Path, str | None]] = field(default_factory=dict)
    """Path by role, and the media type where it is not the declared one."""
    outcome: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    last_words: str = "Completed"
    """What is said of the job when it is completed."""
    family: set[processes.Process] = field(default_factory=set)
    next_look: float = field(default_factory=lambda: time.monotonic() + LOOK)
    next_beat: float = 0.0
    next_save: float = 0.0
    next_family: float = field(default_factory=lambda: time.monotonic() + FAMILY_LOOK)
    away_since: float | None = None
    """Since when the database does not answer."""


def watch(run: Run) -> Verdict:
    """Follow the process until it ends, must be ended, or has lost its job."""
    while not run.closed and not run.outcome and not _has_exited(run):
        _listen(run, LOOK)
        if (verdict := look(run)) is not None:
            return verdict
        _look_at_family(run)
    while not run.closed and not run.outcome and _listen(run, 0):
        pass  # it has exited: what it said before
    return Verdict("ended")


def look(run: Run) -> Verdict | None:
    """Write progress and a sign of life to the jobs table, and read from it whether the run shall go on (None).

    It does so every LOOK seconds; called more often, it does nothing. While the database is away the run goes on.
    """
    now = time.monotonic()
    if now < run.next_look:
        return None
    run.next_look = now + LOOK
    try:
        verdict = _exchange(run, now)
        run.away_since = None
    except outages.AWAY as error:
        if run.away_since is None:
            logger.warning("job %s goes on without the database: %s", run.job.public_id, error)
            run.away_since = now
        connection.close()
        if now - run.away_since > outages.PATIENCE:
            raise
        verdict = None
    if verdict is None and run.duration and now - run.started > run.duration:
        return Verdict("abort", Failure(f"the job was ended after {run.duration} s, its execution duration"))
    return verdict


def end(run: Run) -> None:
    """End whatever is left of the job. A process that has said all it had to say may first leave by itself."""
    deadline = time.monotonic() + (FAREWELL if run.outcome else 0.0)
    while time.monotonic() < deadline and not _has_exited(run):
        if not _listen(run, 0.005):
            time.sleep(0.001)
    with suppress(ProcessLookupError):
        os.kill(run.child.pid, signal.SIGKILL)  # it may have no group of its own yet
    processes.kill_group(run.child.pid)
    with suppress(ChildProcessError):
        os.waitpid(run.child.pid, 0)
    if not processes.kill_family(run.spared):
        logger.error("processes of job %s cannot be ended", run.job.public_id)
    while not run.log_closed and _listen(run, 0):
        pass
    os.close(run.child.pipe)
    os.close(run.child.log)


def _exchange(run: Run, now: float) -> Verdict | None:
    changes = dict(run.progress)
    if now >= run.next_beat:
        changes["beat"] = F("beat") + 1
    if changes and not store.update_run(run.job, run.attempt, **changes):
        return None if inherited(run) else Verdict("void")
    run.progress.clear()
    if "beat" in changes:
        run.next_beat = now + BEAT
    state = (
        Job.objects.filter(pk=run.job.pk, phase=Phase.EXECUTING, attempt=run.attempt)
        .values_list("abort_requested", "execution_duration")
        .first()
    )
    if state is None:
        return None if inherited(run) else Verdict("void")
    is_aborted, run.duration = state
    if is_aborted:
        return Verdict("abort")
    if now >= run.next_save:
        run.next_save = now + LOG_SAVED
        run.log.save(run.job)
    return None


def inherited(run: Run) -> bool:
    """Whether another job has got the run, which goes on as that one's, with its log."""
    found = joining.holding(run.activity).exclude(pk=run.job.pk)
    heir = found.filter(attempt=run.attempt).first()
    if heir is None:
        return False
    run.job = heir
    run.log.changed = True  # the heir has none of it yet
    run.log.save(heir)
    return True


def _look_at_family(run: Run) -> None:
    """Write down who belongs to the job, and see that all together do not use too much memory."""
    now = time.monotonic()
    if now < run.next_family:
        return
    run.next_family = now + FAMILY_LOOK
    members = [member for member in processes.descendants(run.spared) if not member.is_zombie]
    record(run, members)
    if processes.memory_above(members, run.memory):
        run.outcome = {"error": "fatal", "message": child.too_much_memory(run.memory)}


def record(run: Run, members: Iterable[processes.Process]) -> None:
    """Keep the list of the job's processes for the case that this one dies."""
    family = {member._replace(memory=0, parent=0) for member in members}
    if family != run.family:
        with suppress(OSError):  # a full disk is no reason to end the job
            processes.record(run.workdir / FAMILY, family)
            run.family = family


def _has_exited(run: Run) -> bool:
    """Whether the process has ended; it is not reaped, so that its number stays taken."""
    return os.waitid(os.P_PID, run.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _listen(run: Run, patience: float) -> bool:
    """Take in what the process says or writes, within that many seconds; False if there was nothing."""
    pipes = [] if run.closed else [run.child.pipe]
    if not run.log_closed:
        pipes.append(run.child.log)
    ready, _, _ = select.select(pipes, [], [], patience)
    if run.child.log in ready:
        run.log_closed = not run.log.read(run.child.log)
    if run.child.pipe in ready:
        _hear(run, os.read(run.child.pipe, 65536))
    return bool(ready)


def _hear(run: Run, data: bytes) -> None:
    run.closed = not data
    *lines, run.buffer = (run.buffer + data).split(b"\n")
    for line in lines:
        message = json.loads(line)
        if "progress" in message:
            if message["fraction"] >= 1:
                run.last_words = message["progress"]
            run.progress = {
                "progress_message": message["progress"],
                "progress_fraction": message["fraction"],
                "progress_stage": message["stage"],
            }
        elif "output" in message:
            run.outputs[message["output"]] = Path(message["path"]), message["media_type"]
        else:
            run.outcome = message
