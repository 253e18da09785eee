"""Local copies of what the archive would have to fetch or unpack each time, within a limit of disk space.

A copy appears whole and verified by its SHA-256, or not at all. What was used longest ago goes first; what a job may be
reading stays for as long as jobs may run.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from archive.damage import ALTERED
from vo.errors import TransientFault

log = logging.getLogger(__name__)
_NASCENT = ".new-"
_NO_ROOM = "there is no room for copies of files now; try again later"
_ABANDONED = 3600
"""Seconds after which a copy that was not finished is taken away: its writer was killed."""


class Altered(Exception):
    """What was to be copied is not what its checksum says."""


class Copies:
    """Copies by SHA-256 in a folder, of `limit` bytes together; a limit of 0 keeps none."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    def fits(self, size: int) -> bool:
        """Whether a file of that size may be kept at all: no single one takes more than half."""
        return size <= self.limit // 2

    def open(self, sha256: str, size: int, source: Callable[[], Iterable[bytes]]) -> IO[bytes]:
        """The copy, made from the pieces of `source` if there is none.

        Raises Altered if they are not what the checksum says, TransientFault where there is no room, and what `source`
        raises.
        """
        while True:
            try:
                return self.path(sha256, size, source).open("rb")
            except FileNotFoundError:  # it was the oldest, and another process needed the room
                continue

    def path(self, sha256: str, size: int, source: Callable[[], Iterable[bytes]], keep: float = 0) -> Path:
        """Where the copy is; it stays for `keep` seconds at least. Otherwise as `open`."""
        path = self.folder / sha256
        if not self._touched(path, size, keep):
            with self._writing(sha256):
                if not self._touched(path, size, keep):
                    self._make(path, size, source, keep)
        return path

    def discard(self, sha256: str) -> None:
        """Take a copy away."""
        (self.folder / sha256).unlink(missing_ok=True)

    def _touched(self, path: Path, size: int, keep: float) -> bool:
        try:
            status = path.stat()
            if status.st_size != size:
                return False
            until = max(status.st_mtime, time.time() + keep)
            os.utime(path, (until, until))
        except FileNotFoundError:
            return False
        return True

    def _make(self, path: Path, size: int, source: Callable[[], Iterable[bytes]], keep: float) -> None:
        self._make_room(size)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=_NASCENT, delete=False) as file:
            nascent = Path(file.name)
            try:
                hasher = hashlib.sha256()
                for piece in source():
                    hasher.update(piece)
                    with _own_disk():
                        file.write(piece)
                if hasher.hexdigest() != path.name:
                    raise Altered(ALTERED)
                with _own_disk():
                    file.flush()
                    until = time.time() + keep
                    os.utime(nascent, (until, until))
                    nascent.replace(path)
            except BaseException:
                nascent.unlink(missing_ok=True)
                raise

    def _make_room(self, size: int) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process takes files away too
                status = path.stat()
                if path.name.startswith(_NASCENT) and status.st_mtime < time.time() - _ABANDONED:
                    path.unlink()
                elif not path.name.startswith("."):
                    files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files) + size
        for until, taken, path in sorted(files):
            if total <= self.limit or until > time.time():
                break
            path.unlink(missing_ok=True)
            total -= taken
        if total > self.limit:
            raise TransientFault(_NO_ROOM)

    @contextmanager
    def _writing(self, sha256: str) -> Iterator[None]:
        """One process and thread at a time makes the same copy."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / f".lock-{sha256[:2]}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def _own_disk() -> Iterator[None]:
    """What goes wrong with the disk of the copies says nothing of the file that is copied."""
    try:
        yield
    except OSError:
        log.exception("a copy cannot be written")
        raise TransientFault(_NO_ROOM) from None


def copies() -> Copies:
    """The copies of this service."""
    return Copies(settings.DISTILLER_HOME / "cache" / "files", settings.DISTILLER_FILE_CACHE * 2**20)
