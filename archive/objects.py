"""The bytes in Django's default storage, by name: a file system, or an object store without folders of this machine.

An object store answers late and fails now and then: what it refuses is tried again, then told as a passing fault.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

from django.core.files.base import File
from django.core.files.storage import default_storage

from vo.errors import TransientFault

log = logging.getLogger(__name__)
ATTEMPTS = 4
PAUSE = 0.2
"""Seconds before the second attempt; twice as long before each further one."""
T = TypeVar("T")


class StorageUnavailable(TransientFault):
    """The storage did not answer, several times."""

    def __init__(self) -> None:
        super().__init__("the storage of the archive cannot be reached now; try again later")


def path_of(name: str) -> Path | None:
    """Where an object lies in the file system, whether or not it is there; None in a storage without paths."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def check_reachable() -> None:
    """Raises StorageUnavailable if the folder of all objects is not there, as when a disk is not mounted."""
    root = path_of("")
    if root is not None and not root.is_dir():
        raise StorageUnavailable


def size_of(name: str) -> int | None:
    """Size in bytes, None if there is no such object. Raises StorageUnavailable."""
    path = path_of(name)
    if path is not None:
        try:
            return path.stat().st_size
        except OSError:
            return None
    return _tried(lambda: default_storage.size(name) if default_storage.exists(name) else None)


def open_object(name: str) -> IO[bytes]:
    """An object for reading. Raises FileNotFoundError if there is none, and StorageUnavailable.

    The reading itself raises OSError where the disk cannot be read.
    """
    path = path_of(name)
    if path is None:
        return _tried(lambda: _opened(name))
    try:
        return path.open("rb")
    except FileNotFoundError:
        check_reachable()
        raise
    except OSError:  # of this process or machine (open files, rights), not of the file
        log.exception("%s cannot be opened", name)
        raise StorageUnavailable from None


def put(part: Path, name: str) -> None:
    """Make a flushed local file the object of that name, whole or not at all; `part` is gone afterwards.

    What bears the name already is replaced. Raises OSError and StorageUnavailable.
    """
    target = path_of(name)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
        sync_directory(target.parent)
        return
    _tried(lambda: _clear(name))
    _tried(lambda: _send(part, name))
    if _tried(lambda: default_storage.size(name)) != part.stat().st_size:
        raise OSError(f"{name} is not whole in the storage")
    part.unlink()


def remove(name: str) -> None:
    """Delete an object; none of that name is as good. Raises StorageUnavailable."""
    path = path_of(name)
    if path is not None:
        path.unlink(missing_ok=True)
    else:
        _tried(lambda: default_storage.delete(name))


def folders() -> list[str]:
    """Names of the folders at the top, sorted. Raises StorageUnavailable."""
    try:
        return sorted(_tried(lambda: default_storage.listdir(""))[0])
    except FileNotFoundError:
        return []


def names_in(folder: str) -> Iterator[str]:
    """Full names of the objects in a folder, sorted. Raises StorageUnavailable."""
    for name in sorted(_tried(lambda: default_storage.listdir(folder))[1]):
        yield f"{folder}/{name}"


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(name: str) -> IO[bytes]:
    file: IO[bytes] = default_storage.open(name, "rb")
    return file


def _clear(name: str) -> None:
    if default_storage.exists(name):
        default_storage.delete(name)


def _send(part: Path, name: str) -> None:
    with part.open("rb") as file:
        given = default_storage.save(name, File(file, name))
    if given != name:  # an attempt that was thought to have failed, or a deletion that is not seen everywhere yet
        default_storage.delete(given)
        default_storage.delete(name)
        raise OSError(f"{name} is still in the storage")


def _tried(work: Callable[[], T]) -> T:
    pause = PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except FileNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 (every storage has errors of its own)
            log.warning("storage, attempt %d of %d: %s: %s", attempt, ATTEMPTS, type(error).__name__, error)
            if attempt < ATTEMPTS:
                time.sleep(pause)
                pause *= 2
    raise StorageUnavailable
