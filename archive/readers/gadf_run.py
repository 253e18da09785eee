"""What the observation index of GADF 0.3 tells of a run, from the EVENTS header and, failing that, from an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astropy.io import fits

from archive.readers.events import number, text
from archive.readers.mjdref import TimeReference
from archive.readers.records import PointedRun


def pointed_run(header: fits.Header, hints: Mapping[str, Any], reference: TimeReference) -> PointedRun:
    """`header` has TSTART and TSTOP; `hints` are the run's row of an observation index, empty if there is none.

    The place of the telescopes is taken from GEOLON, GEOLAT and ALTITUDE, or from OBSGEO-L, OBSGEO-B and OBSGEO-H
    (gadf.md GA-05).
    """

    def either(key: str) -> float | None:
        value = number(header, key)
        return number(hints, key) if value is None else value

    def place(key: str, other: str) -> float | None:
        value = number(header, key)
        return number(header, other) if value is None else value

    unit = reference.seconds_a_unit
    altitude, telescopes = either("ALT_PNT"), either("N_TELS")
    if altitude is None and (zenith := number(hints, "ZEN_PNT")) is not None:
        altitude = 90.0 - zenith
    return PointedRun(
        tstart=(number(header, "TSTART") or 0.0) * unit,
        tstop=(number(header, "TSTOP") or 0.0) * unit,
        mjdrefi=int(reference.day),
        mjdreff=reference.fraction + (reference.day - int(reference.day)),
        timesys=reference.scale.upper(),
        alt_pnt=altitude,
        az_pnt=either("AZ_PNT"),
        deadc=either("DEADC"),
        n_tels=int(telescopes) if telescopes else None,
        tellist=(text(header, "TELLIST") or text(hints, "TELLIST"))[:255],
        geolon=place("GEOLON", "OBSGEO-L"),
        geolat=place("GEOLAT", "OBSGEO-B"),
        altitude=place("ALTITUDE", "OBSGEO-H"),
    )
