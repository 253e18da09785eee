"""Reader of Fermi-LAT photon lists (FT1 files) with the exposure and point spread function made for them.

Source: the LAT data products of the Fermi Science Support Center; the selection stands in data sub-space keywords
(DSTYPn, DSUNIn, DSVALn), which gtselect writes and gtexpcube2 and gtpsf repeat.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from archive.readers import described
from archive.readers.eventcolumns import event_columns, sketch
from archive.readers.events import Events, creation_date, number, read_columns, text
from archive.readers.fitsfile import column, open_fits
from archive.readers.good_time import read_intervals
from archive.readers.mjdref import TimeReference
from archive.readers.ogip_files import stem
from archive.readers.outline import Outline
from archive.readers.records import Candidate, ObservationRecord, Refused, SourceFile
from archive.readers.responses import FWHM_PER_R68
from archive.readers.sky import enclosing_circle
from archive.readers.units import factor

REFERENCE_ENERGY = 0.1
"""TeV at which the point spread function is quoted."""
_GENERIC = ("events", "event", "photons", "photon", "ft1", "ph", "filtered", "gti", "selected")
"""File names that say nothing of their own: the folder's is used."""
_CIRCLE = re.compile(r"circle\(([^,()]+),([^,()]+),([^,()]+)\)", re.I)


class FermiReader:
    """Fermi-LAT photon lists, each one product with its exposure and point spread function."""

    name = "fermi"
    version = "1.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        return (), ()

    def declines(self, file: Outline) -> str | None:
        return None if _kind(file) else "it has no EVENTS of GLAST LAT, no exposure cube and no gtpsf table"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        folders: dict[Path, dict[str, list[Outline]]] = {}
        for file in files:
            kind = _kind(file)
            assert kind is not None
            folders.setdefault(file.path.parent, {}).setdefault(kind[0], []).append(file)
        for kinds in folders.values():
            yield from _folder(kinds)

    def read(self, candidate: Candidate) -> ObservationRecord:
        notes = list(candidate.notes)
        main, *others = candidate.files
        with open_fits(main.path) as hdus:
            table, intervals = hdus[main.hdus["events"]], _gti(hdus)
            header = described.Headers(table.header, hdus[0].header)
            span = number(header, "TSTART"), number(header, "TSTOP")
            if span[0] is None or span[1] is None or span[1] <= span[0]:
                raise Refused("TSTART and TSTOP of EVENTS are missing or not in order")
            reference = TimeReference.of_fits(table.header, "EVENTS")
            gti = read_intervals(intervals, TimeReference.of_fits(intervals.header, "GTI"))
            values = read_columns(table, (span[0], span[1]), notes)
            obs_id = _identifier(main.path, header, notes)
            time, ra, dec, energy = (values[name] for name in ("TIME", "RA", "DEC", "ENERGY"))
            events = Events(table.header, obs_id, reference, energy.size, time, ra, dec, energy, None, None)
            listed = event_columns(table, events)
            selection = subspace(table.header)
        irf_version, psf_fwhm = "", None
        for source in others:
            version, width = _companion(source, selection)
            irf_version, psf_fwhm = irf_version or version, psf_fwhm or width
        low, high = _energies(selection, values["ENERGY"], notes)
        circle = _circle(selection, values, notes)
        notes.append("Its live time is not told: it varies over the field of view, and is part of the exposure.")
        centre = circle or (None, None, None)
        with_what = [_MEANING[kind] for source in others for kind in source.hdus]
        return ObservationRecord(
            obs_id=obs_id,
            files=candidate.files,
            product_type="event",
            subtype="event-list",
            calib_level=2,
            title=f"Fermi-LAT photons {obs_id}",
            description="Photon list" + (f" with {' and '.join(with_what)}" if with_what else ""),
            sketch=sketch(listed, circle[:2] if circle else (0.0, 0.0)),
            target_name=described.word(header, "OBJECT")[:100],
            ra=centre[0],
            dec=centre[1],
            fov_radius=centre[2],
            ra_pnt=None,
            dec_pnt=None,
            zen_pnt=None,
            gti=gti.utc,
            gti_tcb=gti.tcb,
            ontime=gti.ontime,
            energy_min=low,
            energy_max=high,
            energy_unit="MeV",
            event_count=events.count,
            facility_name="Fermi",
            instrument_name="LAT",
            creator_name=text(header, "ORIGIN")[:200],
            creation_date=creation_date(header),
            analysis_mode=irf_version[:100],
            event_class=_event_class(selection),
            psf_fwhm=psf_fwhm,
            reference_energy=REFERENCE_ENERGY,
            reference_offset=None,
            events=listed,
            notes=tuple(notes),
        )


