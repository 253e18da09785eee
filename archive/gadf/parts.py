"""An HDU of a stored file as a file of its own: an empty primary HDU, and the HDU with every byte as it is.

Header, data, CHECKSUM and DATASUM are those of the original. The place of each HDU is found once, when its row in the
HDU index is made; serving one reads the stored file up to its end.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from astropy.io import fits

from archive.gadf.tables import HDUIndex
from archive.models import Product, StoredFile
from archive.responses import RESPONSES
from archive.store import open_stored
from vo.errors import FatalFault, NotFoundFault
from vo.files import ServedFile
from vo.unpacking import MAGIC, NotUnpackable, UnpackedFile, unpack

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/fits"
_BLOCK = 2880
_CHUNK = 2**20
_IN_MEMORY = 32 * 2**20
"""bytes; larger HDUs and unpacked files go through a temporary file."""
_CARDS = (
    "SIMPLE  =                    T / conforms to the FITS standard",
    "BITPIX  =                    8 / no data",
    "NAXIS   =                    0 / no data",
    "EXTEND  =                    T / one extension follows, unchanged",
    "END",
)
PRIMARY = "".join(f"{card:<80}" for card in _CARDS).ljust(_BLOCK).encode("ascii")
"""The primary HDU of every such file."""


@dataclass(frozen=True, slots=True)
class Part:
    """Where an HDU is in an unpacked file (bytes), and the SHA-256 of it as a file of its own."""

    offset: int
    length: int
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of the file of its own."""
        return len(PRIMARY) + self.length


def find_parts(path: Path, names: Collection[str]) -> dict[str, Part]:
    """The HDUs of these names in a FITS file, compressed or not; the first of each name.

    Raises OSError, and NotUnpackable.
    """
    wanted = {name.upper() for name in names if name}
    found: dict[str, Part] = {}
    with path.open("rb") as packed, _unpacked(packed, whole=True) as file, fits.open(file, memmap=False) as hdus:
        places = [(hdu.name.upper(), hdu.fileinfo()) for hdu in hdus[1:]]
        for name, place in places:
            if name in wanted and name not in found:
                start, end = place["hdrLoc"], place["datLoc"] + place["datSpan"]
                digest = hashlib.sha256(PRIMARY)
                for chunk in _read(file, start, end - start):
                    digest.update(chunk)
                found[name] = Part(start, end - start, digest.hexdigest())
    return {name: found[name.upper()] for name in names if name.upper() in found}


def asked_for(product: Product, hdu: str | None) -> ServedFile | None:
    """The HDU of a product that is asked for by its kind, its term or its name, in any case, as a file of its own.

    A response is one by itself. None if a whole file is meant; NotFoundFault, naming those there are, for an HDU that
    the product does not have.
    """
    rows = HDUIndex.objects.select_related("file__file").exclude(hdu_size=None)
    own = rows.filter(response=product).first()
    if hdu is None:
        return None if own is None else served_part(own)
    found = [own] if own is not None else list(rows.filter(product=product).order_by("pk"))
    for row in found:
        if hdu.strip().lower() in _names(row):
            return served_part(row)
    offered = ", ".join(row.hdu_type for row in found)
    raise NotFoundFault(
        f"{product.did} has no HDU {hdu[:80]!r} that can be fetched by itself"
        + (f"; it has {offered}" if offered else "")
    )


def _names(row: HDUIndex) -> set[str]:
    kind = RESPONSES.get(row.hdu_type)
    term = kind.term if kind is not None and kind.term else row.hdu_type
    return {row.hdu_type, term, row.hdu_name.lower()}


def served_part(row: HDUIndex) -> ServedFile:
    """An HDU as a file to be served; the row's bytes must have been found (`hdu_length`)."""
    stored = row.file.file
    assert row.hdu_offset is not None
    assert row.hdu_length is not None
    part = Part(row.hdu_offset, row.hdu_length, row.hdu_sha256)
    name = file_name(row.file_name, row.hdu_type)
    return ServedFile(
        open=lambda: _open(stored, name, part),
        size=part.size,
        sha256=part.sha256,
        modified=stored.stored,
        media_type=MEDIA_TYPE,
        filename=name,
        attachment=True,
    )


def file_name(whole: str, hdu_type: str) -> str:
    """Name of the file with one HDU of another: "run_1_aeff.fits" for the effective area in "run_1.fits.gz"."""
    stem = whole.removesuffix(".gz")
    return f"{Path(stem).stem}_{hdu_type}.fits"


def _open(stored: StoredFile, name: str, part: Part) -> IO[bytes]:
    """The bytes of a part. Raises FatalFault where they are missing, or are not what they were."""
    made = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the response closes it)
    digest = hashlib.sha256(PRIMARY)
    made.write(PRIMARY)
    try:
        with open_stored(stored, name) as packed, _unpacked(packed) as file:
            for chunk in _read(file, part.offset, part.length):
                digest.update(chunk)
                made.write(chunk)
    except (OSError, NotUnpackable):
        log.exception("stored file %s cannot be read", stored.path)
    if digest.hexdigest() != part.sha256:
        made.close()
        log.error("the bytes of %s in stored file %s are not those that were recorded", name, stored.path)
        raise FatalFault(f"{name} is damaged in the archive; the curators have been told")
    made.seek(0)
    return cast(IO[bytes], made)


@contextmanager
def _unpacked(packed: IO[bytes], *, whole: bool = False) -> Iterator[IO[bytes]]:
    """The content of a file that may be compressed by gzip; `whole`: for reading to and fro."""
    magic = packed.read(len(MAGIC))
    packed.seek(0)
    if magic != MAGIC:
        yield packed
    elif whole:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
            unpack(packed, cast(IO[bytes], copy))
            copy.seek(0)
            yield cast(IO[bytes], copy)
    else:
        with closing(UnpackedFile(packed)) as file:
            yield cast(IO[bytes], file)


def _read(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    file.seek(start)
    while length > 0 and (chunk := file.read(min(length, _CHUNK))):
        length -= len(chunk)
        yield chunk
