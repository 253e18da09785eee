"""Index tables of a GADF data store: which observations it holds, and in which files (GADF 0.3, "Data storage")."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits

from events.tables import Column, table_file
from vo.mjdref import TimeReference

OBS_INDEX, HDU_INDEX = "obs-index.fits.gz", "hdu-index.fits.gz"
_NUMBERS = {
    "RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg", "ZEN_PNT": "deg", "GLON_PNT": "deg",
    "GLAT_PNT": "deg", "TSTART": "s", "TSTOP": "s", "ONTIME": "s", "LIVETIME": "s", "DEADC": "", "RA_OBJ": "deg",
    "DEC_OBJ": "deg", "MUONEFF": "",
}  # fmt: skip
_TEXTS = ("OBS_MODE", "OBJECT", "TELLIST", "TELESCOP", "INSTRUME", "DATE-OBS", "TIME-OBS", "DATE-END", "TIME-END")
_WHOLE = ("N_TELS", "QUALITY", "EVENT_COUNT")
_LOCATION = ("GEOLON", "GEOLAT", "ALTITUDE", "TELESCOP", "INSTRUME", "RADECSYS", "RADESYS", "EQUINOX")


@dataclass(frozen=True, slots=True)
class Listed:
    """An observation of a data store.

    `values` are those of its row in the observation index by GADF's names, TSTART and TSTOP by `reference`; what is
    missing stays empty. `hdus` maps HDU_TYPE to folder, file and name of the HDU, and its HDU_CLASS.
    """

    obs_id: str
    values: Mapping[str, Any]
    reference: TimeReference | None
    hdus: Mapping[str, tuple[str, str, str, str]]

    @classmethod
    def from_header(
        cls,
        obs_id: str,
        header: Mapping[str, Any],
        hdus: Mapping[str, tuple[str, str, str, str]],
        **more: Any,
    ) -> Listed:
        """An observation whose row is made of the header of its events, and of `more` where that tells nothing."""
        values = {name: value for name, value in more.items() if value is not None}
        for name in (*_NUMBERS, *_TEXTS, *_WHOLE, *_LOCATION):
            value = header.get(name)
            if value not in (None, "") and not isinstance(value, fits.card.Undefined):
                values[name] = value
        if "ZEN_PNT" not in values and "ALT_PNT" in values:
            values["ZEN_PNT"] = 90.0 - float(values["ALT_PNT"])
        try:
            reference = TimeReference.from_header(header, "EVENTS")
        except ValueError:
            reference = None
        return cls(obs_id, values, reference, hdus)


def obs_index(listed: Sequence[Listed]) -> bytes:
    """The observation index, compressed; the same bytes for the same observations."""
    reference = next((one.reference for one in listed if one.reference is not None), None)
    keys: dict[str, Any] = {"HDUCLAS2": "OBS"}
    if reference is not None:
        keys |= {"MJDREFI": int(reference.day), "MJDREFF": reference.fraction}
        keys |= {"TIMEUNIT": "s", "TIMESYS": reference.scale.upper(), "TIMEREF": "LOCAL"}
    for name in _LOCATION:
        values = {one.values.get(name) for one in listed}
        if len(values) == 1 and None not in values:
            keys[name] = values.pop()
    columns = [_obs_ids([one.obs_id for one in listed])]
    for name, unit in _NUMBERS.items():
        numbers = np.array([_number(one, name, reference) for one in listed], dtype=np.float64)
        if name in ("RA_PNT", "DEC_PNT", "TSTART", "TSTOP") or not np.isnan(numbers).all():
            columns.append(Column(name, numbers, unit))
    for name in _WHOLE:
        missing = -1
        whole = [_whole(one.values.get(name), missing) for one in listed]
        if any(value != missing for value in whole):
            columns.append(Column(name, np.array(whole, dtype=np.int64)))
    for name in _TEXTS:
        texts = [str(one.values.get(name, "")).strip() for one in listed]
        if name == "OBS_MODE" or any(texts):
            columns.append(_text(name, texts))
    return _packed(columns, keys, "OBS_INDEX")


def hdu_index(listed: Sequence[Listed]) -> bytes:
    """The HDU index, compressed; the same bytes for the same observations."""
    rows = [(one.obs_id, kind, *place) for one in listed for kind, place in one.hdus.items()]
    names = ("HDU_TYPE", "FILE_DIR", "FILE_NAME", "HDU_NAME", "HDU_CLASS")
    columns = [_obs_ids([row[0] for row in rows])]
    columns += [_text(name, [row[n] for row in rows]) for n, name in enumerate(names, 1)]
    return _packed(columns, {"HDUCLAS2": "HDU"}, "HDU_INDEX")


def _obs_ids(obs_ids: Sequence[str]) -> Column:
    """GADF's OBS_ID is a number; where archives use words, words."""
    if all(obs_id.isascii() and obs_id.isdecimal() and len(obs_id) < 19 for obs_id in obs_ids):
        return Column("OBS_ID", np.array([int(obs_id) for obs_id in obs_ids], dtype=np.int64))
    return _text("OBS_ID", obs_ids)


def _text(name: str, values: Sequence[str]) -> Column:
    return Column(name, np.array([value.encode("ascii", "replace") for value in values] or [b""], "S")[: len(values)])


def _whole(value: Any, missing: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return missing


def _number(one: Listed, name: str, reference: TimeReference | None) -> float:
    value = one.values.get(name, math.nan)
    if not isinstance(value, float):
        try:
            value = float(value)
        except (TypeError, ValueError):
            return math.nan
    if name in ("TSTART", "TSTOP") and one.reference is not None and reference is not None and math.isfinite(value):
        if one.reference != reference:
            return float(reference.values(one.reference.time(value))) * reference.seconds_a_unit
        return value * reference.seconds_a_unit
    return value


def _packed(columns: Sequence[Column], keys: dict[str, Any], name: str) -> bytes:
    keys |= {"HDUCLASS": "GADF", "HDUVERS": "0.3", "HDUCLAS1": "INDEX"}
    keys["HDUDOC"] = "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as stream:
        stream.write(table_file(columns, keys, name))
    return packed.getvalue()
