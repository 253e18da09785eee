"""A tar file that is not there: its length is known and its bytes are made when they are read, from any position.

Format: pax interchange format of POSIX.1-2017 (ustar with extended headers where names or sizes need them). The same
files give the same bytes, so that a broken-off download can be resumed.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the tar; `open` gives its bytes, `size` of them, and raises a VOError where they are missing."""

    path: str
    size: int
    sha256: str
    modified: datetime
    open: Callable[[], IO[bytes]]


class Tar:
    """The layout of a tar of these members: length and checksum of what it is made from."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.starts: list[int] = []
        """Where the header of each member begins."""
        self._data: list[int] = []
        position = 0
        for member in members:
            self.starts.append(position)
            position += len(header(member))
            self._data.append(position)
            position += -(-member.size // _BLOCK) * _BLOCK
        self.end = position
        """Where the last member ends."""
        self.size = -(-(position + 2 * _BLOCK) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE

    @property
    def tag(self) -> str:
        """Differs if any byte of the tar differs."""
        hasher = hashlib.sha256()
        for member in self.members:
            hasher.update(header(member))
            hasher.update(member.sha256.encode())
        return hasher.hexdigest()

    def data_start(self, number: int) -> int:
        """Where the content of a member begins."""
        return self._data[number]


def header(member: Member) -> bytes:
    """The header blocks of a member: one owner, one mode, the time of the file."""
    info = tarfile.TarInfo(member.path)
    info.size = member.size
    info.mode = 0o644
    info.mtime = int(member.modified.timestamp())
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


class TarFile(io.RawIOBase):
    """The bytes of a tar as a file that can be read and sought; one member is open at a time.

    `read` raises what opening a member raises, and OSError if one is shorter than it was: the tar is broken off there.
    `released` is called when it is closed.
    """

    def __init__(self, tar: Tar, released: Callable[[], None]) -> None:
        super().__init__()
        self._tar, self._released = tar, released
        self._position = 0
        self._open: tuple[int, IO[bytes]] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._tar.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        piece = self._piece(min(len(target), _CHUNK))
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _piece(self, most: int) -> bytes:
        """Some bytes at the position; none at the end."""
        at, tar = self._position, self._tar
        if at >= tar.end:
            return bytes(min(most, max(0, tar.size - at)))
        number = bisect.bisect_right(tar.starts, at) - 1
        member, data = tar.members[number], tar.data_start(number)
        if at < data:
            return header(member)[at - tar.starts[number] :][:most]
        if at < data + member.size:
            return self._content(number, at - data, min(most, data + member.size - at))
        following = tar.starts[number + 1] if number + 1 < len(tar.starts) else tar.end
        return bytes(min(most, following - at))

    def _content(self, number: int, start: int, most: int) -> bytes:
        if self._open is None or self._open[0] != number:
            self._leave()
            self._open = number, self._tar.members[number].open()
        file = self._open[1]
        if file.tell() != start:
            file.seek(start)
        piece = file.read(most)
        if not piece:
            raise OSError(f"{self._tar.members[number].path} is shorter than it was")
        return piece

    def _leave(self) -> None:
        if self._open is not None:
            with suppress(OSError):
                self._open[1].close()
            self._open = None

    def close(self) -> None:
        if not self.closed:
            self._leave()
            self._released()
        super().close()
