"""Reader of OGIP counts spectra (PHA) with background, ancillary response and redistribution matrix.

OGIP/92-007 and its 92-007a (type I PHA), CAL/GEN/92-002 (ARF, RMF). X-ray instruments, INTEGRAL and gammapy write them;
`archive.readers.ogip_files` finds which files belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy.io import fits

from archive.readers import described
from archive.readers.events import creation_date, number, text
from archive.readers.fitsfile import column, column_names, open_fits, unit_of
from archive.readers.good_time import GoodTime
from archive.readers.ogip_files import assemble, kind_of, stem
from archive.readers.outline import Outline
from archive.readers.records import Candidate, ProductRecord, Refused, SourceFile
from archive.readers.regions import extraction_circle
from archive.readers.sketches import SpectrumSketch
from archive.readers.units import factor

_KEV_PER_TEV = 1e9
_Read = TypeVar("_Read")
CHANNELS_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """A PHA table: value and error per channel, which channels are good, and what it is scaled by."""

    header: Mapping[str, Any]
    value: np.ndarray
    error: np.ndarray
    good: np.ndarray
    exposure: float
    scale: np.ndarray
    is_rate: bool


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Lower and upper energies of the channels in keV, and the unit that the file has them in."""

    low: np.ndarray
    high: np.ndarray
    unit: str


class OGIPReader:
    """Counts spectra (PHA) with BKG, ARF and RMF: one product of several files."""

    name = "ogip"
    version = "1.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        return (), ()

    def declines(self, file: Outline) -> str | None:
        return None if kind_of(file) else "it has no spectrum (CHANNEL with COUNTS or RATE), no ARF and no RMF"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        yield from assemble(files)

    def read(self, candidate: Candidate) -> ProductRecord:
        notes = list(candidate.notes)
        main, *others = candidate.files
        kinds = {kind: source for source in others for kind in source.hdus}
        with open_fits(main.path, notes=notes) as hdus:
            spectrum = _spectrum(hdus, main.hdus["spectrum"])
            time = described.observed_time(hdus, spectrum.header, notes)
            region = extraction_circle(hdus)
            edges = _ebounds(hdus, notes)
        background = _other(
            kinds.get("background"), notes, lambda opened: _background(opened, kinds["background"], spectrum)
        )
        matrix = _other(kinds.get("rmf"), notes, lambda opened: _matrix(opened, kinds["rmf"], notes))
        area = _other(kinds.get("arf"), notes, lambda opened: _area(opened, kinds["arf"], notes))
        if edges is None:
            edges = matrix
        if edges is not None and edges.low.size != spectrum.value.size:
            raise Refused(f"it has {spectrum.value.size} channels, and energies for {edges.low.size}")
        low, high = _energy_range(edges, spectrum.good, area, notes)
        return _record(main, candidate.files, spectrum, time, region, edges, (low, high), background, notes)


def _other(source: SourceFile | None, notes: list[str], read: Callable[[fits.HDUList], _Read]) -> _Read | None:
    """What a file beside the spectrum says, None without one; a refusal names the file."""
    if source is None:
        return None
    try:
        with open_fits(source.path, notes=notes) as hdus:
            return read(hdus)
    except Refused as refusal:
        raise Refused(f"{source.name}: {refusal.reason}") from None


def _spectrum(hdus: fits.HDUList, name: str) -> _Spectrum:
    table = next((h for h in hdus if isinstance(h, fits.BinTableHDU) and h.name.upper() == name), None)
    if table is None:
        raise Refused(f"it has no table {name}")
    header = described.Headers(table.header, hdus[0].header)
    if text(header, "HDUCLAS4").upper().endswith("II") or "SPEC_NUM" in column_names(table):
        raise Refused("it holds several spectra (PHA type II); only type I, one spectrum a file, is read")
    rows = table.header.get("NAXIS2", 0)
    if not 0 < rows <= CHANNELS_LIMIT:
        raise Refused(f"a spectrum of {rows} channels is none")
    is_rate = "COUNTS" not in column_names(table)
    value = _per_channel(table, "RATE" if is_rate else "COUNTS", rows)
    good = _column_or_keyword(table, header, "QUALITY", rows, 0.0) == 0
    if not is_rate and (not np.all(np.isfinite(value[good])) or np.any(value[good] < 0)):
        raise Refused("it has counts that are negative or not finite")
    exposure = number(header, "EXPOSURE")
    if exposure is None or exposure <= 0:
        raise Refused("it has no EXPOSURE, or one that is not positive")
    if "STAT_ERR" in column_names(table):
        error = _per_channel(table, "STAT_ERR", rows)
    elif is_rate:
        error = np.sqrt(np.maximum(value, 0) / exposure)
    else:
        error = np.sqrt(value)
    good &= np.isfinite(value) & np.isfinite(error)
    scale = _column_or_keyword(table, header, "BACKSCAL", rows, 1.0)
    scale = scale * _column_or_keyword(table, header, "AREASCAL", rows, 1.0) * exposure
    return _Spectrum(header, value, error, good, exposure, scale, is_rate)


