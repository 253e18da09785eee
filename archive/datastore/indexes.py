"""The index tables of a data store (GADF 0.3, "Data storage"), made of the headers of its event lists."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from archive.datastore.contents import Item
from archive.readers.mjdref import TimeReference
from archive.readers.records import Refused
from archive.store import local_path
from vo.errors import FatalFault

OBS_INDEX, HDU_INDEX = "obs-index.fits.gz", "hdu-index.fits.gz"
_CLASSES = {"HDUCLASS": "GADF", "HDUDOC": "https://gamma-astro-data-formats.readthedocs.io", "HDUVERS": "0.3"}
_TIME = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF")
_PLACE = ("GEOLON", "GEOLAT", "ALTITUDE", "OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")
_NUMBERS = {
    "RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg", "RA_OBJ": "deg", "DEC_OBJ": "deg",
    "ONTIME": "s", "LIVETIME": "s", "DEADC": "",
}  # fmt: skip
_TEXTS = ("OBS_MODE", "OBJECT", "TELESCOP", "INSTRUME")

Header = Mapping[str, Any]


def headers(items: Sequence[Item]) -> list[Header]:
    """The header of each observation's events. Raises FatalFault where it cannot be read."""
    return [_header(item) for item in items]


def _header(item: Item) -> Header:
    for use, _ in item.files:
        if "events" in use.hdus:
            try:
                with fits.open(local_path(use.file.path), lazy_load_hdus=True) as hdus:
                    return dict(hdus[use.hdus["events"]].header.items())
            except (OSError, KeyError):
                raise FatalFault(f"{use.name} cannot be read in the archive; the curators have been told") from None
    raise FatalFault(f"{item.product.did} has no event list")


def obs_index(items: Sequence[Item], found: Sequence[Header]) -> bytes:
    """The observation index; times count from the reference of the first observation."""
    first = found[0]
    starts, stops = np.array([_times(header, first) for header in found]).T
    columns = [
        fits.Column("OBS_ID", "K", array=[int(item.observation.obs_id) for item in items]),
        fits.Column("TSTART", "D", "s", array=starts),
        fits.Column("TSTOP", "D", "s", array=stops),
        *(fits.Column(name, "D", unit, array=[_number(h.get(name)) for h in found]) for name, unit in _NUMBERS.items()),
        fits.Column("ZEN_PNT", "D", "deg", array=[90 - _number(h.get("ALT_PNT")) for h in found]),
        *(_text(name, [str(h.get(name) or "") for h in found]) for name in _TEXTS),
        fits.Column("N_TELS", "J", array=[int(h.get("N_TELS") or 0) for h in found]),
        fits.Column("QUALITY", "J", array=[item.observation.quality for item in items]),
        fits.Column("EVENT_COUNT", "K", array=[item.observation.event_count for item in items]),
        _text("OBS_PUBLISHER_DID", [item.product.did for item in items]),
    ]
    shared = {key: first[key] for key in _TIME if key in first}
    shared |= {key: first[key] for key in _PLACE if key in first and all(h.get(key) == first[key] for h in found)}
    return _written("OBS_INDEX", "OBS", columns, shared)


def hdu_index(items: Sequence[Item]) -> bytes:
    """The HDU index: every HDU of a known type, in the file that has it in the store."""
    rows = [
        (int(item.observation.obs_id), kind, use.hdu_classes.get(kind, kind), *_split(path), hdu)
        for item in items
        for use, path in item.files
        for kind, hdu in use.hdus.items()
    ]
    names = ("HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME")
    columns = [
        fits.Column("OBS_ID", "K", array=[row[0] for row in rows]),
        *(_text(name, [str(row[i]) for row in rows]) for i, name in enumerate(names, 1)),
    ]
    return _written("HDU_INDEX", "HDU", columns, {})


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name


def _times(header: Header, first: Header) -> tuple[float, float]:
    """TSTART and TSTOP, in seconds since the reference of the first header."""
    values = [_number(header.get("TSTART")), _number(header.get("TSTOP"))]
    if any(_plain(header.get(key)) != _plain(first.get(key)) for key in ("MJDREFI", "MJDREFF", "TIMESYS")):
        try:
            zero = TimeReference(first, "the first event list")
            times = TimeReference(header, "an event list").time(np.array(values))
        except Refused as refused:
            raise FatalFault(refused.reason) from None
        values = list((getattr(times, zero.scale) - zero.time(0.0)).sec)
    return values[0], values[1]


def _plain(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _text(name: str, values: Sequence[str]) -> fits.Column:
    width = max(1, *(len(value.encode("ascii", "replace")) for value in values))
    return fits.Column(name, f"{width}A", array=[value.encode("ascii", "replace").decode() for value in values])


def _written(extname: str, kind: str, columns: Sequence[fits.Column], more: Mapping[str, Any]) -> bytes:
    """The table as a gzipped FITS file, the same bytes for the same content."""
    header = fits.Header({"EXTNAME": extname, **_CLASSES, "HDUCLAS1": "INDEX", "HDUCLAS2": kind, **more})
    table = fits.BinTableHDU.from_columns(list(columns), header=header)
    plain = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(plain)
    return gzip.compress(plain.getvalue(), mtime=0)
