"""Validation and reading of EVENTS and GTI HDUs (GADF 0.3, "EVENTS" and "GTI").

What makes an event list unusable is refused; what the format asks for and real files lack is noted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError

from archive.readers.fitsfile import column, unit_of
from archive.readers.good_time import GoodTime, read_intervals
from archive.readers.mjdref import TimeReference
from archive.readers.records import Refused

OBS_MODES = ("POINTING", "RASTER", "SLEW", "SCAN", "DRIFT")
COLUMNS = ("EVENT_ID", "TIME", "RA", "DEC", "ENERGY")
EXPECTED = (
    "HDUCLASS", "HDUVERS", "HDUCLAS1", "ONTIME", "DEADC", "OBS_MODE", "EQUINOX", "ORIGIN", "TELESCOP", "INSTRUME",
    "CREATOR", "GEOLON", "GEOLAT", "ALTITUDE",
)  # fmt: skip
"""Mandatory keywords that the archive can do without."""
_TEV = {"TeV": 1.0, "GeV": 1e-3, "MeV": 1e-6, "keV": 1e-9, "": 1.0}


@dataclass(frozen=True, slots=True)
class Events:
    """An EVENTS HDU's numbers: angles deg, energies TeV."""

    header: fits.Header
    obs_id: str
    reference: TimeReference
    count: int
    time: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    energy: np.ndarray
    ra_pnt: float | None
    dec_pnt: float | None


def number(header: Mapping[str, Any], key: str) -> float | None:
    """A header value as a finite number, None if it is absent or no number (some writers quote numbers)."""
    try:
        value = float(header[key])
    except (KeyError, TypeError, ValueError):
        return None
    except VerifyError:
        raise Refused(f"damaged: the header keyword {key} cannot be read") from None
    return value if math.isfinite(value) else None


def text(header: Mapping[str, Any], key: str) -> str:
    """A header value as text without blanks around it, empty if absent."""
    try:
        value = header.get(key)
    except VerifyError:
        raise Refused(f"damaged: the header keyword {key} cannot be read") from None
    return "" if value is None or isinstance(value, fits.card.Undefined) else str(value).strip()


def observation_id(header: Mapping[str, Any]) -> str:
    """OBS_ID without leading zeros (GA-27); `Refused` if there is none."""
    written = text(header, "OBS_ID")
    if not written:
        raise Refused("the EVENTS header has no OBS_ID")
    obs_id = written.lstrip("0") or "0"
    if not all(c.isalnum() or c in "-._" for c in obs_id) or len(obs_id) > 64:
        raise Refused(f"OBS_ID {written!r} is no identifier (letters, digits, -._)")
    return obs_id


def read_events(hdu: fits.BinTableHDU, notes: list[str]) -> Events:
    """Read and check an event list; odd but usable things are added to `notes`."""
    header = hdu.header
    obs_id = observation_id(header)
    reference = TimeReference(header, "EVENTS")
    missing = [key for key in EXPECTED if key not in header]
    if missing:
        notes.append(f"EVENTS lacks the mandatory header keywords {', '.join(missing)}.")
    mode = text(header, "OBS_MODE").upper()
    if mode and mode not in OBS_MODES:
        notes.append(f"OBS_MODE {mode} is none of GADF's.")
    pointing = _pointing(header, mode)

    start, stop = number(header, "TSTART"), number(header, "TSTOP")
    if start is None or stop is None:
        raise Refused("the EVENTS header has no TSTART or no TSTOP")
    if stop <= start:
        raise Refused(f"TSTOP ({stop:.3f}) is not after TSTART ({start:.3f})")

    values = read_columns(hdu, (start, stop), notes)
    time, ra, dec, energy = (values[name] for name in ("TIME", "RA", "DEC", "ENERGY"))
    return Events(header, obs_id, reference, energy.size, time, ra, dec, energy, *pointing)


def read_columns(hdu: fits.BinTableHDU, span: tuple[float, float], notes: list[str]) -> dict[str, np.ndarray]:
    """The mandatory columns, checked: finite, on the sky, energies positive and in TeV. `span`: TSTART and TSTOP."""
    values = {name: column(hdu, (name,), "EVENTS") for name in COLUMNS}
    for name, array in values.items():
        if array.ndim != 1:
            raise Refused(f"column {name} of EVENTS has more than one value an event")
        bad = int(np.count_nonzero(~np.isfinite(array)))
        if bad:
            raise Refused(f"column {name} of EVENTS has {bad} values that are not finite")
    unit = unit_of(hdu, "ENERGY")
    if unit not in _TEV:
        raise Refused(f"energies in {unit!r} are not understood")
    energy = values["ENERGY"] = values["ENERGY"] * _TEV[unit]
    if np.any(energy <= 0):
        raise Refused(f"{np.count_nonzero(energy <= 0)} events have an energy of zero or below")
    if np.any(np.abs(values["DEC"]) > 90) or np.any(np.abs(values["RA"]) > 360):
        raise Refused("events lie outside the sky: RA or DEC out of range")
    outside = int(np.count_nonzero((values["TIME"] < span[0] - 1e-3) | (values["TIME"] > span[1] + 1e-3)))
    if outside:
        notes.append(f"{outside} of {energy.size} events lie outside TSTART and TSTOP.")
    if energy.size == 0:
        notes.append("The event list is empty.")
    return values


def _pointing(header: fits.Header, mode: str) -> tuple[float | None, float | None]:
    ra, dec = number(header, "RA_PNT"), number(header, "DEC_PNT")
    if ra is None or dec is None:
        if mode == "DRIFT" and number(header, "ALT_PNT") is not None and number(header, "AZ_PNT") is not None:
            return None, None
        raise Refused("the EVENTS header has no pointing (RA_PNT, DEC_PNT)")
    if not (-360 <= ra <= 360 and -90 <= dec <= 90):
        raise Refused(f"the pointing RA_PNT {ra:g}, DEC_PNT {dec:g} is not on the sky")
    return ra % 360.0, dec


def read_gti(hdu: fits.BinTableHDU, events: Events, notes: list[str]) -> GoodTime:
    """Read and check good time intervals: at least one, sorted, without overlap."""
    if "MJDREFI" not in hdu.header:
        notes.append("GTI has no time reference of its own; that of EVENTS is used.")
    reference = TimeReference(hdu.header, "GTI") if "MJDREFI" in hdu.header else events.reference
    return read_intervals(hdu, reference)


def livetime(header: fits.Header, ontime: float, notes: list[str]) -> float:
    """LIVETIME, or the good time corrected by DEADC (GA-23); `Refused` if there is neither."""
    written, deadc = number(header, "LIVETIME"), number(header, "DEADC")
    if deadc is not None and not 0 <= deadc <= 1:
        raise Refused(f"DEADC {deadc:g} is not between 0 and 1")
    if written is None:
        if deadc is None:
            raise Refused("the EVENTS header has neither LIVETIME nor DEADC")
        notes.append("LIVETIME is missing; the good time times DEADC is used.")
        return ontime * deadc
    if written < 0:
        raise Refused(f"LIVETIME {written:g} s is negative")
    if written > ontime * 1.01 + 1:
        notes.append(f"LIVETIME ({written:.1f} s) is longer than the good time ({ontime:.1f} s).")
    return written


def creation_date(header: fits.Header) -> datetime | None:
    """DATE or CREATED of the header in UTC, None if it is absent or unreadable."""
    for key in ("DATE", "CREATED"):
        written = text(header, key)
        try:
            parsed = datetime.fromisoformat(written)
        except ValueError:
            continue
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return None
