"""The answer for one stored file: in the coding that the client takes, unpacked for others, or as it is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from typing import IO, TYPE_CHECKING

from django.conf import settings

from archive import objects
from archive.models import ProductFile, StoredFile
from archive.retrieval.contents import PACKED_TYPE, content_digest, content_name, goes_by, is_packed, packed_name
from archive.retrieval.copies import Altered, copies
from archive.retrieval.turns import Turns
from archive.store import lost, open_stored
from vo.errors import NotFoundFault, TransientFault
from vo.files import ServedFile
from vo.unpacking import CHUNK, NotUnpackable, UnpackedFile, unpacked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

log = logging.getLogger(__name__)
AT_ONCE = 128 * 2**20
"""Files that hold no more (bytes) are unpacked before the answer begins, and the copy is kept for a while."""
STREAMS = Turns(4)
"""Larger files that a process unpacks at the same time, each in a thread that its client holds."""


def named(uses: Sequence[ProductFile], name: str | None) -> ProductFile:
    """The file of that name, the first without one. Raises NotFoundFault."""
    if name is None:
        return uses[0]
    for use in uses:
        if goes_by(use, name):
            return use
    names = ", ".join(map(content_name, uses))
    raise NotFoundFault(f"{uses[0].product.did} has no file {name[:100]!r}; it has {names}")


def representation(use: ProductFile, gzip: bool, as_kept: bool) -> ServedFile:
    """The representation of a file for clients that take gzip, or do not.

    `as_kept` gives the bytes that are kept, under their own name, whatever the client accepts. Raises a VOError where
    the file has to be read for that and is missing or damaged.
    """
    file = use.file
    packed = is_packed(file)
    if packed and not as_kept and not gzip:
        return _unpacked(use)
    return ServedFile(
        open=lambda: open_stored(file, use.name),
        size=file.size,
        sha256=file.sha256,
        modified=file.stored,
        media_type=PACKED_TYPE if packed and as_kept else file.media_type,
        filename=packed_name(use) if as_kept else content_name(use),
        attachment=not _is_shown(file),
        encoding="gzip" if packed and not as_kept else "",
        varies=packed and not as_kept,
        internal_path=_internal_path(file),
        path=str(objects.path_of(file.path) or ""),
    )


def _unpacked(use: ProductFile) -> ServedFile:
    file = use.file
    content = content_digest(file)
    return ServedFile(
        open=lambda: open_unpacked(file, use.name),
        size=content.size,
        sha256=content.sha256,
        modified=file.stored,
        media_type=file.media_type,
        filename=content_name(use),
        attachment=not _is_shown(file),
        varies=True,
        path=str(copies().folder / content.sha256) if _is_copied(content.size) else "",
    )


def open_unpacked(file: StoredFile, name: str) -> IO[bytes]:
    """What a gzip file holds: from a copy, or unpacked while it is read. Raises a VOError if it is damaged."""
    content = content_digest(file)
    if _is_copied(content.size):
        try:
            return copies().open(content.sha256, content.size, lambda: _pieces(file, name))
        except (NotUnpackable, Altered) as error:
            raise lost(file, name, str(error)) from None
        except TransientFault as fault:
            log.warning("%s is unpacked while it is read: %s", name, fault.message)
    turn = STREAMS.take("files are unpacked")
    try:
        return BufferedReader(_Watched(open_stored(file, name), content.size, file, turn), CHUNK)
    except BaseException:
        turn()
        raise


def _is_copied(size: int) -> bool:
    return size <= AT_ONCE and copies().fits(size)


def _pieces(file: StoredFile, name: str) -> Iterator[bytes]:
    with open_stored(file, name) as packed:
        yield from unpacked(packed)


class _Watched(UnpackedFile):
    """A gzip file that is unpacked while it is read: damage that comes to light is recorded, and ends the reading.

    A client does not take it for whole: what was announced is not reached.
    """

    def __init__(self, packed: IO[bytes], size: int, file: StoredFile, turn: Callable[[], None]) -> None:
        super().__init__(packed, size)
        self._file, self._turn = file, turn

    def readinto(self, buffer: WriteableBuffer) -> int:
        try:
            return super().readinto(buffer)
        except NotUnpackable as error:
            raise lost(self._file, self._file.path, str(error)) from None

    def close(self) -> None:
        super().close()
        self._turn()


def _internal_path(file: StoredFile) -> str:
    prefix: str = settings.DISTILLER_ACCEL_PREFIX
    return f"{prefix}{file.path}" if prefix and objects.path_of(file.path) is not None else ""


def _is_shown(file: StoredFile) -> bool:
    """Whether a browser shows such a file rather than saves it."""
    return file.media_type.startswith(("image/", "text/"))
