"""Processes of the operating system: ending whole families of them, and none outliving its parent.

The kernel's help is used where there is any (Linux: parent-death signal, orphans given to an ancestor, /proc);
elsewhere a thread watches the parent, and a family is its process group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
MARKER = "DISTILLER_JOB"
"""Environment variable by which programs that a job has started are recognised, whatever group they moved to."""


class Process(NamedTuple):
    """A process as /proc shows it. `started` counts clock ticks since the machine's start; `memory` is resident bytes.

    Number and start together name a process: the number alone may be another's by now.
    """

    pid: int
    parent: int
    started: int
    memory: int
    is_zombie: bool


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


def adopt_orphans() -> None:
    """Have descendants whose parent ends become children of this process, so that none gets out of sight (Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def table() -> dict[int, Process]:
    """All processes by number; none where there is no /proc."""
    return {process.pid: process for pid in _pids() if (process := look_up(pid)) is not None}


def look_up(pid: int) -> Process | None:
    """The process of that number, if there is one and /proc tells."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command may hold spaces and parentheses: fields are counted from the last one.
    fields = text.rpartition(")")[2].split()
    return Process(pid, int(fields[1]), int(fields[19]), int(fields[21]) * _PAGE, fields[0] == "Z")


def family(roots: Iterable[int], processes: Mapping[int, Process]) -> list[Process]:
    """The descendants of some processes, without these."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    level = list(roots)
    while level:
        next_level = [child for pid in level for child in children.get(pid, ())]
        found += next_level
        level = [child.pid for child in next_level]
    return found


def descendants(spare: Collection[int] = ()) -> list[Process]:
    """The processes below this one, without its children `spare` and theirs.

    Where the kernel lists children (Linux) nothing else is read: a look at all processes of a machine costs many
    milliseconds. It may miss one while another one ends (proc(5)), so that it is for looks that are repeated.
    """
    if not _lists_children():
        others = {pid: process for pid, process in table().items() if pid not in spare}
        return family([os.getpid()], others)
    found: list[Process] = []
    level = [pid for pid in _children_of(os.getpid()) if pid not in spare]
    while level:
        found += [process for pid in level if (process := look_up(pid)) is not None]
        level = [child for pid in level for child in _children_of(pid)]
    return found


def children() -> frozenset[int]:
    """Numbers of this process's children, dead ones that were not reaped included."""
    if not _has_children():
        return frozenset()
    return frozenset(process.pid for process in table().values() if process.parent == os.getpid())


def kill_family(spare: Collection[int] = (), patience: float = 2.0) -> bool:
    """Kill all descendants of this process but its children `spare` and theirs, and reap them; whether all are gone.

    They may start others meanwhile: it looks again until nobody is left.
    """
    deadline = time.monotonic() + patience
    while _has_children():
        processes = {pid: process for pid, process in table().items() if pid not in spare}
        left = family([os.getpid()], processes)
        if not left:
            return True
        for process in left:
            if not process.is_zombie:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, signal.SIGKILL)
        for process in left:
            if process.parent == os.getpid():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.002)
    return True


def kill_group(group: int) -> None:
    """Kill every process of a process group; nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def record(path: Path, members: Iterable[Process]) -> None:
    """Write down which processes belong to a job, for whoever has to end them when the runner is dead."""
    nascent = path.with_suffix(".new")
    nascent.write_text("".join(f"{member.pid} {member.started}\n" for member in members))
    nascent.rename(path)


def kill_recorded(path: Path) -> int:
    """Kill the processes that were written down, as far as they are still the same, and their descendants; how many."""
    try:
        recorded = {tuple(map(int, line.split())) for line in path.read_text().splitlines()}
    except (OSError, ValueError):
        return 0
    processes = table()
    same = [p for p in processes.values() if (p.pid, p.started) in recorded]
    return _kill([p.pid for p in [*same, *family([p.pid for p in same], processes)]])


def kill_marked(marker: str) -> int:
    """Kill the programs that a job started, found by their environment (Linux; elsewhere none); how many."""
    return _kill(marked(marker))


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


def memory_above(members: Collection[Process], limit: int) -> bool:
    """Whether processes use more memory (bytes) together. Pages that they share count once."""
    return sum(member.memory for member in members) > limit and sum(_own_memory(m) for m in members) > limit


def machine_memory() -> int:
    """Bytes of memory that this machine has, or this container may use."""
    total = _PAGE * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            total = min(total, int(Path(limit).read_text()))
    return total


def _has_children() -> bool:
    """Costs nothing, where a look at all processes costs milliseconds."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


@cache
def _lists_children() -> bool:
    return (_PROC / "self" / "task" / str(os.getpid()) / "children").exists()


def _children_of(pid: int) -> list[int]:
    """Children of all threads of a process; none if it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def _own_memory(process: Process) -> int:
    """Proportional share of resident memory (bytes), which costs the kernel a walk over all pages."""
    try:
        lines = (_PROC / str(process.pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return process.memory
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _kill(pids: Iterable[int]) -> int:
    killed = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        for name in os.listdir(_PROC):  # noqa: PTH208 - numbers, not paths
            if name.isdigit():
                yield int(name)
