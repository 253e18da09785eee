"""Files of jobs in a storage: deleted without leaving empty folders, and found when nothing refers to them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import Storage

logger = logging.getLogger(__name__)
ORPHAN_AGE = 3600.0
"""Seconds after which a file without a row does not belong to something that is about to be committed."""
_AT_ONCE = 500


class Movable(File):
    """A finished file that a storage on the same disk may rename instead of copying."""

    def __init__(self, path: Path, file: IO[Any]) -> None:
        super().__init__(file, name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def discard(storage: Storage, names: Iterable[str]) -> None:
    """Delete files, and the folders that they leave empty."""
    for name in names:
        try:
            storage.delete(name)
        except OSError:
            logger.exception("the file %s cannot be deleted", name)
            continue
        _remove_empty_folders(storage, name)


class Orphans:
    """Files that nothing refers to, left by a process killed at the wrong moment.

    They are deleted when they have been seen for ORPHAN_AGE of this process's own clock: the dates of files depend on
    clocks that may jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}

    def sweep(self, storage: Storage, referred: Callable[[list[str]], Iterable[str]]) -> int:
        """Delete the old ones; how many. `referred` gives those of some names that something refers to."""
        now = self._clock()
        names = _names(storage, "")
        lonely: set[str] = set()
        while some := list(islice(names, _AT_ONCE)):
            lonely |= set(some).difference(referred(some))
        self._seen = {name: self._seen.get(name, now) for name in lonely}
        old = [name for name, since in self._seen.items() if now - since >= ORPHAN_AGE]
        discard(storage, old)
        return len(old)


def _remove_empty_folders(storage: Storage, name: str) -> None:
    try:
        folder = Path(storage.path(name)).parent
        top = Path(storage.path(""))
    except NotImplementedError:  # a storage without folders of this machine
        return
    with contextlib.suppress(OSError):
        while folder != top and top in folder.parents:
            folder.rmdir()
            folder = folder.parent


def _names(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for file in files:
        yield f"{folder}{file}"
    for inner in folders:
        yield from _names(storage, f"{folder}{inner}/")
