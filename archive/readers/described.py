"""Header keywords that mean the same in every format: who observed what, when, and where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.time import Time

from archive.readers.events import number, text
from archive.readers.good_time import GoodTime, good_time, read_intervals
from archive.readers.mjdref import TimeReference, tcb_microseconds, utc_mjd
from archive.readers.records import Refused
from vo.mjdref import SCALES

_NOTHING = ("", "UNKNOWN", "DUMMY", "NONE", "STRING")
"""What programs write where they know nothing."""


class Headers(Mapping[str, Any]):
    """Headers of a file looked up one after the other: that of the table first, then the primary one."""

    def __init__(self, *headers: fits.Header) -> None:
        self._headers = headers

    def __getitem__(self, key: str) -> Any:
        for header in self._headers:
            if key in header and not isinstance(header[key], fits.card.Undefined):
                return header[key]
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(dict.fromkeys(key for header in self._headers for key in header))

    def __len__(self) -> int:
        return len(list(iter(self)))


def word(header: Mapping[str, Any], *keys: str) -> str:
    """The first of the keywords that says something, empty if none does."""
    for key in keys:
        written = text(header, key)
        if written.upper() not in _NOTHING:
            return written
    return ""


def identifier(header: Mapping[str, Any]) -> str:
    """OBS_ID as it is written, empty if there is none that could be one (gammapy writes "stacked" for sums)."""
    written = word(header, "OBS_ID")
    usable = len(written) <= 64 and all(c.isalnum() or c in "-._" for c in written)
    return written if usable and written.lower() != "stacked" else ""


def name_from(stem: str) -> str:
    """An obs_id made of a file's name: what cannot stand in one becomes a hyphen."""
    cleaned = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in stem).strip("-.")
    if not cleaned:
        raise Refused("its name has no letter or digit to make an identifier of")
    return cleaned[:64]


def position(header: Mapping[str, Any], ra_key: str, dec_key: str) -> tuple[float, float] | None:
    """A position in deg, None if there is none; `Refused` if it is not on the sky."""
    ra, dec = number(header, ra_key), number(header, dec_key)
    if ra is None or dec is None:
        return None
    if not (-360 <= ra <= 360 and -90 <= dec <= 90):
        raise Refused(f"{ra_key} {ra:g}, {dec_key} {dec:g} is not on the sky")
    return ra % 360.0, dec


def observed_time(hdus: fits.HDUList, header: Mapping[str, Any], notes: list[str]) -> GoodTime | None:
    """When data were taken: the GTI of the file, TSTART to TSTOP, or DATE-OBS to DATE-END; None if nothing is told."""
    tables = [h for h in hdus if isinstance(h, fits.BinTableHDU) and _is_gti(h)]
    if tables:
        if len(tables) > 1:
            notes.append(f"Of its {len(tables)} GTI tables, {tables[0].name} is used.")
        return read_intervals(tables[0], TimeReference.of_fits(tables[0].header, "GTI"))
    start, stop = number(header, "TSTART"), number(header, "TSTOP")
    if start is not None and stop is not None:
        if stop <= start:
            raise Refused(f"TSTOP ({stop:.3f}) is not after TSTART ({start:.3f})")
        return good_time(np.array([start]), np.array([stop]), TimeReference.of_fits(header, "the header"))
    return _dates(header, notes)


def _is_gti(hdu: fits.BinTableHDU) -> bool:
    return text(hdu.header, "HDUCLAS1").upper() == "GTI" or hdu.name.upper().startswith("GTI")


def _dates(header: Mapping[str, Any], notes: list[str]) -> GoodTime | None:
    written = [text(header, "DATE-OBS"), text(header, "DATE-END")]
    try:
        dates = [datetime.fromisoformat(each) for each in written]
    except ValueError:
        return None
    if dates[1] <= dates[0]:
        notes.append("DATE-END is not after DATE-OBS: the time is not known.")
        return None
    scale = text(header, "TIMESYS").lower() or "utc"
    times = Time(written, format="isot" if "T" in written[0] else "iso", scale=scale if scale in SCALES else "utc")
    (begin, end), (first, last) = utc_mjd(times), tcb_microseconds(times)
    return GoodTime(((float(begin), float(end)),), ((int(first), int(last)),), float(end - begin) * 86400)
