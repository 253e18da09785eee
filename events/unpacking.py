"""FITS files as bytes in memory, unpacked where they are compressed, and single HDUs of them."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from events import layout
from events.cards import BLOCK
from events.errors import Undistillable
from vo.unpacking import MAGIC, NotUnpackable, unpack


@contextmanager
def unpacked(path: Path) -> Iterator[memoryview]:
    """The bytes of a FITS file, unpacked if it is compressed. Raises Undistillable."""
    with path.open("rb") as file, tempfile.TemporaryFile() as plain:
        content: IO[bytes] = file
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            try:
                unpack(file, plain)
            except NotUnpackable as error:
                raise Undistillable("its file is damaged and cannot be unpacked") from error
            plain.flush()
            content = plain
        if os.fstat(content.fileno()).st_size < BLOCK:
            raise Undistillable("its file is no FITS file")
        # It is unmapped with the last array that looks at it.
        yield memoryview(mmap.mmap(content.fileno(), 0, prot=mmap.PROT_READ))


def hdus_of(path: Path, names: Collection[str]) -> list[bytes]:
    """The extensions with these names (in capitals), header and data, in the order of the file.

    Raises Undistillable.
    """
    try:
        with unpacked(path) as raw:
            # The last block of a file may be cut short without loss.
            return [
                bytes(raw[hdu.start : hdu.end]).ljust(hdu.end - hdu.start, b"\0")
                for hdu in layout.hdus(raw)[1:]
                if hdu.name in names
            ]
    except FileNotFoundError:
        raise Undistillable("a file that belongs to it is missing from the archive") from None
