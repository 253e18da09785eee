"""Running jobs in a worker process: take one, fork its process, have it followed, and bring the job to an end.

A runner's folder under DISTILLER_HOME/work holds the working folders of its jobs and a lock that the kernel lets go of
when the runner dies: so the reconciler knows at once, and is not fooled by process ids that are used again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from uws import (
    child,
    conclusion,
    endings,
    forking,
    identity,
    inputs,
    jobtypes,
    joining,
    logs,
    machine,
    processes,
    service,
    store,
    turns,
    watching,
)
from uws.context import Origin
from uws.endings import Failure
from uws.errors import UserJobError
from uws.inputs import Inputs
from uws.jobtypes import JobType
from uws.models import Job
from uws.outages import AWAY, patiently
from uws.parameters import JobParameters
from uws.phases import Phase
from uws.retries import GIVEN_BACK, RUNNING, give_up_or_retry
from uws.values import ParameterErrors, parse, to_texts
from uws.watching import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a run is started with."""

    kind: JobType
    parameters: JobParameters
    files: Inputs
    origin: Origin
    log: logs.Tail


class Runner:
    """One worker process. Its `id` is new at every start, and begins with the name of the machine."""

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
        processes.adopt_orphans()

    def run(self, queue_name: str) -> bool:
        """Run the job of a queue whose turn it is to its end; False if none waits that may be run now.

        Whatever happens, the job ends or is run again.
        """
        job = self._take(queue_name)
        if job is None:
            return False
        attempt, activity = job.attempt, job.activity

        def holder() -> Job:
            """The job whose run it is now: it may have been handed over (`uws.joining`)."""
            return joining.holder(activity) or job

        try:
            self._run(job, attempt)
        except (SystemExit, KeyboardInterrupt):  # the worker is being stopped: the job waits for another one
            store.update_run(holder(), attempt, **GIVEN_BACK)
            raise
        except AWAY:
            logger.exception("job %s is left: the database stays away", job.public_id)
            raise
        except OSError:
            logger.exception("job %s cannot be run here", job.public_id)
            reason = "the worker could not run the job; the operators have been told"
            patiently(lambda: give_up_or_retry(holder(), attempt, reason))
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("job %s failed in its worker (reference %s)", job.public_id, reference)
            conclusion.fail(patiently(holder), attempt, f"internal error (reference {reference})")
        finally:
            shutil.rmtree(self._workdir(job, attempt), ignore_errors=True)
        if job.destroyed and job.phase != Phase.EXECUTING:
            endings.purge(job)
        turns.wake_others(job)
        return True

    def close(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take(self, queue_name: str) -> Job | None:
        """The job whose turn it is, this runner's now."""

        def take() -> Job | None:
            return turns.claim(queue_name, self.id, _starting)

        try:
            return take()
        except AWAY:  # one may have been taken all the same
            connection.close()
            mine = Job.objects.filter(phase=Phase.EXECUTING, runner=self.id)
            return patiently(lambda: mine.first() or take())

    def _run(self, job: Job, attempt: int) -> None:
        prepared = patiently(lambda: self._prepare(job, attempt))
        if prepared is None:
            return
        run = self._start(job, attempt, prepared)
        verdict = watching.Verdict("void")
        try:
            verdict = watching.watch(run)
        finally:
            watching.end(run)
        patiently(lambda: run.log.save(run.job))
        if verdict.kind == "ended":
            conclusion.conclude(run)
        else:
            conclusion.obey(run, verdict)

    def _prepare(self, job: Job, attempt: int) -> _Prepared | None:
        """What the job needs; None if it has ended already: refused, or answered from the result store."""
        kind = jobtypes.job_type(job.job_type)
        try:
            parameters = parse(kind.parameters, job.parameters)
            files = inputs.of(job, kind, parameters)
        except (ParameterErrors, UserJobError) as error:
            endings.fail(job, RUNNING, Failure(error.message), attempt=attempt, alone=True)
            return None
        normalised = to_texts(parameters)
        software = identity.installed(kind.software)
        key = identity.cache_key(kind, normalised, files, software) if kind.deterministic else ""
        if key and not job.fresh and job.leads != key:  # while it leads, nobody else can have done the work
            if service.answer_from_store(job, kind, key, origin=frozenset(RUNNING), attempt=attempt, software=software):
                return None
            if not joining.take_lead(job, attempt, key):
                return None
        found: dict[str, Any] = {
            "normalised": [[name, texts] for name, texts in normalised.items()],
            "inputs": inputs.recorded(files),
            "input_bytes": inputs.size(files),
            "software": software,
            "cache_key": key,
        }
        if changes := {name: value for name, value in found.items() if getattr(job, name) != value}:
            store.update_run(job, attempt, **changes)
        return _Prepared(kind, parameters, files, _origin(job), logs.of_run(job, attempt))

    def _start(self, job: Job, attempt: int, prepared: _Prepared) -> Run:
        workdir = self._workdir(job, attempt)
        (workdir / "files").mkdir(parents=True)
        memory = machine.memory(prepared.kind)
        work = child.Work(
            job_id=job.activity,
            marker=workdir.name,
            entry=prepared.kind.worker,
            origin=prepared.origin,
            parameters=prepared.parameters,
            inputs=prepared.files,
            workdir=workdir / "files",
            cache_dir=self.cache_dir,
            cache_size=settings.DISTILLER_JOB_CACHE * 2**20,
            memory=memory,
        )
        spared = processes.children()
        forking.prepare()
        run = Run(job, job.activity, prepared.kind, attempt, child.start(work), workdir, memory, prepared.log, spared)
        if (first := processes.look_up(run.child.pid)) is not None:
            watching.record(run, [first])
        return run

    def _workdir(self, job: Job, attempt: int) -> Path:
        return self.folder / f"{job.public_id}.{attempt}"


def _starting(job: Job) -> dict[str, Any]:
    """What is written to a job when this process takes it."""
    kind = jobtypes.known(job.job_type)
    software = {} if kind is None else {"software": identity.installed(kind.software)}
    begin = {"not_before": None, "progress_stage": "", "progress_message": "Starting", "progress_fraction": 0.0}
    return {**begin, **software}


def _origin(job: Job) -> Origin:
    owner = job.owner
    base_url = settings.DISTILLER_BASE_URL or job.base_url
    if owner is None:
        return Origin(base_url=base_url, run_id=job.run_id)
    return Origin(owner.get_username(), is_curator=owner.is_staff, base_url=base_url, run_id=job.run_id)
