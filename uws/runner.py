"""Running jobs in a worker process: take one, fork its process, watch it, end it when it must end, publish its results.

A runner's folder under DISTILLER_HOME/work holds the working folders of its jobs and a lock that the kernel lets go of
when the runner dies: so the reconciler knows at once, and is not fooled by process ids that are used again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import select
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from uws import child, endings, identity, inputs, jobtypes, processes, queue, results, service, store
from uws.context import Origin
from uws.endings import Failure
from uws.errors import UserJobError
from uws.jobtypes import JobType, OutputRole
from uws.models import Job, JobLog
from uws.phases import Phase
from uws.values import ParameterErrors, parse, to_texts

logger = logging.getLogger(__name__)
LOOK = 0.25
"""Seconds between looks at the jobs table while a job runs: how quickly an abort is seen."""
BEAT = 2.0
"""Seconds between signs of life of a running job."""
MEMORY_LOOK = 1.0
FAREWELL = 1.0
"""Seconds that a process has to leave after its last word."""
LOG_SIZE = 200_000
"""Characters of a job's output that are kept: its end."""
MAX_RUNS = 2
"""A job whose run ended for a passing reason is run again until it had this many."""
RUNNING = (Phase.EXECUTING,)
GIVEN_BACK: dict[str, Any] = {
    "runner": "",
    "progress_message": "Interrupted; waiting to be run again",
    "progress_fraction": 0.0,
}
"""Changes that let another worker take a running job. To its owner it stays EXECUTING: phases never go back."""


@dataclass
class Run:
    """What is known of one run of a job while it lasts."""

    job: Job
    kind: JobType
    attempt: int
    child: child.Child
    workdir: Path
    log: Path
    started: float
    buffer: bytes = b""
    closed: bool = False
    outputs: dict[str, tuple[Path, str | None]] = field(default_factory=dict)
    """Path by role, and the media type where it is not the declared one."""
    outcome: dict[str, Any] = field(default_factory=dict)
    progress: tuple[str, float] | None = None


