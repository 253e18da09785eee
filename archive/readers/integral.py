"""Reader of INTEGRAL light curves: the anticoincidence shield of SPI, and sources as extracted from IBIS/ISGRI.

Times are days or seconds of TT since MJD 51544.0 (INTEGRAL Julian Date, IJD). That is fixed by the mission: a header
that does not repeat it is read all the same, and the curator is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from archive.readers import described
from archive.readers.events import creation_date, number, text
from archive.readers.fitsfile import column, column_names, open_fits, unit_of
from archive.readers.good_time import GoodTime, good_time
from archive.readers.mjdref import TimeReference, utc_mjd
from archive.readers.ogip_files import stem
from archive.readers.outline import HDUOutline, Outline
from archive.readers.records import Candidate, ProductRecord, Refused, SourceFile
from archive.readers.sketches import CurveSketch
from archive.readers.units import factor

IJD = {"MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "d"}
_TOUCHING = 0.5
"""Bins that are at most so far apart, in widths, make one good time interval."""


class IntegralReader:
    """Light curves of INTEGRAL: SPI-ACS and IBIS/ISGRI."""

    name = "integral"
    version = "1.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        return (), ()

    def declines(self, file: Outline) -> str | None:
        return None if _curve(file) else "it has no table of INTEGRAL with TIME, RATE and ERROR"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        for file in files:
            table = _curve(file)
            assert table is not None
            source = SourceFile(file.path, file.path.name, {"lightcurve": table.name}, {"lightcurve": "ogip"})
            yield Candidate(file.where, (source,))

    def read(self, candidate: Candidate) -> ProductRecord:
        notes = list(candidate.notes)
        (main,) = candidate.files
        with open_fits(main.path, notes=notes) as hdus:
            table = next(
                h for h in hdus if isinstance(h, fits.BinTableHDU) and h.name.upper() == main.hdus["lightcurve"]
            )
            header = described.Headers(table.header, hdus[0].header)
            reference = _reference(header, notes)
            middle, width = _bins(table, header, reference)
            rate, error = (column(table, (name,), "its light curve") for name in ("RATE", "ERROR"))
            unit = unit_of(table, "RATE")
            live = _livetime(table, header, width * reference.seconds_a_unit, notes)
        if rate.shape != middle.shape or error.shape != middle.shape:
            raise Refused("RATE or ERROR has more than one value a bin")
        if not np.all(np.isfinite(rate)) or np.any(error < 0):
            raise Refused("it has rates that are not finite, or negative errors")
        if not unit:
            notes.append("Rates without a unit are taken for counts/s.")
        else:
            factor(unit, "count / s", "RATE")
        gti = _good_time(middle, width, reference)
        low, high = _energies(header, notes)
        target = described.position(header, "RA_OBJ", "DEC_OBJ")
        if target is None:
            notes.append("It has no position: the instrument sees the whole sky, or the source is not told.")
        written = described.identifier(header)
        obs_id = written or described.name_from(stem(main.path))
        if not written:
            notes.append("It has no OBS_ID; its file's name is used.")
        instrument = " ".join(w for w in (described.word(header, "INSTRUME"), described.word(header, "DETNAM")) if w)
        seconds = width * reference.seconds_a_unit
        return ProductRecord(
            obs_id=obs_id,
            part=main.name if written else "",
            files=candidate.files,
            product_type="timeseries",
            subtype="light-curve",
            calib_level=4,
            title=f"INTEGRAL {instrument} light curve {obs_id}",
            description="Light curve (count rate)",
            sketch=CurveSketch(
                utc_mjd(reference.time(middle)), seconds / 2 / 86400, rate, np.nan_to_num(error), "rate (counts/s)"
            ),
            target_name=described.word(header, "OBJECT", "SOURCEID", "NAME")[:100],
            ra_obj=target[0] if target else None,
            dec_obj=target[1] if target else None,
            ra=target[0] if target else None,
            dec=target[1] if target else None,
            gti=gti.utc,
            gti_tcb=gti.tcb,
            livetime=live,
            time_resolution=float(np.median(seconds)),
            time_bins=middle.size,
            energy_min=low,
            energy_max=high,
            energy_unit="keV" if low is not None else None,
            o_ucd="phot.count",
            facility_name="INTEGRAL",
            instrument_name=instrument[:100],
            creator_name=described.word(header, "ORIGIN")[:200],
            creation_date=creation_date(header),
            notes=tuple(notes),
        )


def _curve(file: Outline) -> HDUOutline | None:
    for hdu in file.tables:
        if hdu.get("TELESCOP").upper() == "INTEGRAL" and {"TIME", "RATE", "ERROR"} <= hdu.columns:
            return hdu
    return None


def _reference(header: Mapping[str, object], notes: list[str]) -> TimeReference:
    missing = [key for key in IJD if not text(header, key) and not (key == "MJDREF" and text(header, "MJDREFI"))]
    if missing:
        notes.append(f"It has no {' and no '.join(missing)}; times of INTEGRAL are IJD, days of TT since MJD 51544.")
    return TimeReference.of_fits(header, "its light curve", **IJD)


def _bins(
    table: fits.BinTableHDU, header: Mapping[str, object], reference: TimeReference
) -> tuple[np.ndarray, np.ndarray]:
    """Middles and widths of the bins in the unit of the reference; `Refused` unless they follow one another."""
    time = column(table, ("TIME",), "its light curve")
    if time.ndim != 1 or time.size == 0:
        raise Refused("it has no bins, or TIME has more than one value a bin")
    written = unit_of(table, "TIME")
    if written:
        time = time * factor(written, "s", "TIME") / reference.seconds_a_unit
    # Times of SPI-ACS count from TIMEZERO, which is a time itself (OGIP/93-003: it is added).
    time = time + (number(header, "TIMEZERO") or 0.0)
    if "TIMEDEL" in column_names(table):
        width = column(table, ("TIMEDEL",), "its light curve")
    else:
        step = number(header, "TIMEDEL")
        if step is None:
            raise Refused("nothing tells how long its bins are (TIMEDEL)")
        width = np.full(time.size, step)
    if width.shape != time.shape or not np.all(np.isfinite(time)) or not np.all(np.isfinite(width)):
        raise Refused("its times are not finite")
    if np.any(width <= 0) or np.any(np.diff(time) <= 0):
        raise Refused("its bins have no length, or are not in the order of time")
    place = number(header, "TIMEPIXR")
    if place is not None and not 0 <= place <= 1:
        raise Refused(f"TIMEPIXR {place:g} is not between 0 and 1")
    return time + (0.5 - (0.5 if place is None else place)) * width, width


def _good_time(middle: np.ndarray, width: np.ndarray, reference: TimeReference) -> GoodTime:
    start, stop = middle - width / 2, middle + width / 2
    gap = start[1:] - stop[:-1] > _TOUCHING * np.minimum(width[1:], width[:-1])
    first, last = np.append(True, gap), np.append(gap, True)
    return good_time(start[first], stop[last], reference)


def _livetime(
    table: fits.BinTableHDU, header: Mapping[str, object], seconds: np.ndarray, notes: list[str]
) -> float | None:
    """s: the part of each bin that was observed, corrected for dead time; None where neither is told."""
    deadc = number(header, "DEADC")
    if "FRACEXP" not in column_names(table) or deadc is None:
        notes.append("Its live time is not told: it has no FRACEXP and no DEADC.")
        return None
    fraction = column(table, ("FRACEXP",), "its light curve")
    if fraction.shape != seconds.shape or not np.all((fraction >= 0) & (fraction <= 1.001)) or not 0 <= deadc <= 1:
        raise Refused("FRACEXP or DEADC is not between 0 and 1")
    live = float(np.sum(fraction * seconds) * deadc)
    written = number(header, "EXPOSURE")
    if written is not None and abs(written - live) > 0.1 * live:
        notes.append(f"EXPOSURE ({written:.0f} s) is not the live time of its bins, which is used ({live:.0f} s).")
    return live


def _energies(header: Mapping[str, object], notes: list[str]) -> tuple[float | None, float | None]:
    """TeV."""
    low, high = number(header, "E_MIN"), number(header, "E_MAX")
    if low is None or high is None:
        notes.append("Its energy range is not told (E_MIN, E_MAX).")
        return None, None
    scale = factor(text(header, "EUNIT"), "TeV", "E_MIN and E_MAX")
    if not 0 < low < high:
        raise Refused(f"E_MIN {low:g} and E_MAX {high:g} are no energy range")
    return low * scale, high * scale
