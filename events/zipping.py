"""Zip archives as streams: members are stored as they are, one after the other, and their directory comes last."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from vo.zips import Entry, end


class Zip:
    """Writes an archive: what its methods give is passed on in their order."""

    def __init__(self) -> None:
        self._at = 0
        self._directory: list[bytes] = []

    def member(self, name: str, pieces: Iterable[bytes | memoryview], size: int) -> Iterator[bytes | memoryview]:
        """A file of that many bytes. Raises ValueError, after the last of them, where it has more or less."""
        entry, place = Entry(name, size, follows=True), self._at
        header = entry.header()
        yield header
        checksum = found = 0
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
            found += len(piece)
            yield piece
        if found != size:
            raise ValueError(f"{name} has {found} bytes, not {size}")
        descriptor = entry.descriptor(checksum)
        yield descriptor
        self._at += len(header) + size + len(descriptor)
        self._directory.append(entry.listed(checksum, place))

    def end(self) -> bytes:
        """The directory."""
        directory = b"".join(self._directory)
        return directory + end(len(self._directory), len(directory), self._at)
