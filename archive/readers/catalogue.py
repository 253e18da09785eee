"""Reader of source catalogues: a table with a name and a position a source (gamma-cat, HGPS, and the like)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from archive.readers import described
from archive.readers.events import creation_date, text
from archive.readers.fitsfile import column, column_names, open_fits, table_data, unit_of
from archive.readers.ogip_files import stem
from archive.readers.outline import HDUOutline, Outline, outline
from archive.readers.records import Candidate, ProductRecord, Refused, SourceFile
from archive.readers.sketches import SourcesSketch
from archive.readers.sky import enclosing_circle
from archive.readers.units import factor

_NAMES = ("SOURCE_NAME", "COMMON_NAME", "NAME", "SOURCE", "OBJECT", "DESIGNATION", "ASSOC_NAME")
_RA = ("RA", "RAJ2000", "RA_J2000", "_RAJ2000", "RA_ICRS", "RAICRS")
_DEC = ("DEC", "DEJ2000", "DECJ2000", "DEC_J2000", "_DEJ2000", "DE_ICRS", "DEICRS")
_CLASSES = ("SOURCE_CLASS", "CLASSES", "CLASS1", "CLASS", "SOURCE_TYPE")
_EVENTS = {"TIME", "ENERGY"}
WIDE = 30.0
"""deg: a circle around sources that is larger says nothing of where a catalogue looks."""


class CatalogueReader:
    """Catalogues of sources: one product a file, its first table with names and positions is the catalogue."""

    name = "catalogue"
    version = "1.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        return (), ()

    def declines(self, file: Outline) -> str | None:
        return None if _table(file) is not None else "it has no table of sources (name, RA and Dec)"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        for file in files:
            position = _table(file)
            assert position is not None
            name = file.hdus[position].name or str(position)
            source = SourceFile(file.path, file.path.name, {"catalogue": name})
            yield Candidate(file.where, (source,))

    def read(self, candidate: Candidate) -> ProductRecord:
        notes = list(candidate.notes)
        (main,) = candidate.files
        position = _table(outline(main.path, main.name))
        if position is None:
            raise Refused("it has no table of sources")
        with open_fits(main.path) as hdus:
            table = hdus[position]
            header = described.Headers(table.header, hdus[0].header)
            ra, dec = (_angle(table, names) for names in (_RA, _DEC))
            kinds = _texts(table, _CLASSES)
        if ra.size == 0:
            raise Refused("the catalogue has no source")
        placed = np.isfinite(ra) & np.isfinite(dec)
        if np.any(np.abs(dec[placed]) > 90) or np.any(np.abs(ra[placed]) > 360):
            raise Refused("its sources lie outside the sky: RA or Dec out of range")
        if not placed.any():
            raise Refused("none of its sources has a position")
        if not placed.all():
            notes.append(f"{int(np.count_nonzero(~placed))} of its {ra.size} sources have no position.")
        frame = text(header, "RADESYS") or text(header, "RADECSYS")
        if frame.upper() not in ("ICRS", "FK5"):
            notes.append("It does not tell the frame of its positions; they are taken for ICRS.")
        galactic = SkyCoord(ra[placed] * u.deg, dec[placed] * u.deg).galactic
        circle = enclosing_circle(ra[placed], dec[placed])
        if circle is None or circle[2] > WIDE:
            circle = None
        obs_id = described.name_from(stem(main.path))
        facility = described.word(header, "TELESCOP")
        return ProductRecord(
            obs_id=obs_id,
            files=candidate.files,
            product_type="measurements",
            subtype="",
            calib_level=4,
            title=f"{facility} source catalogue {obs_id}" if facility else f"Source catalogue {obs_id}",
            description=f"Catalogue of {ra.size} sources",
            sketch=SourcesSketch(
                np.asarray(galactic.l.deg), np.asarray(galactic.b.deg),
                tuple(kind for kind, has in zip(kinds, placed, strict=True) if has),
            ),
            ra=circle[0] if circle else None,
            dec=circle[1] if circle else None,
            fov_radius=circle[2] if circle else None,
            facility_name=facility[:100],
            instrument_name=described.word(header, "INSTRUME")[:100],
            creator_name=described.word(header, "ORIGIN")[:200],
            creation_date=creation_date(header),
            notes=tuple(notes),
        )  # fmt: skip


def _table(file: Outline) -> int | None:
    """Which HDU is the catalogue, None if none is."""
    return next((n for n, hdu in enumerate(file.hdus) if _is_catalogue(hdu)), None)


def _is_catalogue(hdu: HDUOutline) -> bool:
    names = hdu.columns
    return all(any(n in names for n in wanted) for wanted in (_NAMES, _RA, _DEC)) and not names >= _EVENTS


def _angle(table: fits.BinTableHDU, names: Sequence[str]) -> np.ndarray:
    name = next(n for n in names if n in column_names(table))
    values = column(table, (name,), "the catalogue")
    if values.ndim != 1:
        raise Refused(f"column {name} of the catalogue has more than one value a source")
    return values * factor(unit_of(table, name), "deg", f"column {name}")


def _texts(table: fits.BinTableHDU, names: Sequence[str]) -> list[str]:
    data = table_data(table, "the catalogue")
    for name in data.names:
        if name.upper() in names:
            return [str(value).strip() for value in data[name]]
    return [""] * len(data)
