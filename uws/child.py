"""The process of one job: forked from a warm worker, in a session of its own, knowing nothing of database or queue.

It talks to its runner in lines of JSON over a pipe: progress, outputs, and how it ended. What it and the programs that
it starts write to standard output and error goes into another pipe.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from uws import forking
from uws.context import InputFile, Origin
from uws.errors import JobError, TransientJobError, UserJobError
from uws.parameters import JobParameters
from uws.processes import MARKER, die_with_parent


@dataclass(frozen=True, slots=True)
class Work:
    """All that the process needs to know."""

    job_id: str
    marker: str
    entry: str
    """The worker function, "module:function"."""
    origin: Origin
    parameters: JobParameters
    inputs: Mapping[str, tuple[InputFile, ...]]
    workdir: Path
    cache_dir: Path
    cache_size: int
    memory: int
    """Bytes that all its processes together may use."""


@dataclass(frozen=True, slots=True)
class Child:
    """A started process: its id, which is its process group's too, and the pipes to read from."""

    pid: int
    pipe: int
    log: int


class ForkedContext:
    """What the worker function is given (`uws.context.JobContext`)."""

    def __init__(self, work: Work, tell: Callable[[dict[str, Any]], None]) -> None:
        self.job_id = work.job_id
        self.origin = work.origin
        self.parameters = work.parameters
        self.inputs = work.inputs
        self.workdir = work.workdir
        self.cache_dir = work.cache_dir
        self.cache_size = work.cache_size
        self._tell = tell

        self._stage = ""

    def progress(self, message: str, fraction: float, *, stage: str = "") -> None:
        self._stage = str(stage)[:64] or self._stage
        done = min(max(float(fraction), 0.0), 1.0)
        self._tell({"progress": str(message)[:255], "fraction": done, "stage": self._stage})

    def output(self, role: str, path: Path, media_type: str | None = None) -> None:
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"the output {role!r} was declared, but there is no file {path.name}")
        self._tell({"output": role, "path": str(path.resolve()), "media_type": media_type})


def load(entry: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, name = entry.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def start(work: Work) -> Child:
    """Fork the process that does the work. The caller has prepared its database connections (`uws.forking`)."""
    read_end, write_end = os.pipe()
    log_read_end, log_write_end = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become_job(work, write_end, log_write_end, parent)
    os.close(write_end)
    os.close(log_write_end)
    return Child(pid, read_end, log_read_end)


def _become_job(work: Work, pipe: int, log: int, parent: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        die_with_parent(parent)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        os.environ[MARKER] = work.marker
        _own_files(log, pipe)
        forking.forget()
        _limit_memory(work.memory)
        os.chdir(work.workdir)
        status = _work(work, pipe)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _work(work: Work, pipe: int) -> int:
    def tell(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(pipe, data) :]

    try:
        load(work.entry)(ForkedContext(work, tell))
    except UserJobError as error:
        tell({"error": "user", "message": error.message})
    except TransientJobError as error:
        traceback.print_exc()
        tell({"error": "transient", "message": error.message})
    except JobError as error:
        traceback.print_exc()
        tell({"error": "fatal", "message": error.message})
    except MemoryError:
        traceback.print_exc()
        tell({"error": "fatal", "message": too_much_memory(work.memory)})
    except BaseException as error:  # noqa: BLE001 - the border of the job: whatever was raised is told and logged
        text = traceback.format_exc()
        if _is_full_disk(error):
            sys.stderr.write(text)
            tell({"error": "transient", "message": "the disk of the worker is full; the operators have been told"})
            return 2
        sys.stderr.write(text)
        tell({"error": "internal", "message": text[-8000:]})
    else:
        tell({"done": True})
        return 0
    return 2


def too_much_memory(limit: int) -> str:
    """What the owner of a job is told that needs more than that many bytes."""
    return f"the job needs more memory than the {limit // 2**20} MiB that it may use; select less data"


def _is_full_disk(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def _limit_memory(limit: int) -> None:
    """Have the kernel refuse this process what no job may have, however quickly it takes it.

    What the worker had before the fork is not counted; the runner looks after the sum of all processes.
    """
    try:
        status = Path("/proc/self/status").read_text()
        inherited = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
        resource.setrlimit(resource.RLIMIT_DATA, (inherited + limit, inherited + limit))
    except (OSError, StopIteration, ValueError):  # no Linux, or a lower limit of the system's own
        return


def _own_files(log: int, pipe: int) -> None:
    """Standard streams to the pipe of the job's log; every other inherited file but the pipe becomes /dev/null.

    They are replaced rather than closed: an object that is finalised later would otherwise write to, or close, a file
    of ours that got the same number (a database client says good-bye on its socket, for one).
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Python's own streams may have been replaced or redirected by the worker.
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    for number in _open_files():
        if number > 2 and number not in (pipe, null):
            try:
                os.dup2(null, number, inheritable=False)
            except OSError:
                continue


def _open_files() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(folder)]  # noqa: PTH208 - numbers, not paths
        except OSError:
            continue
    return list(range(3, 1024))
