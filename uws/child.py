"""The process of one job: forked from a warm worker, in a session of its own, knowing nothing of database or queue.

It talks to its supervisor in lines of JSON over a pipe: progress, outputs, and how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

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
    log: Path


@dataclass(frozen=True, slots=True)
class Child:
    """A started process: its id, which is its process group's too, and the pipe to read from."""

    pid: int
    pipe: int


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

    def progress(self, message: str, fraction: float) -> None:
        self._tell({"progress": str(message)[:255], "fraction": min(max(float(fraction), 0.0), 1.0)})

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
    """Fork the process that does the work. The caller has closed its database connections."""
    read_end, write_end = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become_job(work, write_end, parent)
    os.close(write_end)
    return Child(pid, read_end)


def _become_job(work: Work, pipe: int, parent: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        die_with_parent(parent)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        os.environ[MARKER] = work.marker
        _own_files(work.log, pipe)
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
        tell({"error": "fatal", "message": "the job needs more memory than it may use; select less data"})
    except BaseException:  # noqa: BLE001 - the border of the job: whatever was raised is told and logged
        text = traceback.format_exc()
        sys.stderr.write(text)
        tell({"error": "internal", "message": text[-8000:]})
    else:
        tell({"done": True})
        return 0
    return 2


def _own_files(log: Path, pipe: int) -> None:
    """Standard streams to the job's log; every other inherited file but the pipe becomes /dev/null.

    They are replaced rather than closed: an object that is finalised later would otherwise write to, or close, a file
    of ours that got the same number (a database client says good-bye on its socket, for one).
    """
    null = os.open(os.devnull, os.O_RDWR)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
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
