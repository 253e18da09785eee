"""Reading gzip files in bounded memory (RFC 1952), from the start or from any byte of what they hold."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from vo.madefiles import MadeFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = b"\x1f\x8b"
CHUNK = 256 * 1024
_WINDOW = zlib.MAX_WBITS | 16


class NotUnpackable(ValueError):
    """The compressed stream is cut short, damaged, or holds more than is allowed."""


class Unpacking:
    """Unpacks a stream that is fed in pieces; members in a row give one content, zeros at the end nothing."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_WINDOW)
        self._between = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes hold, in pieces of at most `CHUNK`. Raises NotUnpackable."""
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(_WINDOW)
            self._between = False
            while True:
                try:
                    piece = self._member.decompress(data, CHUNK)
                except zlib.error as error:
                    raise NotUnpackable(f"damaged: it cannot be unpacked ({error})") from None
                data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                if piece:
                    yield piece
                if self._member.eof or (not data and len(piece) < CHUNK):
                    break
            self._between = self._member.eof

    def end(self) -> None:
        """Raises NotUnpackable unless the last member was whole."""
        if not self._between:
            raise NotUnpackable("truncated: the compressed stream ends too early")


def unpacked(packed: IO[bytes]) -> Iterator[bytes]:
    """What a gzip file holds, in pieces of at most `CHUNK`. Raises NotUnpackable, and OSError."""
    unpacking = Unpacking()
    while data := packed.read(CHUNK):
        yield from unpacking.feed(data)
    unpacking.end()


def unpack(packed: IO[bytes], target: IO[bytes], most: int = 0) -> None:
    """Write what a gzip file holds.

    Raises NotUnpackable, also for more than `most` bytes (0: any number are taken), and OSError.
    """
    size = 0
    for piece in unpacked(packed):
        size += len(piece)
        if most and size > most:
            raise _too_large(most)
        target.write(piece)


def _too_large(most: int) -> NotUnpackable:
    return NotUnpackable(f"it unpacks to more than {most} bytes, the most that is taken (DISTILLER_UNPACKED_MAX)")


class Measure:
    """Size and SHA-256 of what a gzip file holds, which is fed in pieces; `most` bytes are allowed (0: any number)."""

    def __init__(self, most: int = 0) -> None:
        self.size = 0
        self._most = most
        self._hasher = hashlib.sha256()
        self._unpacking = Unpacking()

    def feed(self, data: bytes) -> None:
        """Raises NotUnpackable."""
        for piece in self._unpacking.feed(data):
            self.size += len(piece)
            if self._most and self.size > self._most:
                raise _too_large(self._most)
            self._hasher.update(piece)

    def end(self) -> str:
        """The SHA-256 in hexadecimal. Raises NotUnpackable if the stream is cut short."""
        self._unpacking.end()
        return self._hasher.hexdigest()


class UnpackedFile(MadeFile):
    """What a gzip file holds, as a file that can be read and sought, from its end if the size of its content is given.

    A seek costs unpacking up to there, from the start if it goes back; memory stays that of a piece. `read` raises
    NotUnpackable, and OSError. Closing it closes the packed file.
    """

    def __init__(self, packed: IO[bytes], size: int = 0) -> None:
        super().__init__(size)
        self._packed = packed
        self._pieces: Iterator[bytes] = unpacked(packed)
        self._piece = memoryview(b"")
        self._reached = 0

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._reach()
        target = memoryview(buffer).cast("B")
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        count = min(len(target), len(self._piece))
        target[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self._reached += count
        self._position += count
        return count

    def _reach(self) -> None:
        if self._position < self._reached:
            self._packed.seek(0)
            self._pieces, self._piece, self._reached = unpacked(self._packed), memoryview(b""), 0
        while self._reached < self._position:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
                if not self._piece:
                    self._reached = self._position
                    return
            skipped = min(len(self._piece), self._position - self._reached)
            self._piece = self._piece[skipped:]
            self._reached += skipped

    def close(self) -> None:
        if not self.closed:
            self._packed.close()
        super().close()
