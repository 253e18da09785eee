"""Processes of the operating system: ending whole families of them, and none outliving its parent.

The kernel's help is used where there is any (Linux: parent-death signal, /proc); elsewhere a thread watches the parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_PROC = Path("/proc")
MARKER = "DISTILLER_JOB"
"""Environment variable by which programs that a job has started are recognised, whatever group they moved to."""


def die_with_parent(parent: int, deadly: signal.Signals = signal.SIGKILL) -> None:
    """Have this process killed when its parent ends, however that ends. Call it in the child, with the parent's id."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(deadly), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            os.kill(os.getpid(), deadly)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), deadly)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def kill_group(group: int) -> None:
    """Kill every process of a process group; nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def kill_marked(marker: str) -> int:
    """Kill the programs that a job started, found by their environment (Linux; elsewhere none); how many."""
    killed = 0
    for pid in marked(marker):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def marked(marker: str) -> Iterator[int]:
    """Ids of the processes whose environment carries that job's marker, except this one."""
    wanted = f"{MARKER}={marker}".encode()
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            yield pid


def group_memory(group: int) -> int:
    """Resident memory (bytes) of a process group; 0 where it cannot be told."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in _pids():
        try:
            # The command may hold spaces and parentheses: fields are counted from the last one.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int(fields[21]) * page
        except (OSError, IndexError, ValueError):
            continue
    return total


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        for entry in _PROC.iterdir():
            if entry.name.isdigit():
                yield int(entry.name)
