"""Opening FITS files that may be broken: every defect becomes a `Refused` with its reason.

Compressed files are unpacked to their end first, so that a truncated one is found here and not when somebody analyses
it years later; plain files are checked for the length their headers announce, and checksums where there are any.
"""

from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyWarning

from archive.limits import most_unpacked
from archive.readers.records import Refused
from vo.unpacking import NotUnpackable, unpack

_BLOCK = 2880
_UNREADABLE = (
    OSError, VerifyError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError,
)  # fmt: skip
"""What astropy raises over headers and tables that contradict themselves."""
IN_MEMORY = 256 * 2**20
"""Unpacked files up to this size (bytes) are held in memory, larger ones in a temporary file."""
_STALE_CHECKSUMS = ("INTEGRAL",)
"""Missions whose software fills in templates and leaves the checksums of the empty template (OSA)."""


@contextmanager
def open_fits(path: Path, *, checksum: bool = True, notes: list[str] | None = None) -> Iterator[fits.HDUList]:
    """The HDUs of a FITS file, all headers read. Raises `Refused` for whatever is no complete FITS file.

    Without `checksum` the data are not read to compare them with theirs: enough to see what a file is. A reader that
    passes `notes` is told there of checksums that a mission is known to leave stale; any other mismatch is refused.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as unpacked, _readable(path) as file:
        magic = file.read(2)
        if not magic:
            raise Refused("the file is empty")
        file.seek(0)
        if magic == b"\x1f\x8b":
            try:
                unpack(file, unpacked, most_unpacked())
            except NotUnpackable as error:
                raise Refused(str(error)) from None
            unpacked.seek(0)
            source: Any = unpacked
        else:
            source = file
        if source.read(6) != b"SIMPLE":
            raise Refused("not a FITS file")
        source.seek(0)
        with _opened(source, checksum, notes) as hdus:
            yield hdus


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused(f"cannot be opened: {error.strerror}") from None
    with file:
        yield file


@contextmanager
def _opened(source: Any, checksum: bool, notes: list[str] | None) -> Iterator[fits.HDUList]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            hdus = fits.open(source, memmap=False, checksum=checksum)
            len(hdus)
        except _UNREADABLE as error:
            raise Refused(f"not a readable FITS file ({_one_line(error)})") from None
    with hdus:
        for warning in caught:
            text = str(warning.message)
            if "truncated" in text:
                raise Refused("truncated: it is shorter than its headers announce")
            if "verification failed" in text:
                _stale_or_damaged(hdus, _one_line(text), notes)
        _check_end(source, hdus)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            try:
                yield hdus
            except _UNREADABLE as error:
                # Headers and tables are read when they are asked for, by whoever asks.
                if not _raised_in_astropy(error):
                    raise
                raise Refused(f"damaged: it contradicts itself ({_one_line(error)})") from None


def _raised_in_astropy(error: BaseException) -> bool:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__", "").partition(".")[0] in ("astropy", "numpy")


def _stale_or_damaged(hdus: fits.HDUList, complaint: str, notes: list[str] | None) -> None:
    mission = next((m for m in _STALE_CHECKSUMS if any(hdu.header.get("TELESCOP") == m for hdu in hdus)), None)
    if mission is None or notes is None:
        raise Refused(f"damaged: {complaint}")
    note = f"Its checksums are not those of its content; software of {mission} is known to leave them as they were."
    if note not in notes:
        notes.append(note)


def _check_end(source: Any, hdus: fits.HDUList) -> None:
    """A cut within a header is silent in astropy: the HDU is left out. What stands after the last one tells."""
    corrupted = next((number for number, hdu in enumerate(hdus) if not hasattr(hdu, "fileinfo")), None)
    if corrupted is not None:
        raise Refused(f"damaged: HDU {corrupted} is none")
    last = hdus[-1].fileinfo()
    source.seek(last["datLoc"] + last["datSpan"])
    rest = source.read(_BLOCK)
    if rest.strip(b"\0 "):
        raise Refused(f"truncated or damaged: what follows HDU {hdus[-1].name or len(hdus) - 1} is no HDU")


def _one_line(message: object) -> str:
    return " ".join(str(message).split()).rstrip(".")


def table_data(hdu: fits.BinTableHDU, what: str) -> fits.FITS_rec:
    """The rows of a table HDU; `Refused` if they cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = hdu.data
        except _UNREADABLE as error:
            raise Refused(f"{what} cannot be read ({_one_line(error)})") from None
    if data is None or len(data) != hdu.header.get("NAXIS2", 0):
        raise Refused(f"{what} does not have the rows its header announces")
    return data


def column(hdu: fits.BinTableHDU, names: tuple[str, ...], what: str) -> np.ndarray:
    """A numeric column under the first of its known names, as float64; `Refused` if there is none."""
    data = table_data(hdu, what)
    known = {name.upper(): name for name in data.names}
    for name in (name.upper() for name in names):
        if name in known:
            try:
                return np.asarray(data[known[name]], dtype=np.float64)
            except (ValueError, TypeError):
                raise Refused(f"column {name} of {what} is not numeric") from None
    raise Refused(f"{what} has no column {names[0]}")


def unit_of(hdu: fits.BinTableHDU, name: str) -> str:
    """The unit written for a column, empty if there is none."""
    for definition in hdu.columns:
        if (definition.name or "").upper() == name.upper():
            return cast(str, definition.unit or "").strip()
    return ""


def column_names(hdu: fits.BinTableHDU) -> frozenset[str]:
    """The names of a table's columns in capitals."""
    return frozenset((definition.name or "").upper() for definition in hdu.columns)
