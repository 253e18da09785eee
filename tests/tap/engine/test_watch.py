"""The thread that watches over all statements of a process is there when one needs it."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tap.engine import watch
from tap.engine.watch import Watch


class Run:
    """A statement that notes that it was stopped."""

    timed_out = False

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def cancel(self) -> None:
        self.stopped.set()


def test_it_begins_with_a_later_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread could be had for the first one, which fails; the time of those that follow is limited."""
    monkeypatch.setattr(watch, "_WATCHER", watch._Watcher())

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short_of_threads:
        short_of_threads.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start"), Watch(Run(), 10):
            pass
    run = Run()
    with Watch(run, 0):
        assert run.stopped.wait(5)
    assert run.timed_out


def test_a_fork_has_its_own() -> None:
    """Whatever the thread of the parent was doing at that moment."""
    holds, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with watch._WATCHER.condition:
            holds.set()
            may_go.wait(20)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    holds.wait(5)
    pid = os.fork()
    if not pid:
        run = Run()
        with Watch(run, 0):
            os._exit(0 if run.stopped.wait(5) else 1)
    may_go.set()
    thread.join()
    ended, deadline = (0, 0), time.monotonic() + 10
    while ended == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
        ended = os.waitpid(pid, os.WNOHANG)
    if ended == (0, 0):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert ended == (pid, 0)
