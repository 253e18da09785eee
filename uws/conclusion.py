"""After a run has ended by itself: its results are published, or it is said why there are none."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from uws import endings, results, runtimes, watching
from uws.endings import Failure
from uws.jobtypes import OutputRole
from uws.models import Job, Result
from uws.outages import patiently
from uws.results import StoredOutput
from uws.retries import RUNNING, give_up_or_retry
from uws.watching import Run, Verdict

logger = logging.getLogger(__name__)
NOT_STORED = "the results could not be stored; the operators have been told"


def conclude(run: Run) -> None:
    """Publish the results of a run, or say why there are none; nothing is left in the result store otherwise."""
    seconds = time.monotonic() - run.started
    outcome = run.outcome
    if not outcome:
        retry(run, "the process of the job was ended from outside (most likely it ran out of memory)")
        return
    if "error" in outcome:
        _failed(run, str(outcome["error"]), str(outcome["message"]))
        return
    outputs = _checked_outputs(run)
    verdict: Verdict | None = None
    with ThreadPoolExecutor(1) as pool:  # a large file takes its time, and the job can be aborted all the same
        cancelled = threading.Event()
        storing = pool.submit(results.put, run.job, run.attempt, outputs, cancelled.is_set)
        try:
            while verdict is None and not wait([storing], watching.LOOK).done:
                verdict = watching.look(run)
            if verdict is not None:
                obey(run, verdict)
        finally:
            cancelled.set()
    _publish(run, storing, verdict, seconds)


def obey(run: Run, verdict: Verdict) -> None:
    """Do what was decided about a run that has not ended by itself."""
    patiently(lambda: watching.inherited(run))
    if verdict.kind == "abort":
        patiently(lambda: endings.abort(run.job, RUNNING, verdict.failure, attempt=run.attempt))


def retry(run: Run, reason: str) -> None:
    """End a run that failed for a passing reason."""
    patiently(lambda: watching.inherited(run))
    patiently(lambda: give_up_or_retry(run.job, run.attempt, reason))


def _publish(run: Run, storing: Future[list[StoredOutput]], verdict: Verdict | None, seconds: float) -> None:
    try:
        stored = storing.result()
    except results.Cancelled:
        return
    except OSError:
        logger.exception("the results of job %s cannot be stored", run.job.public_id)
        retry(run, NOT_STORED)
        return
    completed = False
    try:
        if verdict is None:
            completed = patiently(lambda: _complete(run, stored, seconds))
    finally:
        # Where the last commit was not answered, only the database knows whether the files are results now; if it
        # cannot be asked, they are left to the sweep.
        if not completed:
            patiently(lambda: results.discard_unpublished(stored))


def _complete(run: Run, stored: list[StoredOutput], seconds: float) -> bool:
    """End the job with these results; `seconds` is what the work took. False if that was not committed here."""

    def publish() -> list[Result]:
        runtimes.record(run.job, seconds)
        return results.publish(run.job, stored)

    def complete() -> bool:
        return endings.complete(run.job, RUNNING, publish, attempt=run.attempt, progress_message=run.last_words)

    return complete() or (watching.inherited(run) and complete())


def _checked_outputs(run: Run) -> list[tuple[OutputRole, Path]]:
    """The outputs in the order of their declaration; a defect of the worker function raises ValueError."""
    unknown = {name for name in run.outputs if run.kind.role_of(name) is None}
    missing = {role.name for role in run.kind.outputs if role.required} - set(run.outputs)
    if unknown or missing:
        raise ValueError(
            f"job type {run.kind.name}: not declared: {sorted(unknown)}; required but not made: {sorted(missing)}"
        )
    return [
        _output(role, name, *made) for role in run.kind.outputs for name, made in run.outputs.items() if role.has(name)
    ]


def _output(role: OutputRole, name: str, path: Path, media_type: str | None) -> tuple[OutputRole, Path]:
    if role.multiple or media_type is not None:
        role = replace(role, name=name, media_type=media_type or role.media_type, filename=path.name)
    return role, path


def _failed(run: Run, kind: str, message: str) -> None:
    patiently(lambda: watching.inherited(run))
    if kind == "transient":
        retry(run, message)
    elif kind == "user":
        fail(run.job, run.attempt, message)
    elif kind == "fatal":
        logger.error("job %s: %s", run.job.public_id, message)
        fail(run.job, run.attempt, message)
    else:
        reference = secrets.token_hex(4)
        logger.error("job %s failed (reference %s):\n%s", run.job.public_id, reference, message)
        fail(run.job, run.attempt, f"internal error (reference {reference})")


def fail(job: Job, attempt: int, message: str) -> None:
    """End a run's job as ERROR, which trying again would not change."""
    patiently(lambda: endings.fail(job, RUNNING, Failure(message), attempt=attempt))
