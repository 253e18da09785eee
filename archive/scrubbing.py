"""Finding stored files that are missing or altered: by reading them again, slowly and all the time.

The file that was read longest ago comes first. What is found is recorded with the file (`archive.damage`), logged,
and told by the admin and `/healthz`; a file that is whole again loses its mark.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import Error
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now

from archive import objects
from archive.damage import ALTERED, MISSING, record_checked
from archive.models import StoredFile
from archive.retrieval.contents import content_digest, crc32
from vo.errors import VOError

log = logging.getLogger(__name__)
_PIECE = 256 * 1024
_IDLE = 60.0
"""Seconds until it is looked again whether a file is due."""
Paced = Callable[[int], None]
"""Called with the number of bytes that were read; may wait."""


def problem(file: StoredFile, paced: Paced = lambda count: None) -> str:
    """Reads a file; "" if it is what its record says. Raises StorageUnavailable."""
    hasher, size = hashlib.sha256(), 0
    try:
        with objects.open_object(file.path) as source:
            while piece := source.read(_PIECE):
                hasher.update(piece)
                size += len(piece)
                paced(len(piece))
    except FileNotFoundError:
        return MISSING
    except OSError as error:  # of the disk, in the middle of the file
        return f"unreadable: {error.strerror or error}"
    if size != file.size:
        return f"changed: it has {size} bytes, recorded are {file.size}"
    return "" if hasher.hexdigest() == file.sha256 else ALTERED


def check(file: StoredFile, paced: Paced = lambda count: None) -> str:
    """Reads a file and records what was found; "" if all is well. Raises StorageUnavailable."""
    found = problem(file, paced)
    record_checked(file, found)
    if found and not file.damage:
        log.error("stored file %s is damaged: %s; ingest the same data again to restore it", file.path, found)
    elif not found:
        # Of a file from before these were recorded at ingest.
        content_digest(file)
        crc32(file, file.path)
    return found


def due(days: float) -> QuerySet[StoredFile]:
    """The files that were not read within so many days, those first that wait longest."""
    before = now() - timedelta(days=days)
    files = StoredFile.objects.filter(Q(checked=None) | Q(checked__lt=before))
    return files.order_by(F("checked").asc(nulls_first=True), "pk")


def damaged() -> int:
    """Number of files that are known to be damaged."""
    return StoredFile.objects.exclude(damage="").count()


class Pace:
    """Keeps reading to a number of bytes in a second."""

    def __init__(
        self, rate: float, wait: Callable[[float], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._wait, self._clock = rate, wait, clock
        self._free_at = clock()

    def __call__(self, count: int) -> None:
        present = self._clock()
        self._free_at = max(self._free_at, present) + count / self._rate
        if self._free_at > present:
            self._wait(self._free_at - present)


class Scrubber:
    """Reads files that are due, in a thread of low priority, until it is told to stop."""

    def __init__(self, release: Callable[[], None]) -> None:
        """`release` gives back what the thread holds of the database."""
        self._release = release
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_going(self) -> None:
        """Start it, if it is wanted and does not run."""
        if settings.DISTILLER_SCRUB_DAYS and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="scrubber", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        pace = Pace(settings.DISTILLER_SCRUB_RATE * 2**20, self._stopping.wait)
        while not self._stopping.is_set():
            try:
                busy = self.step(pace)
            except (Error, VOError) as error:
                log.warning("stored files cannot be checked now: %s", error)
                busy = False
            finally:
                self._release()
            self._stopping.wait(0 if busy else _IDLE)

    def step(self, pace: Paced) -> bool:
        """Check the file that is due first; False if none is."""
        file = due(settings.DISTILLER_SCRUB_DAYS).first()
        if file is None:
            return False
        check(file, pace)
        return True