def _per_channel(table: fits.BinTableHDU, name: str, rows: int) -> np.ndarray:
    values = column(table, (name,), "its spectrum")
    if values.shape != (rows,):
        raise Refused(f"column {name} of its spectrum has more than one value a channel")
    return values


def _column_or_keyword(
    table: fits.BinTableHDU, header: Mapping[str, Any], name: str, rows: int, default: float
) -> np.ndarray:
    if name in column_names(table):
        return _per_channel(table, name, rows)
    written = number(header, name)
    return np.full(rows, default if written is None else written)


def _ebounds(hdus: fits.HDUList, notes: list[str]) -> _Bounds | None:
    """Energies of the channels; None if the file does not tell them."""
    table = next(
        (h for h in hdus if isinstance(h, fits.BinTableHDU) and {"CHANNEL", "E_MIN", "E_MAX"} <= column_names(h)), None
    )
    if table is None:
        return None
    edges = np.array(
        [column(table, (name,), "EBOUNDS").ravel() * _kev(table, name, notes) for name in ("E_MIN", "E_MAX")]
    )
    if edges.shape[1] == 0 or not np.all(np.isfinite(edges)) or np.any(edges < 0) or np.any(edges[1] <= edges[0]):
        raise Refused("its energy bounds are not finite, negative, or end before they begin")
    if np.any(np.diff(edges[0]) <= 0):
        raise Refused("its energy bounds do not increase")
    return _Bounds(edges[0], edges[1], unit_of(table, "E_MIN")[:16] or "keV")


def _kev(table: fits.BinTableHDU, name: str, notes: list[str]) -> float:
    unit = unit_of(table, name)
    if not unit:
        note = "Energies without a unit are taken for keV, as OGIP has it."
        if note not in notes:
            notes.append(note)
        return 1.0
    return factor(unit, "keV", f"column {name}")


def _matrix(hdus: fits.HDUList, source: SourceFile, notes: list[str]) -> _Bounds | None:
    table = next(h for h in hdus if h.name.upper() == source.hdus["rmf"])
    _energy_axis(table, "its matrix", notes)
    return _ebounds(hdus, notes)


def _area(hdus: fits.HDUList, source: SourceFile, notes: list[str]) -> tuple[float, float]:
    """Energies in keV between which the effective area is not zero."""
    table = next(h for h in hdus if h.name.upper() == source.hdus["arf"])
    low, high = _energy_axis(table, "its effective area", notes)
    area = column(table, ("SPECRESP",), "its effective area").ravel()
    if area.shape != low.shape or not np.all(np.isfinite(area)) or np.any(area < 0):
        raise Refused("its effective area has values that are negative or not finite")
    filled = np.flatnonzero(area > 0)
    if filled.size == 0:
        raise Refused("its effective area is zero everywhere")
    return float(low[filled[0]]), float(high[filled[-1]])


