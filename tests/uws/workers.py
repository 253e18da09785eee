"""Worker functions of the test job types: they do as they are told. No Django here, as in every worker."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from uws.context import JobContext
from uws.errors import FatalJobError, TransientJobError, UserJobError


def run(context: JobContext) -> None:
    parameters = context.parameters
    behave: str = parameters.behave  # type: ignore[attr-defined]
    seconds: float = parameters.seconds  # type: ignore[attr-defined]
    print(f"running {context.job_id}: {behave}")
    context.progress("Thinking", 0.25, stage="thought")
    sources = [file.path.read_text() for files in context.inputs.values() for file in files]
    if behave == "user-error":
        raise UserJobError("no events are left; choose a wider energy range")
    if behave == "fatal":
        raise FatalJobError("the calibration of this run cannot be used")
    if behave == "transient":
        raise TransientJobError("the disk is busy")
    if behave == "defect":
        raise RuntimeError(f"secret detail in {context.workdir}")
    if behave == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if behave == "die-once":
        mark = context.cache_dir / f"{context.job_id}.died"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if behave == "family":
        child = subprocess.Popen(["sleep", "1000"])
        escaped = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (context.cache_dir / f"{context.job_id}.pids").write_text(f"{os.getpid()} {child.pid} {escaped.pid}")
    if behave == "daemon":
        (context.cache_dir / f"{context.job_id}.pids").write_text(str(_daemon()))
    if behave == "full-disk":
        raise RuntimeError("the writer failed") from OSError(errno.ENOSPC, "No space left on device")
    if behave == "chatty":
        print("x" * 300_000, flush=True)
        print("the end: ä\0", flush=True)
    if behave == "memory":
        hog = bytearray(300 * 2**20)
        for index in range(0, len(hog), 4096):
            hog[index] = 1
        time.sleep(30)
    _wait(seconds, context)
    if behave == "no-output":
        return
    text = context.workdir / "text.txt"
    text.write_text("\n".join([parameters.text, *sources]))  # type: ignore[attr-defined]
    if behave == "large":
        text.write_bytes(os.urandom(2**20) * 8)
    context.output("text", text)
    if behave == "undeclared":
        context.output("surprise", text)
    extra = Path(context.workdir / "extra.json")
    extra.write_text(json.dumps({"seconds": seconds}))
    context.output("extra", extra)
    context.progress("Done", 1.0)


def _daemon() -> int:
    """Id of a process that has left its parent, its group and its session, and was never executed anew."""
    read_end, write_end = os.pipe()
    if (pid := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write_end, str(os.getpid()).encode())
            time.sleep(1000)
        os._exit(0)
    os.waitpid(pid, 0)
    return int(os.read(read_end, 100))


def _wait(seconds: float, context: JobContext) -> None:
    """For so many seconds, or until the test has made a file that says that it is enough."""
    deadline = time.monotonic() + seconds
    enough = context.cache_dir / f"{context.job_id}.enough"
    while (left := deadline - time.monotonic()) > 0 and not enough.exists():
        context.progress(f"Waiting, {left:.0f} s left", 1 - left / seconds)
        time.sleep(min(left, 0.2))
