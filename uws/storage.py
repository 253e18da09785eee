"""Files of jobs in a storage: deleted without leaving empty folders, and found when nothing refers to them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import Storage

logger = logging.getLogger(__name__)
ORPHAN_AGE = timedelta(hours=1)
"""Younger files without a row may belong to something that is about to be committed."""


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


def discard_orphans(storage: Storage, before: datetime, referred: Callable[[str], bool]) -> int:
    """Delete files from before that time which nothing refers to; how many.

    They are left by a process killed at the wrong moment.
    """
    orphans = [n for n in _names(storage, "") if storage.get_modified_time(n) < before and not referred(n)]
    discard(storage, orphans)
    return len(orphans)


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
