"""An archive file that is not there: its length is known and its bytes are made when they are read, from any position.

The same files give the same bytes, so that a broken-off download can be resumed.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

from vo.madefiles import MadeFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive; `open` gives its bytes, `size` of them, and raises a VOError where they are missing."""

    path: str
    size: int
    sha256: str
    modified: datetime
    open: Callable[[], IO[bytes]]
    crc32: int = 0
    """Wanted by formats that tell it before the end."""


class Layout:
    """What the archive is put together of, piece by piece: contents of members, and bytes that are made."""

    def __init__(self) -> None:
        self.size = 0
        self._starts: list[int] = []
        self._pieces: list[Member | Callable[[], bytes]] = []

    def add(self, piece: Member | Callable[[], bytes], length: int) -> None:
        """Append a piece of so many bytes."""
        if length:
            self._starts.append(self.size)
            self._pieces.append(piece)
            self.size += length

    def at(self, position: int) -> tuple[Member | Callable[[], bytes], int]:
        """The piece at a position before the end, and where it starts."""
        number = bisect.bisect_right(self._starts, position) - 1
        return self._pieces[number], self._starts[number]

    @property
    def tag(self) -> str:
        """Differs if any byte of the archive differs."""
        hasher = hashlib.sha256()
        for piece in self._pieces:
            hasher.update(piece.sha256.encode() if isinstance(piece, Member) else piece())
        return hasher.hexdigest()


class LaidOutFile(MadeFile):
    """The bytes of a layout as a file that can be read and sought; one member is open at a time.

    `read` raises what opening a member raises, and OSError if one is shorter than it was: the archive is broken off
    there. `released` is called when it is closed.
    """

    def __init__(self, layout: Layout, released: Callable[[], None]) -> None:
        super().__init__(layout.size)
        self._layout, self._released = layout, released
        self._open: tuple[Member, IO[bytes]] | None = None

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        read = self._piece(min(len(target), _CHUNK))
        target[: len(read)] = read
        self._position += len(read)
        return len(read)

    def _piece(self, most: int) -> bytes:
        """Some bytes at the position; none at the end."""
        if self._position >= self._layout.size:
            return b""
        piece, start = self._layout.at(self._position)
        offset = self._position - start
        if isinstance(piece, Member):
            return self._content(piece, offset, min(most, piece.size - offset))
        return piece()[offset : offset + most]

    def _content(self, member: Member, start: int, most: int) -> bytes:
        if self._open is None or self._open[0] is not member:
            self._leave()
            self._open = member, member.open()
        file = self._open[1]
        if file.tell() != start:
            file.seek(start)
        read = file.read(most)
        if not read:
            raise OSError(f"{member.path} is shorter than it was")
        return read

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
