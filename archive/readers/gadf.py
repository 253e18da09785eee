"""Reader of GADF (gamma-astro-data-formats 0.2 and 0.3) DL3: data stores with index tables, and single event files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from astropy.io import fits

from archive.readers import events as ev
from archive.readers import responses
from archive.readers.eventcolumns import event_columns, sketch
from archive.readers.fitsfile import open_fits
from archive.readers.gadf_classes import Classes, classify, find_hdu
from archive.readers.gadf_index import INDEX_NAMES, find_stores, scan_store
from archive.readers.gadf_run import pointed_run
from archive.readers.good_time import GoodTime
from archive.readers.outline import Outline
from archive.readers.records import Candidate, EventColumns, ObservationRecord, Refused, SourceFile

REFERENCE_ENERGY, REFERENCE_OFFSET = 1.0, 0.5
"""TeV and deg at which resolutions are quoted."""
_BUNDLE = ("aeff", "edisp")


class GADFReader:
    """Data stores (obs-index and hdu-index) and event files that no index lists."""

    name = "gadf"
    version = "2.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        """One candidate per observation of each data store's index."""
        found: list[Candidate] = []
        accounted_for: set[Path] = {path for path in files if path.name in INDEX_NAMES}
        for store in find_stores(files):
            try:
                found += scan_store(store, root)
            except Refused as refusal:
                label = f"data store {store.relative_to(root)}" if store != root else "the data store"
                found.append(Candidate(label, (), refusal=f"{refusal.reason}; its files are left alone"))
                accounted_for.update(path for path in files if path.is_relative_to(store))
        accounted_for.update(source.path for candidate in found for source in candidate.files)
        return found, accounted_for

    def declines(self, file: Outline) -> str | None:
        if any(hdu.is_class("EVENTS") or hdu.name == "EVENTS" for hdu in file.tables):
            return None
        return "it has no EVENTS table"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        for file in files:
            source = SourceFile(file.path, file.path.name)
            unlisted = next((name for name in INDEX_NAMES if (file.path.parent / name).is_file()), None)
            refusal = f"{unlisted} beside it does not list it" if unlisted else None
            yield Candidate(file.where, (source,), refusal=refusal)

    def read(self, candidate: Candidate) -> ObservationRecord:
        """Read and validate one observation; `Refused` names the file when there are several."""
        notes: list[str] = []
        main, *others = candidate.files
        for source in candidate.files:
            check_md5(source)
        with open_fits(main.path) as hdus:
            classes = classify(hdus, main, notes)
            event_hdu = find_hdu(hdus, classes, "events")
            if event_hdu is None:
                raise Refused("it has no EVENTS table")
            gti_hdu = find_hdu(hdus, classes, "gti")
            if gti_hdu is None:
                raise Refused("it has no GTI table")
            events = ev.read_events(event_hdu, notes)
            listed = event_columns(event_hdu, events)
            gti = ev.read_gti(gti_hdu, events, notes)
            described = _Described(notes)
            described.add(hdus, classes)
            files = [SourceFile(main.path, main.name, *classes.as_maps())]
        for other in others:
            try:
                with open_fits(other.path) as hdus:
                    classes = classify(hdus, other, notes)
                    described.add(hdus, classes)
                    files.append(SourceFile(other.path, other.name, *classes.as_maps()))
            except Refused as refusal:
                raise Refused(f"{other.name}: {refusal.reason}") from None
        return self._record(candidate, events, listed, gti, described, tuple(files), notes)

    def _record(
        self,
        candidate: Candidate,
        events: ev.Events,
        listed: EventColumns,
        gti: GoodTime,
        described: _Described,
        files: tuple[SourceFile, ...],
        notes: list[str],
    ) -> ObservationRecord:
        header, hints = events.header, candidate.hints
        indexed_as = hints.get("OBS_ID")
        if indexed_as is not None and str(indexed_as) != events.obs_id:
            raise Refused(f"the index lists it as observation {indexed_as}, its header says {events.obs_id}")
        low, high = described.energy_range or (None, None)
        low, high = ev.number(hints, "SAFE_ENERGY_LO") or low, ev.number(hints, "SAFE_ENERGY_HI") or high
        if low is None and events.count:
            low, high = float(events.energy.min()), float(events.energy.max())
            notes.append("Without an effective area, the energy range is that of the events.")
        pointing = None if events.ra_pnt is None or events.dec_pnt is None else (events.ra_pnt, events.dec_pnt)
        plane = sketch(listed, pointing)
        radius = described.radius
        if radius is None and events.count:
            radius = float((plane.east**2 + plane.north**2).max() ** 0.5)
            notes.append("The responses do not limit the field of view; its radius is the largest offset of an event.")
        missing = [kind for kind in _BUNDLE if kind not in described.kinds]
        if missing:
            notes.append(f"No {' and no '.join(missing)}: an event list without complete responses.")
        altitude = ev.number(header, "ALT_PNT")
        zenith = 90.0 - altitude if altitude is not None else ev.number(hints, "ZEN_PNT")
        telescopes = ev.number(header, "N_TELS")
        quality = ev.number(hints, "QUALITY")
        # CTA 1DC and others write 0, 0 for "no target".
        target = (ev.number(header, "RA_OBJ"), ev.number(header, "DEC_OBJ"))
        if None in target or target == (0.0, 0.0):
            target = (None, None)
        name = ev.text(header, "INSTRUME") or ev.text(header, "TELESCOP")
        return ObservationRecord(
            obs_id=events.obs_id,
            files=files,
            product_type="event",
            subtype="event-list" if missing else "event-bundle",
            calib_level=2,
            title=f"{name or 'Gamma-ray'} run {events.obs_id}",
            description="Event list" if missing else "Event list with instrument responses",
            target_name=(ev.text(header, "OBJECT") or ev.text(hints, "OBJECT"))[:100],
            ra_obj=target[0],
            dec_obj=target[1],
            ra=events.ra_pnt,
            dec=events.dec_pnt,
            ra_pnt=events.ra_pnt,
            dec_pnt=events.dec_pnt,
            zen_pnt=zenith,
            fov_radius=radius,
            gti=gti.utc,
            gti_tcb=gti.tcb,
            ontime=gti.ontime,
            livetime=ev.livetime(header, gti.ontime, notes),
            energy_min=low,
            energy_max=high,
            energy_unit="TeV",
            event_count=events.count,
            sketch=plane,
            quality=int(quality) if quality in (-1, 0, 1, 2) else -1,
            point_like=described.point_like,
            obs_mode=ev.text(header, "OBS_MODE").upper()[:16],
            facility_name=ev.text(header, "TELESCOP")[:100],
            instrument_name=name[:100],
            creator_name=ev.text(header, "ORIGIN")[:200],
            creation_date=ev.creation_date(header),
            n_tels=int(telescopes) if telescopes else None,
            convergence=ev.number(header, "CONV_DEP"),
            analysis_mode=(ev.text(header, "ANA_VER") or described.configuration)[:100],
            event_class=ev.text(header, "EV_CLASS")[:64],
            psf_fwhm=described.psf_fwhm,
            energy_resolution=described.energy_resolution,
            reference_energy=REFERENCE_ENERGY,
            reference_offset=REFERENCE_OFFSET,
            run=pointed_run(header, hints, events.reference),
            response_energies=described.energies,
            events=listed,
            notes=tuple(notes),
        )


