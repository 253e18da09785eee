"""What a FITS file says it holds: names, class keywords and columns of its HDUs.

Ingest opens each file once to see which reader it is for; readers decide by this outline alone, so that a folder of ten
thousand files and seven readers is not opened seventy thousand times.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from astropy.io import fits

from archive.readers.fitsfile import column_names, open_fits

KEYWORDS = (
    "HDUCLASS", "HDUCLAS1", "HDUCLAS2", "HDUCLAS3", "HDUCLAS4", "TELESCOP", "INSTRUME", "DETNAM", "OBS_ID", "SED_TYPE",
    "BACKFILE", "ANCRFILE", "RESPFILE", "DETCHANS", "TSTART", "TSTOP", "PIXTYPE", "IRF_VERSION",
)  # fmt: skip
"""Header keywords that readers tell formats by, and files that belong together."""


@dataclass(frozen=True, slots=True)
class HDUOutline:
    """One HDU: its name in capitals, keywords as text without blanks, columns in capitals (none for images)."""

    name: str
    keywords: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()

    def get(self, keyword: str) -> str:
        return self.keywords.get(keyword, "")

    def is_class(self, *classes: str) -> bool:
        """Whether HDUCLAS1, HDUCLAS2, ... begin with these, without regard to case."""
        return all(self.get(f"HDUCLAS{n}").upper() == name for n, name in enumerate(classes, 1))


@dataclass(frozen=True, slots=True)
class Outline:
    """A file and its HDUs; `where` is its path within the folder that is taken in."""

    path: Path
    where: str
    hdus: tuple[HDUOutline, ...]

    @property
    def tables(self) -> Iterator[HDUOutline]:
        return (hdu for hdu in self.hdus if hdu.columns)


def outline(path: Path, where: str) -> Outline:
    """Open a file and see what it holds. Raises `Refused` for what is no complete FITS file."""
    with open_fits(path, checksum=False) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Outline(path, where, tuple(_hdu(hdu) for hdu in hdus))


def _hdu(hdu: fits.hdu.base.ExtensionHDU) -> HDUOutline:
    written = {key: hdu.header.get(key) for key in KEYWORDS if key in hdu.header}
    keywords = {
        k: str(v).strip() for k, v in written.items() if not isinstance(v, fits.card.Undefined) and v is not None
    }
    columns = column_names(hdu) if isinstance(hdu, fits.BinTableHDU) else frozenset()
    return HDUOutline(str(hdu.name).strip().upper(), keywords, columns)
