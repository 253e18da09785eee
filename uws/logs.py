"""Job logs: what the processes of a job write to standard output and error, readable while they run.

The runner reads it from a pipe and keeps the end in memory; what is new goes to the jobs database about once a second,
so that any web process can show it and the death of the worker loses a second of it.
"""

from __future__ import annotations

import codecs
import os
from contextlib import suppress

from django.db import IntegrityError

from uws.models import Job, JobLog

SIZE = 200_000
"""Characters of a job's log that are kept: its end."""
_CHUNK = 65536


class Tail:
    """The end of what is read from a pipe. `start` counts the characters that came before it."""

    def __init__(self, start: int = 0, text: str = "") -> None:
        self.start = start
        self.text = text
        self.changed = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, data: bytes) -> None:
        """Add bytes of UTF-8; what is not becomes U+FFFD, and so does NUL, which PostgreSQL does not take."""
        self.text += self._decoder.decode(data).replace("\x00", "\ufffd")
        self.changed = True
        if len(self.text) > 2 * SIZE:
            self._cut()

    def read(self, pipe: int) -> bool:
        """Add what a pipe has; False at its end. It blocks if there is nothing."""
        data = os.read(pipe, _CHUNK)
        if data:
            self.feed(data)
        return bool(data)

    def save(self, job: Job) -> None:
        """Write it to the database, if the job is still there."""
        if not self.changed:
            return
        self._cut()
        row = JobLog(job=job, start=self.start, text=self.text)
        with suppress(IntegrityError):  # the job is gone
            JobLog.objects.bulk_create(
                [row], update_conflicts=True, unique_fields=["job"], update_fields=["start", "text"]
            )
        self.changed = False

    def _cut(self) -> None:
        surplus = max(len(self.text) - SIZE, 0)
        self.start += surplus
        self.text = self.text[surplus:]


def of_run(job: Job, attempt: int) -> Tail:
    """The log of a run that begins: what runs before it wrote stays above it."""
    row = JobLog.objects.filter(job=job).first() if attempt > 1 else None
    if row is None:
        return Tail()
    tail = Tail(row.start, row.text)
    tail.feed(f"--- run {attempt} ---\n".encode())
    return tail


def read(job: Job, offset: int = 0) -> tuple[str, int]:
    """The log from a place on, and the place after it, to go on from: (text, next offset), in characters.

    0 is the beginning. What is not kept any more is left out, with a line that says so.
    """
    row = JobLog.objects.filter(job=job).values_list("start", "text").first()
    if row is None:
        return "", 0
    start, text = row
    end = start + len(text)
    if offset < start:
        return f"[{start - max(offset, 0)} characters are not kept]\n{text}", end
    return text[offset - start :], end
