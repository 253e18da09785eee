"""Files whose bytes are made while they are read, from any position."""

from __future__ import annotations

import io


class MadeFile(io.RawIOBase):
    """A seekable file of `length` bytes; `readinto` gives those from `_position` on, and moves it."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position
