"""FITS files as bytes in memory, unpacked where they are compressed, and single HDUs of them."""

from __future__ import annotations

import gzip
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from events import layout
from events.cards import BLOCK
from events.errors import Undistillable

_GZIP = b"\x1f\x8b"


@contextmanager
def unpacked(path: Path) -> Iterator[memoryview]:
    """The bytes of a FITS file, unpacked if it is compressed. Raises Undistillable."""
    with path.open("rb") as file, tempfile.TemporaryFile() as plain:
        content: IO[bytes] = file
        if file.read(2) == _GZIP:
            file.seek(0)
            try:
                with gzip.GzipFile(fileobj=file) as stream:
                    shutil.copyfileobj(stream, plain, 2**20)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
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
    with unpacked(path) as raw:
        return [bytes(raw[hdu.start : hdu.end]) for hdu in layout.hdus(raw)[1:] if hdu.name in names]