class _Described:
    """What the responses, in whichever of the files they are, say of the observation."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.kinds: set[str] = set()
        self.energies: dict[str, tuple[float, float]] = {}
        self.energy_range: tuple[float, float] | None = None
        self.radius: float | None = None
        self.psf_fwhm: float | None = None
        self.energy_resolution: float | None = None
        self.configuration = ""
        self.point_like = False

    def add(self, hdus: fits.HDUList, classes: Classes) -> None:
        for kind in ("aeff", "edisp", "psf", "bkg", "rad_max"):
            hdu = find_hdu(hdus, classes, kind)
            if hdu is not None:
                self.kinds.add(kind)
                self.point_like |= ev.text(hdu.header, "HDUCLAS3").upper() == "POINT-LIKE"
                self._describe(kind, hdu, classes.hdu_classes.get(kind, ""))

    def _describe(self, kind: str, hdu: fits.BinTableHDU, hdu_class: str) -> None:
        what = f"HDU {hdu.name}"
        energies = responses.energy_axis(hdu, what)
        if energies is not None:
            self.energies[kind] = energies
        if kind == "aeff":
            self.energy_range = responses.safe_energy_range(hdu, what)
            self.radius = responses.field_of_view_radius(hdu, what)
            self.configuration = ev.text(hdu.header, "CONFIG")
        elif kind == "edisp":
            self.energy_resolution = responses.energy_resolution(hdu, REFERENCE_ENERGY, REFERENCE_OFFSET, what)
        elif kind == "psf":
            self.psf_fwhm = responses.psf_fwhm(hdu, hdu_class, REFERENCE_ENERGY, REFERENCE_OFFSET, what)
            if self.psf_fwhm is None:
                self.notes.append(f"No angular resolution from a {hdu_class or 'psf'} at 1 TeV and 0.5 deg.")


def check_md5(source: SourceFile) -> None:
    """Compare with the MD5 of the HDU index, where it has one (GADF 0.3, "HDU index table")."""
    if source.md5:
        try:
            with source.path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        except OSError as error:
            raise Refused(f"{source.name} cannot be opened: {error.strerror}") from None
        if digest != source.md5.lower():
            raise Refused(f"the MD5 of {source.name} is not the one in hdu-index")