_MEANING = {"exposure": "exposure", "gtpsf": "point spread function"}


def _kind(file: Outline) -> tuple[str, str] | None:
    """(`events`, `exposure` or `gtpsf`, name of its HDU) of a file of the LAT, None for any other."""
    names = {hdu.name: hdu for hdu in file.tables}
    events = names.get("EVENTS")
    if events is not None and events.get("TELESCOP").upper() in ("GLAST", "FERMI") and events.get("INSTRUME") == "LAT":
        return "events", "EVENTS"
    if "HPXEXPOSURES" in names and "ENERGIES" in names:
        return "exposure", "HPXEXPOSURES"
    if {"ENERGY", "EXPOSURE", "PSF"} <= (names["PSF"].columns if "PSF" in names else set()) and "THETA" in names:
        return "gtpsf", "PSF"
    return None


def _folder(kinds: Mapping[str, list[Outline]]) -> Iterator[Candidate]:
    photons = kinds.get("events", [])
    beside = [(kind, file) for kind in ("exposure", "gtpsf") for file in kinds.get(kind, [])]
    alone = len(photons) == 1 and all(len(kinds.get(kind, [])) <= 1 for kind in ("exposure", "gtpsf"))
    for file in photons:
        hdus = {"events": "EVENTS"} | ({"gti": "GTI"} if any(h.name == "GTI" for h in file.tables) else {})
        sources = [SourceFile(file.path, file.path.name, hdus, {kind: kind for kind in hdus})]
        notes = []
        for kind, other in beside if alone else ():
            sources.append(SourceFile(other.path, other.path.name, {kind: _hdu_of(other)}, {kind: kind}))
            notes.append(
                f"{other.path.name} is taken for its {_MEANING[kind]}: both are the only ones of their folder."
            )
        yield Candidate(file.where, tuple(sources), notes=tuple(notes))
    for kind, other in () if alone else beside:
        source = SourceFile(other.path, other.path.name)
        reason = f"the {_MEANING[kind]} of one photon list, and its folder has {len(photons)}"
        if len(photons) == 1:
            reason = f"its folder has several files with {_MEANING[kind]}: which one belongs to the photons is not told"
        yield Candidate(other.where, (source,), refusal=reason)


def _hdu_of(file: Outline) -> str:
    kind = _kind(file)
    assert kind is not None
    return kind[1]


def _gti(hdus: fits.HDUList) -> fits.BinTableHDU:
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and hdu.name.upper() == "GTI":
            return hdu
    raise Refused("it has no GTI table")


def subspace(header: fits.Header) -> dict[str, str]:
    """What data were selected by: DSVALn by DSTYPn, energies in MeV ("10000:2000000")."""
    found: dict[str, str] = {}
    for n in range(1, min(int(number(header, "NDSKEYS") or 0), 99) + 1):
        kind, value, unit = (text(header, f"{key}{n}") for key in ("DSTYP", "DSVAL", "DSUNI"))
        if kind.upper() == "ENERGY" and unit:
            scale = factor(unit, "MeV", f"DSVAL{n}")
            value = ":".join(f"{float(part) * scale:g}" if _is_number(part) else part for part in value.split(":"))
        found[kind.upper()] = value
    return found


def _is_number(written: str) -> bool:
    try:
        return np.isfinite(float(written))
    except ValueError:
        return False


