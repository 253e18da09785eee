"""An event list as ADQL can ask for it (GADF 0.3, "EVENTS"; times as ObsCore has them), and as previews show it."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from archive.readers.events import Events
from archive.readers.fitsfile import table_data
from archive.readers.mjdref import utc_mjd
from archive.readers.records import EventColumns, Refused
from archive.readers.sketches import EventSketch

_BITS = 63
"""Most bits of EVENT_TYPE; GADF has 32."""


def event_columns(hdu: fits.BinTableHDU, events: Events) -> EventColumns:
    """The events of an HDU whose values have been checked (`read_columns`).

    `Refused` if EVENT_ID is not made of integers.
    """
    data = table_data(hdu, "EVENTS")
    names = {name.upper(): name for name in data.names}
    identifiers = np.asarray(data[names["EVENT_ID"]])
    if identifiers.dtype.kind not in "iu" and np.any(identifiers != np.rint(identifiers)):
        raise Refused("column EVENT_ID of EVENTS has values that are no integers")
    types = data[names["EVENT_TYPE"]] if "EVENT_TYPE" in names else None
    return EventColumns(
        event_id=identifiers.astype(np.int64),
        mjd=utc_mjd(events.reference.time(events.time)) if events.count else np.empty(0),
        # Not all modulo 360: it would change the last digit of what is in range.
        ra=np.where((events.ra < 0) | (events.ra > 360), events.ra % 360.0, events.ra),
        dec=events.dec,
        energy=events.energy,
        event_type=None if types is None else _bits(np.asarray(types)),
    )


def sketch(listed: EventColumns, centre: tuple[float, float] | None) -> EventSketch:
    """Events in the plane that touches the sky at a centre (deg), at their median where there is none.

    Those more than 60 deg away from it are not in the plane.
    """
    if centre is None:
        centre = (float(np.median(listed.ra)), float(np.median(listed.dec))) if listed.ra.size else (0.0, 0.0)
    delta, north, dec_0 = np.radians(listed.ra - centre[0]), np.radians(listed.dec), np.radians(centre[1])
    cosine = np.sin(dec_0) * np.sin(north) + np.cos(dec_0) * np.cos(north) * np.cos(delta)
    seen = cosine > 0.5
    x = np.degrees(np.cos(north) * np.sin(delta))[seen] / cosine[seen]
    y = np.degrees(np.cos(dec_0) * np.sin(north) - np.sin(dec_0) * np.cos(north) * np.cos(delta))[seen] / cosine[seen]
    return EventSketch(x, y, listed.energy, listed.mjd)


def _bits(types: np.ndarray) -> np.ndarray | None:
    """EVENT_TYPE as integers, None for what is neither a bit field (32X) nor a number.

    The last bit of a field counts 1, as in the photon lists of Fermi-LAT, where 1 is FRONT and 2 is BACK.
    """
    if types.dtype.kind == "b" and types.ndim == 2 and types.shape[1] <= _BITS:
        return types @ (1 << np.arange(types.shape[1], dtype=np.int64)[::-1])
    if types.dtype.kind in "iu" and types.ndim == 1:
        return types.astype(np.int64)
    return None
