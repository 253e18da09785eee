"""The file store: bytes under the name of their SHA-256, in Django's default storage.

A file appears whole or not at all (written aside, flushed, renamed), and before the database knows of it. What is
between rename and commit is marked by an intent file, so that the next ingest finds and removes what a killed one left
behind. One ingest writes at a time; the lock is the kernel's and ends with its process.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage

from archive.models import StoredFile
from vo.errors import FatalFault

log = logging.getLogger(__name__)

_CHUNK = 2**20
_INCOMING = "incoming"


@dataclass(frozen=True, slots=True)
class Digest:
    """Content of a file: SHA-256 in hexadecimal and size in bytes."""

    sha256: str
    size: int


def digest(path: Path) -> Digest:
    """SHA-256 and size of a file. Raises OSError."""
    hasher, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    return Digest(hasher.hexdigest(), size)


def digest_bytes(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest(), len(content))


def local_path(name: str) -> Path:
    """Where a stored file lies on this machine: jobs and downloads read it there."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        raise ImproperlyConfigured("the archive's default storage must be a file system") from None


def is_present(file: StoredFile) -> bool:
    """Whether the bytes are where the record says, in full length."""
    try:
        return local_path(file.path).stat().st_size == file.size
    except OSError:
        return False


def open_stored(file: StoredFile, name: str) -> BinaryIO:
    """The bytes of a stored file for reading; FatalFault, and a line in the log, when they are not all there."""
    path = local_path(file.path)
    try:
        source = path.open("rb")
    except OSError:
        log.exception("stored file %s (%s) cannot be opened", file.path, name)
        raise FatalFault(f"{name} is missing from the archive; the curators have been told") from None
    found = os.fstat(source.fileno()).st_size
    if found != file.size:
        source.close()
        log.error("stored file %s (%s) has %d bytes, recorded are %d", file.path, name, found, file.size)
        raise FatalFault(f"{name} is damaged in the archive; the curators have been told")
    return source


def name_for(content: Digest, original_name: str) -> str:
    """Name in the store; keeps the ending, by which people and programs recognise compressed FITS."""
    suffixes = "".join(Path(original_name.lower()).suffixes[-2:])
    ending = suffixes if suffixes in (".fits.gz", ".fit.gz", ".fts.gz") else Path(original_name.lower()).suffix
    if not ending.replace(".", "").isalnum():
        ending = ""
    return f"{content.sha256[:2]}/{content.sha256}{ending}"


@contextmanager
def writing(waiting: Callable[[], None] | None = None) -> Iterator[Depositor]:
    """Hold the store for writing, and clear what a killed process left.

    `waiting` is called once if another process holds it.
    """
    incoming = local_path(_INCOMING)
    incoming.mkdir(parents=True, exist_ok=True)
    with (incoming / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        sweep()
        yield Depositor(incoming)


def sweep() -> int:
    """Remove files that a killed ingest stored and never recorded; the number removed. Call under the lock only."""
    removed = 0
    for path in local_path(_INCOMING).iterdir():
        if path.suffix == ".intent":
            name = path.read_text()
            # An intent that a crash cut short was written before its file was moved: there is nothing to remove.
            if name.endswith("\n") and not StoredFile.objects.filter(path=name.strip()).exists():
                local_path(name.strip()).unlink(missing_ok=True)
                removed += 1
            path.unlink()
        elif path.suffix == ".part":
            path.unlink()
    return removed


class Depositor:
    """Puts the files of one transaction into the store; `settle` after its commit, `discard` after its failure."""

    def __init__(self, incoming: Path) -> None:
        self._incoming = incoming
        self._placed: list[tuple[Path, Path]] = []

    def put_file(self, source: Path, expected: Digest, name: str) -> None:
        """Copy a file. Raises OSError, or ValueError if its content is no longer what `expected` says."""
        with source.open("rb") as file:
            self._put(file, expected, name)

    def put_bytes(self, content: bytes, name: str) -> None:
        self._put(io.BytesIO(content), digest_bytes(content), name)

    def _put(self, source: IO[bytes], expected: Digest, name: str) -> None:
        target = local_path(name)
        part = self._incoming / f"{expected.sha256}.part"
        hasher = hashlib.sha256()
        with part.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                hasher.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        if hasher.hexdigest() != expected.sha256:
            part.unlink()
            raise ValueError("the file was changed while it was read")
        target.parent.mkdir(parents=True, exist_ok=True)
        intent = self._incoming / f"{expected.sha256}.intent"
        with intent.open("w") as marker:
            marker.write(f"{name}\n")
            marker.flush()
            os.fsync(marker.fileno())
        _sync_directory(self._incoming)
        part.replace(target)
        _sync_directory(target.parent)
        self._placed.append((intent, target))

    def settle(self) -> None:
        """The database has recorded the files: they stay."""
        for intent, _ in self._placed:
            intent.unlink(missing_ok=True)
        self._placed.clear()

    def discard(self) -> None:
        """The transaction failed: take the files back, unless something else records the same bytes."""
        for intent, target in self._placed:
            name = intent.read_text().strip()
            if not StoredFile.objects.filter(path=name).exists():
                target.unlink(missing_ok=True)
            intent.unlink()
        self._placed.clear()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def orphans() -> Iterator[Path]:
    """Stored files that no record knows (a full walk of the store)."""
    root = local_path("")
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and folder.name != _INCOMING:
            known = set(StoredFile.objects.filter(path__startswith=f"{folder.name}/").values_list("path", flat=True))
            for path in sorted(folder.iterdir()):
                if f"{folder.name}/{path.name}" not in known:
                    yield path