def _energies(selection: Mapping[str, str], energy: np.ndarray, notes: list[str]) -> tuple[float | None, float | None]:
    """TeV."""
    parts = selection.get("ENERGY", "").split(":")
    if len(parts) == 2 and all(map(_is_number, parts)) and 0 < float(parts[0]) < float(parts[1]):
        return float(parts[0]) * 1e-6, float(parts[1]) * 1e-6
    if energy.size == 0:
        return None, None
    notes.append("No energy range was selected (DSTYP ENERGY); it is that of the photons.")
    return float(energy.min()), float(energy.max())


def _circle(
    selection: Mapping[str, str], values: Mapping[str, np.ndarray], notes: list[str]
) -> tuple[float, float, float] | None:
    match = _CIRCLE.search(selection.get("POS(RA,DEC)", ""))
    if match and all(map(_is_number, match.groups())):
        ra, dec, radius = map(float, match.groups())
        if abs(dec) <= 90 and 0 < radius <= 180:
            return ra % 360.0, dec, radius
    found = enclosing_circle(values["RA"], values["DEC"])
    notes.append(
        "No region was selected (DSTYP POS); "
        + ("the circle around its photons is given." if found else "its photons are all over the sky.")
    )
    return found


def _event_class(selection: Mapping[str, str]) -> str:
    """Such as "P8R2 class 128, type 3"."""
    words, version = [], ""
    for kind in ("EVENT_CLASS", "EVENT_TYPE"):
        for key in selection:
            match = re.fullmatch(rf"BIT_MASK\({kind},(\d+),?(\w*)\)", key)
            if match:
                words.append(f"{kind[6:].lower()} {match[1]}")
                version = match[2] or version
    return f"{version} {', '.join(words)}".strip()[:64]


def _companion(source: SourceFile, selection: Mapping[str, str]) -> tuple[str, float | None]:
    """Version of the responses, and FWHM (deg), of an exposure or point spread function.

    Raises `Refused` if it was made for another selection.
    """
    try:
        with open_fits(source.path) as hdus:
            made_for = subspace(hdus[0].header) | subspace(hdus[1].header)
            for key in made_for.keys() & selection.keys():
                if made_for[key] != selection[key] and made_for[key] != "TABLE":
                    raise Refused(
                        f"it was made for {key} {made_for[key]}, the photons were selected by {selection[key]}"
                    )
            return made_for.get("IRF_VERSION", ""), _fwhm(hdus) if "gtpsf" in source.hdus else None
    except Refused as refusal:
        raise Refused(f"{source.name}: {refusal.reason}") from None


def _fwhm(hdus: fits.HDUList) -> float | None:
    """FWHM (deg) at the reference energy, from the 68 % containment radius as of a Gaussian."""
    table, angles = hdus["PSF"], hdus["THETA"]
    energy = column(table, ("ENERGY",), "PSF").ravel() * 1e-6
    density = column(table, ("PSF",), "PSF")
    theta = column(angles, ("THETA",), "THETA").ravel()
    if density.shape != (energy.size, theta.size) or theta.size < 2 or np.any(np.diff(theta) <= 0):
        raise Refused("PSF does not have the shape of its energies and angles")
    if np.any(np.diff(energy) <= 0) or not energy[0] <= REFERENCE_ENERGY <= energy[-1]:
        return None
    middle, width = np.radians((theta[1:] + theta[:-1]) / 2), np.radians(np.diff(theta))
    rings = (density[:, 1:] + density[:, :-1]) / 2 * np.sin(middle) * width
    cumulative = np.concatenate([np.zeros((energy.size, 1)), np.cumsum(rings, axis=1)], axis=1)
    if np.any(cumulative[:, -1] <= 0):
        return None
    radius = [float(np.interp(0.68 * curve[-1], curve, theta)) for curve in cumulative]
    return FWHM_PER_R68 * float(np.interp(np.log(REFERENCE_ENERGY), np.log(energy), radius))


def _identifier(path: Path, header: Mapping[str, object], notes: list[str]) -> str:
    written = described.identifier(header)
    if written:
        return written
    name = stem(path)
    if name.lower() in _GENERIC and path.parent.name:
        notes.append("It has no OBS_ID; its folder's name is used.")
        return described.name_from(path.parent.name)
    notes.append("It has no OBS_ID; its file's name is used.")
    return described.name_from(name)
