"""Small GADF files made by hand, to be broken one way at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

TIME = {"MJDREFI": 51910, "MJDREFF": 0.000742870370370241, "TIMEUNIT": "s", "TIMESYS": "TT", "TIMEREF": "LOCAL"}
EVENTS = {
    "EXTNAME": "EVENTS", "HDUCLASS": "GADF", "HDUDOC": "https://example.org", "HDUVERS": "0.3", "HDUCLAS1": "EVENTS",
    "OBS_ID": 42, "TSTART": 1000.0, "TSTOP": 2000.0, "ONTIME": 900.0, "LIVETIME": 810.0, "DEADC": 0.9,
    "OBS_MODE": "POINTING", "RA_PNT": 83.63, "DEC_PNT": 22.51, "RA_OBJ": 83.63, "DEC_OBJ": 22.01,
    "OBJECT": "Crab Nebula",
    "EQUINOX": 2000.0, "RADECSYS": "ICRS", "ORIGIN": "Example Collaboration", "TELESCOP": "EX", "INSTRUME": "Example I",
    "CREATOR": "hand", "GEOLON": 16.5, "GEOLAT": -23.3, "ALTITUDE": 1835.0, "ALT_PNT": 60.0, "AZ_PNT": 10.0,
    "N_TELS": 4,
    **TIME,
}  # fmt: skip


def _header(values: Mapping[str, Any], changes: Mapping[str, Any]) -> fits.Header:
    merged = {**values, **changes}
    return fits.Header([(key, value) for key, value in merged.items() if value is not None])


def events(columns: Mapping[str, Any] | None = None, **changes: Any) -> fits.BinTableHDU:
    """An EVENTS table of 50 events; `columns` and header keywords are replaced, or left out by None."""
    rng = np.random.default_rng(7)
    table = {
        "EVENT_ID": ("K", None, np.arange(50)),
        "TIME": ("D", "s", np.linspace(1001, 1999, 50)),
        "RA": ("E", "deg", 83.63 + rng.normal(0, 0.5, 50)),
        "DEC": ("E", "deg", 22.51 + rng.normal(0, 0.5, 50)),
        "ENERGY": ("E", "TeV", 0.3 * (1 + rng.pareto(1.6, 50))),
    }
    for name, values in (columns or {}).items():
        if values is None:
            del table[name]
        else:
            table[name] = (*table[name][:2], values)
    made = [fits.Column(n, f, u, array=a) for n, (f, u, a) in table.items()]
    return fits.BinTableHDU.from_columns(made, header=_header(EVENTS, changes))


def gti(start: Any = (1000.0, 1500.0), stop: Any = (1400.0, 2000.0), **changes: Any) -> fits.BinTableHDU:
    columns = [
        fits.Column("START", "D", "s", array=np.array(start)),
        fits.Column("STOP", "D", "s", array=np.array(stop)),
    ]
    base = {"EXTNAME": "GTI", "HDUCLASS": "GADF", "HDUVERS": "0.3", "HDUCLAS1": "GTI", **TIME}
    return fits.BinTableHDU.from_columns(columns, header=_header(base, changes))


def _axis(name: str, edges: np.ndarray, unit: str) -> list[fits.Column]:
    size = len(edges) - 1
    return [
        fits.Column(f"{name}_{end}", f"{size}E", unit, array=[values])
        for end, values in (("LO", edges[:-1]), ("HI", edges[1:]))
    ]


ENERGY_EDGES = np.logspace(-1, 2, 31)
THETA_EDGES = np.array([0.0, 1.0, 2.0, 3.0])


def _response(kind: str, hdu_class: str, columns: list[fits.Column], **changes: Any) -> fits.BinTableHDU:
    base = {
        "HDUCLASS": "GADF", "HDUVERS": "0.3", "HDUCLAS1": "RESPONSE", "HDUCLAS2": kind, "HDUCLAS3": "FULL-ENCLOSURE",
        "HDUCLAS4": hdu_class,
    }  # fmt: skip
    return fits.BinTableHDU.from_columns(columns, header=_header(base, changes))


def aeff(**changes: Any) -> fits.BinTableHDU:
    """Effective area: zero below 0.2 TeV; LO_THRES 0.5 TeV."""
    area = np.tile(np.where(ENERGY_EDGES[:-1] < 0.199, 0.0, 1e5), 3)
    column = fits.Column("EFFAREA", "90E", "m2", dim="(30,3)", array=[area])
    columns = [*_axis("ENERG", ENERGY_EDGES, "TeV"), *_axis("THETA", THETA_EDGES, "deg"), column]
    return _response(
        "EFF_AREA", "AEFF_2D", columns, **{"EXTNAME": "AEFF", "LO_THRES": 0.5, "HI_THRES": 80.0, **changes}
    )


def edisp(sigma: float = 0.1, **changes: Any) -> fits.BinTableHDU:
    """Energy dispersion: a Gaussian around 1 of that width."""
    edges = np.linspace(0.2, 1.8, 161)
    centres = (edges[1:] + edges[:-1]) / 2
    curve = np.exp(-0.5 * ((centres - 1) / sigma) ** 2)
    matrix = np.broadcast_to(curve[None, :, None], (3, 160, 30)).ravel()
    column = fits.Column("MATRIX", f"{matrix.size}E", dim="(30,160,3)", array=[matrix])
    columns = [
        *_axis("ENERG", ENERGY_EDGES, "TeV"),
        *_axis("MIGRA", edges, ""),
        *_axis("THETA", THETA_EDGES, "deg"),
        column,
    ]
    return _response("EDISP", "EDISP_2D", columns, **{"EXTNAME": "EDISP", **changes})


def psf(sigma: float = 0.05, **changes: Any) -> fits.BinTableHDU:
    """Point spread function: one Gaussian of that width (deg) as PSF_3GAUSS."""
    columns = [*_axis("ENERG", ENERGY_EDGES, "TeV"), *_axis("THETA", THETA_EDGES, "deg")]
    for name, value in (
        ("SCALE", 1.0),
        ("SIGMA_1", sigma),
        ("AMPL_2", 0.0),
        ("SIGMA_2", 0.0),
        ("AMPL_3", 0.0),
        ("SIGMA_3", 0.0),
    ):
        columns.append(fits.Column(name, "90E", dim="(30,3)", array=[np.full(90, value)]))
    return _response("RPSF", "PSF_3GAUSS", columns, **{"EXTNAME": "PSF", **changes})


def write(path: Path, *hdus: fits.BinTableHDU) -> Path:
    """A FITS file of these tables; a whole event bundle if none are given."""
    chosen = hdus or (events(), gti(), aeff(), edisp(), psf())
    fits.HDUList([fits.PrimaryHDU(), *chosen]).writeto(path, overwrite=True)
    return path