class Runner:
    """One worker process. Its `id` is new at every start."""

    def __init__(self, home: Path) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(6)}"
        self.folder = home / "work" / self.id
        self.cache_dir = home / "cache"
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        nascent = home / "work" / f".{self.id}"  # it gets its name once it is locked: no reconciler sees it free
        nascent.mkdir(parents=True)
        self._lock = os.open(nascent / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        nascent.rename(self.folder)

    def run(self, public_id: str) -> None:
        """Run a job to its end if it waits for a worker. Whatever happens, the job ends or is run again."""
        started = Coalesce("started", Value(timezone.now()))  # of the first run, if there were several
        job = store.take(public_id, self.id, started=started, progress_message="Starting", progress_fraction=0.0)
        if job is None:
            return
        attempt = job.attempt
        try:
            self._run(job, attempt)
        except (SystemExit, KeyboardInterrupt):  # the worker is being stopped: the job waits for another one
            store.update_run(job, attempt, **GIVEN_BACK)
            raise
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("job %s failed in its worker (reference %s)", public_id, reference)
            endings.fail(job, RUNNING, Failure(f"internal error (reference {reference})"), attempt=attempt)
        finally:
            shutil.rmtree(self._workdir(job, attempt), ignore_errors=True)
            if Job.objects.filter(pk=job.pk, destroyed=True).exclude(phase=Phase.EXECUTING).exists():
                endings.purge(job)

    def close(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, job: Job, attempt: int) -> None:
        kind = jobtypes.job_type(job.job_type)
        try:
            parameters = parse(kind.parameters, job.parameters)
            files = inputs.of(job, kind, parameters)
        except (ParameterErrors, UserJobError) as error:
            endings.fail(job, RUNNING, Failure(error.message), attempt=attempt)
            return
        normalised = to_texts(parameters)
        software = identity.installed(kind.software)
        key = identity.cache_key(kind, normalised, files, software) if kind.deterministic else ""
        if key and service.answer_from_store(
            job, kind, key, origin=frozenset(RUNNING), attempt=attempt, software=software
        ):
            return
        store.update_run(
            job,
            attempt,
            normalised=[[name, texts] for name, texts in normalised.items()],
            inputs=inputs.recorded(files),
            software=software,
            cache_key=key,
        )
        workdir = self._workdir(job, attempt)
        (workdir / "files").mkdir(parents=True)
        origin = _origin(job)
        connections.close_all()  # a forked process must not share them
        work = child.Work(
            job_id=job.public_id,
            marker=f"{job.public_id}.{attempt}",
            entry=kind.worker,
            origin=origin,
            parameters=parameters,
            inputs=files,
            workdir=workdir / "files",
            cache_dir=self.cache_dir,
            log=workdir / "log",
        )
        run = Run(job, kind, attempt, child.start(work), workdir, work.log, time.monotonic())
        failure: Failure | None = None
        try:
            verdict, failure = _watch(run)
        finally:
            _end_processes(run)
        _keep_log(run)
        if verdict == "void":
            return
        if verdict == "abort":
            endings.abort(job, RUNNING, failure, attempt=attempt)
        else:
            _conclude(run)

    def _workdir(self, job: Job, attempt: int) -> Path:
        return self.folder / f"{job.public_id}.{attempt}"


def _origin(job: Job) -> Origin:
    owner = job.owner
    base_url = settings.DISTILLER_BASE_URL or job.base_url
    if owner is None:
        return Origin(base_url=base_url, run_id=job.run_id)
    return Origin(owner.get_username(), is_curator=owner.is_staff, base_url=base_url, run_id=job.run_id)


def _watch(run: Run) -> tuple[str, Failure | None]:
    """Follow the process until it ends ("ended"), must be ended ("abort", and why), or has lost its job ("void")."""
    next_look = next_beat = next_memory = 0.0
    limit = settings.DISTILLER_JOB_MEMORY * 2**20
    while not run.closed and not run.outcome and not _has_exited(run):
        _read(run, LOOK)
        now = time.monotonic()
        if now >= next_look:
            next_look = now + LOOK
            with_beat = now >= next_beat
            if with_beat:
                next_beat = now + BEAT
            verdict = _look(run, now, with_beat)
            if verdict is not None:
                return verdict
        if limit and now >= next_memory:
            next_memory = now + MEMORY_LOOK
            if processes.group_memory(run.child.pid) > limit:
                run.outcome = {
                    "error": "fatal",
                    "message": f"the job needs more memory than the {settings.DISTILLER_JOB_MEMORY} MiB that a job may "
                    "use; select less data",
                }
    while not run.closed and not run.outcome:  # it has exited: what it said before
        _read(run, 0)
        if not select.select([run.child.pipe], [], [], 0)[0]:
            break
    return "ended", None


def _look(run: Run, now: float, with_beat: bool) -> tuple[str, Failure | None] | None:
    """Write progress and a sign of life to the jobs table, and read from it whether the run shall go on (None)."""
    changes: dict[str, Any] = {}
    if run.progress is not None:
        changes["progress_message"], changes["progress_fraction"] = run.progress
        run.progress = None
    if with_beat:
        changes["beat"] = F("beat") + 1
    if changes and not store.update_run(run.job, run.attempt, **changes):
        return "void", None
    state = (
        Job.objects.filter(pk=run.job.pk, phase=Phase.EXECUTING, attempt=run.attempt)
        .values_list("abort_requested", "execution_duration")
        .first()
    )
    if state is None:
        return "void", None
    aborted, duration = state
    if aborted:
        return "abort", None
    if duration and now - run.started > duration:
        return "abort", Failure(f"the job was ended after {duration} s, its execution duration")
    return None


def _has_exited(run: Run) -> bool:
    """Whether the process has ended; it is not reaped, so that its number stays taken."""
    return os.waitid(os.P_PID, run.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(run: Run, patience: float) -> None:
    ready, _, _ = select.select([run.child.pipe], [], [], patience)
    if not ready:
        return
    data = os.read(run.child.pipe, 65536)
    run.closed = not data
    *lines, run.buffer = (run.buffer + data).split(b"\n")
    for line in lines:
        message = json.loads(line)
        if "progress" in message:
            run.progress = (message["progress"], message["fraction"])
        elif "output" in message:
            run.outputs[message["output"]] = Path(message["path"]), message["media_type"]
        else:
            run.outcome = message


def _end_processes(run: Run) -> None:
    """End whatever is left of the job. A process that has said all it had to say may first leave by itself."""
    deadline = time.monotonic() + (FAREWELL if run.outcome else 0.0)
    while time.monotonic() < deadline and not _has_exited(run):
        time.sleep(0.005)
    processes.kill_group(run.child.pid)
    with suppress(ChildProcessError):
        os.waitpid(run.child.pid, 0)
    processes.kill_marked(f"{run.job.public_id}.{run.attempt}")
    os.close(run.child.pipe)


def _conclude(run: Run) -> None:
    """The process has ended by itself: publish its results, or say why there are none."""
    outcome = run.outcome
    if not outcome:
        _retry_or_fail(run, "the process of the job was ended from outside (most likely it ran out of memory)")
        return
    if "error" in outcome:
        _failed(run, str(outcome["error"]), str(outcome["message"]))
        return
    try:
        outputs = _checked_outputs(run)
        stored = results.put(run.job, run.attempt, outputs)
    except OSError:
        logger.exception("the results of job %s cannot be stored", run.job.public_id)
        _retry_or_fail(run, "the results could not be stored; the operators have been told")
        return
    published = False
    try:
        published = endings.complete(
            run.job,
            RUNNING,
            lambda: results.publish(run.job, stored),
            attempt=run.attempt,
            progress_message="Completed",
        )
    finally:
        if not published:
            results.discard(output.storage_name for output in stored)
            _abort_if_asked(run)


def _abort_if_asked(run: Run) -> None:
    if Job.objects.filter(pk=run.job.pk, phase=Phase.EXECUTING, attempt=run.attempt, abort_requested=True).exists():
        endings.abort(run.job, RUNNING, attempt=run.attempt)


def _checked_outputs(run: Run) -> list[tuple[OutputRole, Path]]:
    """The outputs in the order of their declaration; a defect of the worker function raises ValueError."""
    declared = {role.name for role in run.kind.outputs}
    unknown = set(run.outputs) - declared
    missing = {role.name for role in run.kind.outputs if role.required} - set(run.outputs)
    if unknown or missing:
        raise ValueError(
            f"job type {run.kind.name}: not declared: {sorted(unknown)}; required but not made: {sorted(missing)}"
        )
    return [_output(role, *run.outputs[role.name]) for role in run.kind.outputs if role.name in run.outputs]


def _output(role: OutputRole, path: Path, media_type: str | None) -> tuple[OutputRole, Path]:
    return (role if media_type is None else replace(role, media_type=media_type, filename=path.name)), path


def _failed(run: Run, kind: str, message: str) -> None:
    if kind == "user":
        endings.fail(run.job, RUNNING, Failure(message), attempt=run.attempt)
    elif kind == "transient":
        _retry_or_fail(run, message)
    elif kind == "fatal":
        logger.error("job %s: %s", run.job.public_id, message)
        endings.fail(run.job, RUNNING, Failure(message), attempt=run.attempt)
    else:
        reference = secrets.token_hex(4)
        logger.error("job %s failed (reference %s):\n%s", run.job.public_id, reference, message)
        endings.fail(run.job, RUNNING, Failure(f"internal error (reference {reference})"), attempt=run.attempt)


def _retry_or_fail(run: Run, reason: str) -> None:
    give_up_or_retry(run.job, run.attempt, reason)


def give_up_or_retry(job: Job, attempt: int, reason: str) -> None:
    """End a run that failed for a passing reason: the job waits for another worker, or ends in ERROR."""
    if job.crashes + 1 >= MAX_RUNS:
        message = f"{reason}; it was tried {job.crashes + 1} times"
        endings.fail(job, RUNNING, Failure(message, "transient"), attempt=attempt)
        return
    if store.update_run(
        job,
        attempt,
        crashes=job.crashes + 1,
        **GIVEN_BACK,
    ):
        queue.send(job)


def _keep_log(run: Run) -> None:
    try:
        text = run.log.read_text(errors="replace")[-LOG_SIZE:].replace("\x00", "")
    except OSError:
        return
    if text and Job.objects.filter(pk=run.job.pk).exists():
        JobLog.objects.update_or_create(job=run.job, defaults={"text": text})
