"""What a stored file is to those who get it: name, size and checksum of what it holds, unpacked if it is a gzip file.

`x.fits.gz` is the FITS file `x.fits`; that it is kept, and sent to clients that take it so, in gzip format is no more
than a coding of its content (RFC 9110 section 8.4).
"""

from __future__ import annotations

import logging
import zlib
from contextlib import closing

from archive import objects
from archive.models import ObsCore, ProductFile, StoredFile
from archive.store import Digest, open_stored
from vo.errors import FatalFault
from vo.unpacking import MAGIC, Measure, NotUnpackable

log = logging.getLogger(__name__)
PACKED_TYPE = "application/gzip"
_ENDING = ".gz"
_CHUNK = 2**20


def content_digest(file: StoredFile) -> Digest:
    """SHA-256 and size of what the file holds. Files stored before that was recorded are measured now, once.

    Raises a VOError where the file is missing or damaged.
    """
    if file.unpacked_size is None and file.path.endswith(_ENDING):
        measure(file)
    if file.unpacked_size is None:
        return Digest(file.sha256, file.size)
    return Digest(file.unpacked_sha256, file.unpacked_size)


def crc32(file: StoredFile, name: str) -> int:
    """CRC-32 of the bytes that are kept. Of files stored before that was recorded it is computed now, once.

    Raises a VOError where the file is missing or damaged; `name` is what the client knows it by.
    """
    if file.crc32 is None:
        value = 0
        with closing(open_stored(file, name)) as source:
            while piece := source.read(_CHUNK):
                value = zlib.crc32(piece, value)
        file.crc32 = value
        StoredFile.objects.filter(pk=file.pk).update(crc32=value)
    return file.crc32


def announced_digest(file: StoredFile) -> Digest:
    """The same to be told beforehand: that of the bytes that are kept where they cannot be read now."""
    try:
        return content_digest(file)
    except (FatalFault, objects.StorageUnavailable):
        return Digest(file.sha256, file.size)


def content_size(file: StoredFile) -> int:
    """Bytes that a client gets, to be told beforehand (`content_length` of DataLink)."""
    return announced_digest(file).size


def is_packed(file: StoredFile) -> bool:
    """Whether the bytes that are kept are a gzip file."""
    return file.unpacked_size is not None or (file.path.endswith(_ENDING) and measure(file))


def content_name(use: ProductFile) -> str:
    """Name of the file as clients get it: without `.gz`, which it has lost by then."""
    return _without_ending(use.name) if use.file.unpacked_size is not None else use.name


def packed_name(use: ProductFile) -> str:
    """Name of the file as it is kept."""
    if use.file.unpacked_size is None or use.name.lower().endswith(_ENDING):
        return use.name
    return use.name + _ENDING


def goes_by(use: ProductFile, name: str) -> bool:
    """Whether a client may mean this file by that name."""
    return name in (use.name, content_name(use), packed_name(use))


def measure(file: StoredFile) -> bool:
    """Record size and SHA-256 of what a gzip file holds; False if it is none. Raises a VOError if it is damaged."""
    measured = Measure()
    with closing(open_stored(file, file.path)) as packed:
        if packed.read(len(MAGIC)) != MAGIC:
            return False
        packed.seek(0)
        try:
            while piece := packed.read(_CHUNK):
                measured.feed(piece)
            sha256 = measured.end()
        except NotUnpackable:
            log.warning("stored file %s cannot be unpacked: it is served as it is", file.path)
            return False
    file.unpacked_sha256, file.unpacked_size = sha256, measured.size
    StoredFile.objects.filter(pk=file.pk).update(unpacked_sha256=sha256, unpacked_size=measured.size)
    ObsCore.objects.filter(product__files__file=file, product__files__position=0).update(
        access_estsize=-(-measured.size // 1000)
    )
    return True


def _without_ending(name: str) -> str:
    return name[: -len(_ENDING)] if name.lower().endswith(_ENDING) and len(name) > len(_ENDING) else name
