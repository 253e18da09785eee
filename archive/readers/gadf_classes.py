"""Which HDU is what: by GADF's class keywords or the HDU index, by the name of the HDU only where both are silent.

The spellings differ between the format's own pages and between writers (gadf.md GA-11, GA-12); all of them are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from astropy.io import fits

from archive.readers.events import text
from archive.readers.records import Refused, SourceFile

TYPES = ("events", "gti", "aeff", "edisp", "psf", "bkg", "rad_max")
_RESPONSES = {"EFF_AREA": "aeff", "EDISP": "edisp", "RPSF": "psf", "PSF": "psf", "BKG": "bkg", "RAD_MAX": "rad_max"}
_NAMES = {
    "EVENTS": "events", "GTI": "gti", "EFFECTIVE AREA": "aeff", "AEFF": "aeff", "ENERGY DISPERSION": "edisp",
    "EDISP": "edisp", "POINT SPREAD FUNCTION": "psf", "PSF": "psf", "BACKGROUND": "bkg", "BKG": "bkg",
    "RAD_MAX": "rad_max",
}  # fmt: skip
_DEFAULT_CLASSES = {"events": "events", "gti": "gti", "aeff": "aeff_2d", "edisp": "edisp_2d", "rad_max": "rad_max_2d"}


@dataclass(slots=True)
class Classes:
    """Name and class of the HDU of each type within one file, and where it stands."""

    hdus: dict[str, str] = field(default_factory=dict)
    hdu_classes: dict[str, str] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)

    def as_maps(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return dict(self.hdus), dict(self.hdu_classes)

    def add(self, kind: str, hdu_class: str, hdu: fits.BinTableHDU, position: int) -> None:
        self.hdus[kind], self.hdu_classes[kind], self.positions[kind] = hdu.name, hdu_class, position


def classify(hdus: fits.HDUList, source: SourceFile, notes: list[str]) -> Classes:
    """The HDUs of a file: those the index names, completed by class keywords. `Refused` if a named one is missing."""
    classes = Classes()
    names = {hdu.name.upper(): position for position, hdu in enumerate(hdus)}
    for named, name in source.hdus.items():
        position = names.get(name.strip().upper())
        if position is None or not isinstance(hdus[position], fits.BinTableHDU):
            raise Refused(f"it has no HDU {name}, which hdu-index says is its {named}")
        hdu = hdus[position]
        _, by_keywords = _by_keywords(hdu.header)
        hdu_class = source.hdu_classes.get(named) or by_keywords or _DEFAULT_CLASSES.get(named, "")
        classes.add(named, hdu_class, hdu, position)
    for position, hdu in enumerate(hdus):
        if not isinstance(hdu, fits.BinTableHDU):
            continue
        kind, hdu_class = _by_keywords(hdu.header)
        if kind is None:
            kind = _NAMES.get(hdu.name.upper())
            if kind is None or kind in classes.hdus:
                continue
            notes.append(f"HDU {hdu.name} has no class keywords; it is taken for {kind} by its name.")
        # A file that the index lists for its responses only may hold other tables: those are not of this observation.
        if kind not in classes.hdus and (not source.hdus or (kind == "gti" and "events" in source.hdus)):
            classes.add(kind, hdu_class or _DEFAULT_CLASSES.get(kind, ""), hdu, position)
    return classes


def find_hdu(hdus: fits.HDUList, classes: Classes, kind: str) -> fits.BinTableHDU | None:
    """The HDU of that type, None if the file has none."""
    position = classes.positions.get(kind)
    return None if position is None else hdus[position]


def _by_keywords(header: fits.Header) -> tuple[str | None, str]:
    first, second, fourth = (text(header, f"HDUCLAS{n}").upper() for n in (1, 2, 4))
    if first in ("EVENTS", "GTI"):
        return first.lower(), first.lower()
    if first != "RESPONSE" or second not in _RESPONSES:
        return None, ""
    kind = _RESPONSES[second]
    if fourth in ("2D", "3D", "3GAUSS", "KING", "TABLE", "GTPSF"):
        return kind, f"{kind}_{fourth.lower()}"
    return kind, fourth.lower() or _DEFAULT_CLASSES.get(kind, "")
