"""The file store: bytes under the name of their SHA-256, in Django's default storage (`archive.objects`).

A file appears whole or not at all (written aside, flushed, put in its place), and before the database knows of it. What
is between that and the commit is marked by an intent file, so that the next ingest finds and removes what a killed one
left behind. One ingest writes at a time; the lock is the kernel's and ends with its process.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from archive import objects
from archive.damage import MISSING, record_damage
from archive.limits import most_unpacked
from archive.models import StoredFile
from archive.retrieval.copies import Altered, copies
from vo.errors import FatalFault
from vo.unpacking import MAGIC, Measure

log = logging.getLogger(__name__)

_CHUNK = 2**20
_INCOMING = "incoming"


@dataclass(frozen=True, slots=True)
class Digest:
    """Content of a file: SHA-256 in hexadecimal and size in bytes; of a gzip file also those of what it holds."""

    sha256: str
    size: int
    unpacked: Digest | None = None
    crc32: int | None = None
    """As zip files have it; None if nobody has computed it."""


class Digester:
    """Makes the Digest of bytes that are fed in pieces; what a gzip file holds may have `most` bytes."""

    def __init__(self, most: int) -> None:
        self._hasher = hashlib.sha256()
        self._size = self._crc32 = 0
        self._most = most
        self._inside: Measure | None = None

    def feed(self, piece: bytes) -> None:
        """The first piece has two bytes at least. Raises NotUnpackable, a ValueError, for damaged gzip files."""
        if not self._size and piece.startswith(MAGIC):
            self._inside = Measure(self._most)
        self._hasher.update(piece)
        self._crc32 = zlib.crc32(piece, self._crc32)
        self._size += len(piece)
        if self._inside is not None:
            self._inside.feed(piece)

    def end(self) -> Digest:
        """Raises NotUnpackable for a gzip file that is cut short."""
        unpacked = None if self._inside is None else Digest(self._inside.end(), self._inside.size)
        return Digest(self._hasher.hexdigest(), self._size, unpacked, self._crc32)


def digest(path: Path) -> Digest:
    """The digest of a file. Raises OSError, and NotUnpackable for gzip files that are damaged or hold too much."""
    with path.open("rb") as file:
        return _digest_of(file)


def digest_bytes(content: bytes) -> Digest:
    return _digest_of(io.BytesIO(content))


def _digest_of(file: IO[bytes]) -> Digest:
    digester = Digester(most_unpacked())
    while chunk := file.read(_CHUNK):
        digester.feed(chunk)
    return digester.end()


def local_path(name: str) -> Path:
    """Where a stored file lies on this machine: jobs read it there.

    From a storage without paths a verified copy is fetched, which stays as long as jobs may run. Raises FatalFault if
    the file is damaged or missing there, TransientFault if it cannot be fetched now.
    """
    path = objects.path_of(name)
    if path is not None:
        return path
    file = StoredFile.objects.get(path=name)
    keep = max(settings.DISTILLER_JOB_RUN_TIME)
    try:
        return copies().path(file.sha256, file.size, lambda: _pieces(name), keep)
    except FileNotFoundError:
        raise lost(file, name, MISSING) from None
    except Altered as error:
        raise lost(file, name, str(error)) from None


def is_present(file: StoredFile) -> bool:
    """Whether the bytes are where the record says, in full length."""
    return objects.size_of(file.path) == file.size


def needs_bytes(file: StoredFile) -> bool:
    """Whether the bytes have to be put in their place again: they are missing, or known to be damaged."""
    return bool(file.damage) or not is_present(file)


def open_stored(file: StoredFile, name: str) -> IO[bytes]:
    """The bytes of a stored file for reading.

    FatalFault, a line in the log and a mark in the record when they are not all there. `name` is what the client knows
    the file by.
    """
    try:
        if objects.path_of(file.path) is None and copies().fits(file.size):
            return copies().open(file.sha256, file.size, lambda: _pieces(file.path))
        found = objects.size_of(file.path)
        if found is not None and found != file.size:
            raise Altered(f"changed: it has {found} bytes, recorded are {file.size}")
        return objects.open_object(file.path)
    except FileNotFoundError:
        raise lost(file, name, MISSING) from None
    except Altered as error:
        raise lost(file, name, str(error)) from None


def _pieces(name: str) -> Iterator[bytes]:
    with objects.open_object(name) as file:
        while piece := file.read(_CHUNK):
            yield piece


def lost(file: StoredFile, name: str, damage: str) -> FatalFault:
    """Record and log what is wrong with a file; the fault that its client is told."""
    log.error("stored file %s (%s) is damaged: %s", file.path, name, damage)
    record_damage(file, damage)
    what = "missing from" if damage == MISSING else "damaged in"
    return FatalFault(f"{name} is {what} the archive; the curators have been told")


def name_for(content: Digest, original_name: str) -> str:
    """Name in the store; keeps the ending, by which people and programs recognise compressed FITS."""
    suffixes = "".join(Path(original_name.lower()).suffixes[-2:])
    ending = suffixes if suffixes in (".fits.gz", ".fit.gz", ".fts.gz") else Path(original_name.lower()).suffix
    if not ending.replace(".", "").isalnum():
        ending = ""
    return f"{content.sha256[:2]}/{content.sha256}{ending}"


def incoming() -> Path:
    """The folder of what is being stored: beside the files, or in DISTILLER_HOME if they are not on this machine."""
    return objects.path_of(_INCOMING) or Path(settings.DISTILLER_HOME) / _INCOMING


@contextmanager
def writing(waiting: Callable[[], None] | None = None) -> Iterator[Depositor]:
    """Hold the store for writing, and clear what a killed process left.

    `waiting` is called once if another process holds it.
    """
    folder = incoming()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        sweep()
        yield Depositor(folder)


def sweep() -> int:
    """Remove files that a killed ingest stored and never recorded; the number removed. Call under the lock only."""
    removed = 0
    for path in incoming().iterdir():
        if path.suffix == ".intent":
            name = path.read_text()
            # An intent that a crash cut short was written before its file was moved: there is nothing to remove.
            if name.endswith("\n") and not StoredFile.objects.filter(path=name.strip()).exists():
                objects.remove(name.strip())
                removed += 1
            path.unlink()
        elif path.suffix == ".part":
            path.unlink()
    return removed


class Depositor:
    """Puts the files of one transaction into the store; `settle` after its commit, `discard` after its failure."""

    def __init__(self, incoming: Path) -> None:
        self._incoming = incoming
        self._placed: list[Path] = []

    def put_file(self, source: Path, expected: Digest, name: str) -> None:
        """Copy a file. Raises OSError, or ValueError if its content is no longer what `expected` says."""
        with source.open("rb") as file:
            self._put(file, expected, name)

    def put_bytes(self, content: bytes, name: str) -> None:
        self._put(io.BytesIO(content), digest_bytes(content), name)

    def _put(self, source: IO[bytes], expected: Digest, name: str) -> None:
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
        intent = self._incoming / f"{expected.sha256}.intent"
        with intent.open("w") as marker:
            marker.write(f"{name}\n")
            marker.flush()
            os.fsync(marker.fileno())
        objects.sync_directory(self._incoming)
        self._placed.append(intent)
        objects.put(part, name)

    def settle(self) -> None:
        """The database has recorded the files: they stay."""
        for intent in self._placed:
            intent.unlink(missing_ok=True)
        self._placed.clear()

    def discard(self) -> None:
        """The transaction failed: take the files back, unless something else records the same bytes.

        What cannot be taken back now keeps its intent, for the next ingest.
        """
        for intent in self._placed:
            name = intent.read_text().strip()
            if not StoredFile.objects.filter(path=name).exists():
                try:
                    objects.remove(name)
                except objects.StorageUnavailable:
                    log.warning("%s stays in the storage until the next ingest", name)
                    continue
            intent.unlink()
        self._placed.clear()


def orphans() -> Iterator[str]:
    """Names of stored files that no record knows (a full walk of the store)."""
    for folder in objects.folders():
        if folder != _INCOMING:
            known = set(StoredFile.objects.filter(path__startswith=f"{folder}/").values_list("path", flat=True))
            yield from (name for name in objects.names_in(folder) if name not in known)
