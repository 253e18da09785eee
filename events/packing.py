"""Archives as streams: zip and tar whose members come one after the other; the same members give the same bytes.

A zip ends with its directory, so that a stream that breaks off is none. A tar has no such end that all programs look
for: what makes its content usable belongs last.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import Literal

from events.zipping import Zip

Form = Literal["zip", "tar"]
_DATE = 315532800
_GATHERED = 256 * 1024
"""Bytes that are passed on together."""


class Member:
    """A file of an archive: its name, its bytes in pieces, and how many they are."""

    def __init__(self, name: str, pieces: Iterable[bytes | memoryview], size: int) -> None:
        self.name, self.pieces, self.size = name, pieces, size

    @classmethod
    def of(cls, name: str, content: bytes) -> Member:
        """A member of known content."""
        return cls(name, (content,), len(content))


def packed(form: Form, members: Iterable[Member]) -> Iterator[bytes]:
    """The archive in pieces."""
    return gathered(_zipped(members) if form == "zip" else _tarred(members))


def gathered(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, none of them empty; large ones are passed on as they are."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _GATHERED:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _zipped(members: Iterable[Member]) -> Iterator[bytes | memoryview]:
    # Events and responses shrink by a third at a tenth of the speed: they are stored as they are.
    archive = Zip()
    for member in members:
        yield from archive.member(member.name, member.pieces, member.size)
    yield archive.end()


def _tarred(members: Iterable[Member]) -> Iterator[bytes | memoryview]:
    for member in members:
        entry = tarfile.TarInfo(member.name)
        entry.size, entry.mtime, entry.mode = member.size, _DATE, 0o644
        yield entry.tobuf(tarfile.PAX_FORMAT)
        yield from member.pieces
        yield b"\0" * (-member.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)