def _energy_axis(table: fits.BinTableHDU, what: str, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    low, high = (column(table, (n,), what).ravel() * _kev(table, n, notes) for n in ("ENERG_LO", "ENERG_HI"))
    if low.size == 0 or not np.all(np.isfinite([low, high])) or np.any(low < 0) or np.any(high <= low):
        raise Refused(f"the energies of {what} are not finite, negative, or end before they begin")
    if np.any(np.diff(low) <= 0):
        raise Refused(f"the energies of {what} do not increase")
    return low, high


def _background(hdus: fits.HDUList, source: SourceFile, spectrum: _Spectrum) -> np.ndarray | None:
    """Background expected in each channel of the spectrum, in its unit; None where it cannot be scaled."""
    other = _spectrum(hdus, source.hdus["background"])
    if other.value.size != spectrum.value.size:
        raise Refused(f"it has {other.value.size} channels, the spectrum has {spectrum.value.size}")
    counts = other.value * other.exposure if other.is_rate else other.value
    with np.errstate(all="ignore"):
        expected = np.where(other.scale > 0, counts * spectrum.scale / other.scale, np.nan)
    if not np.any(np.isfinite(expected[spectrum.good])):
        return None
    expected = np.where(np.isfinite(expected), expected, 0.0)
    return expected / spectrum.exposure if spectrum.is_rate else expected


def _energy_range(
    edges: _Bounds | None, good: np.ndarray, area: tuple[float, float] | None, notes: list[str]
) -> tuple[float | None, float | None]:
    """TeV: the good channels, as far as there is an effective area."""
    if edges is None:
        notes.append("Nothing tells the energies of its channels (EBOUNDS).")
        return None, None
    used = good & (edges.low > 0)
    if not used.any():
        notes.append("It has no good channel.")
        return None, None
    low, high = float(edges.low[used][0]), float(edges.high[used][-1])
    if area is not None:
        low, high = max(low, area[0]), min(high, area[1])
    if high <= low:
        raise Refused("the effective area and the good channels have no energy in common")
    return low / _KEV_PER_TEV, high / _KEV_PER_TEV


def _record(
    main: SourceFile,
    files: tuple[SourceFile, ...],
    spectrum: _Spectrum,
    time: GoodTime | None,
    region: tuple[float, float, float] | None,
    edges: _Bounds | None,
    energies: tuple[float | None, float | None],
    background: np.ndarray | None,
    notes: list[str],
) -> ProductRecord:
    header = spectrum.header
    written = described.identifier(header)
    obs_id = written or described.name_from(stem(main.path))
    if not written:
        notes.append("It has no OBS_ID of its own; its file's name is used.")
    if time is None:
        notes.append("Nothing tells when it was taken.")
    target = described.position(header, "RA_OBJ", "DEC_OBJ")
    ra, dec = region[:2] if region else target or (None, None)
    instrument = described.word(header, "INSTRUME")
    detector = described.word(header, "DETNAM")
    facility = described.word(header, "TELESCOP")
    responses = [kind.upper() for source in files[1:] for kind in source.hdus if kind != "background"]
    return ProductRecord(
        obs_id=obs_id,
        part=main.name if written else "",
        files=files,
        product_type="spectrum",
        subtype="counts-spectrum",
        calib_level=3,
        title=f"{' '.join(w for w in (facility, instrument, detector) if w) or 'Counts'} spectrum {obs_id}",
        description="Counts spectrum" + (f" with {' and '.join(responses)}" if responses else ""),
        sketch=_sketch(spectrum, edges, background),
        target_name=described.word(header, "OBJECT", "SOURCEID")[:100],
        ra_obj=target[0] if target else None,
        dec_obj=target[1] if target else None,
        ra=ra,
        dec=dec,
        fov_radius=region[2] or None if region else None,
        gti=time.utc if time else (),
        gti_tcb=time.tcb if time else (),
        livetime=spectrum.exposure,
        energy_min=energies[0],
        energy_max=energies[1],
        energy_unit=None if edges is None else edges.unit,
        energy_bins=spectrum.value.size,
        o_ucd="phot.count",
        facility_name=facility[:100],
        instrument_name=" ".join(w for w in (instrument, detector) if w)[:100],
        creator_name=described.word(header, "ORIGIN")[:200],
        creation_date=creation_date(header),
        notes=tuple(notes),
    )


def _sketch(spectrum: _Spectrum, edges: _Bounds | None, background: np.ndarray | None) -> SpectrumSketch:
    value = np.where(spectrum.good, spectrum.value, np.nan)
    quantity = "counts/s" if spectrum.is_rate else "counts"
    if edges is None:
        bounds, unit = np.arange(value.size + 1, dtype=np.float64), "channel"
    else:
        bounds, unit = np.append(edges.low, edges.high[-1]), "keV"
        if bounds[-1] > 1e9:
            bounds, unit = bounds / _KEV_PER_TEV, "TeV"
        if bounds[0] == 0:
            bounds[0] = bounds[1] / 2
    return SpectrumSketch(bounds, unit, value, spectrum.error, background, quantity)
