"""Zip archives as streams: entries are written while they are read, nothing is kept, and what breaks off has no end.

The list of the entries comes last (PKWARE APPNOTE 4.3.6): no reader takes a stream that broke off for an archive. The
same entries give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MEDIA_TYPE = "application/zip"
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive: its name, its bytes in pieces, and whether it is worth compressing."""

    name: str
    pieces: Iterable[bytes]
    compress: bool = False


def write(entries: Iterable[Entry]) -> Generator[bytes]:
    """The archive in pieces. An entry is asked for when its turn has come.

    After an error, and when the generator is closed, the end that the archive then gets is not given away.
    """
    out = _Outlet()
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED if entry.compress else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in entry.pieces:
                    file.write(piece)
                    yield from out.taken()
            yield from out.taken()
    yield from out.taken()


class _Outlet(io.RawIOBase):
    """What a zip file is written to: forward only."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> list[bytes]:
        """What was written since this was asked last."""
        taken, self._pieces = self._pieces, []
        return taken
