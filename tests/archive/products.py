"""Small files of other formats than GADF events, made by hand, to be broken one way at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

LAT_TIME = {"MJDREFI": 51910.0, "MJDREFF": 0.00074287037037037, "TIMESYS": "TT", "TIMEUNIT": "s", "TIMEZERO": 0.0}
CHANNELS = 50
KEV = np.linspace(0.5, 10.5, CHANNELS + 1)


def table(name: str, columns: Mapping[str, tuple[str, str | None, Any]], **header: Any) -> fits.BinTableHDU:
    """A table of columns (format, unit, values) with header keywords; those that are None are left out."""
    made = [fits.Column(n, f, u, array=np.asarray(a)) for n, (f, u, a) in columns.items()]
    cards = fits.Header([(key, value) for key, value in header.items() if value is not None])
    return fits.BinTableHDU.from_columns(made, header=cards, name=name)


def changed(
    columns: Mapping[str, tuple[str, str | None, Any]], changes: Mapping[str, Any]
) -> dict[str, tuple[str, str | None, Any]]:
    """Columns with other values, or a whole other (format, unit, values); those that are None are left out."""
    merged: dict[str, Any] = {**columns, **changes}
    return {
        n: v if isinstance(v, tuple) else (*columns[n][:2], v) for n, v in merged.items() if v is not None
    }  # fmt: skip


def write(path: Path, *hdus: fits.BinTableHDU, **primary: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header([(key, value) for key, value in primary.items() if value is not None])
    fits.HDUList([fits.PrimaryHDU(header=header), *hdus]).writeto(path, overwrite=True)
    return path


# --- OGIP ---


def pha(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    """A counts spectrum of 50 channels, 1000 s, names its background and responses."""
    counts = np.round(200 * np.exp(-np.arange(CHANNELS) / 15)).astype(int)
    base = {
        "CHANNEL": ("I", None, np.arange(CHANNELS)),
        "COUNTS": ("J", "count", counts),
        "QUALITY": ("I", None, np.r_[np.ones(5, int), np.zeros(CHANNELS - 5, int)]),
    }
    keys = {
        "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL", "HDUCLAS4": "TYPE:I", "TELESCOP": "EX",
        "INSTRUME": "CAM", "DETCHANS": CHANNELS, "EXPOSURE": 1000.0, "BACKSCAL": 1.0, "AREASCAL": 1.0,
        "BACKFILE": "back.fits", "ANCRFILE": "area.fits", "RESPFILE": "matrix.fits", "OBS_ID": "0123", "OBJECT": "Crab",
        "RA_OBJ": 83.63, "DEC_OBJ": 22.01, "MJDREF": 51544.0, "TIMESYS": "TT", "TIMEUNIT": "s", "TSTART": 1e8,
        "TSTOP": 1e8 + 2000,
    }  # fmt: skip
    return table("SPECTRUM", changed(base, columns or {}), **{**keys, **header})


def bkg(**header: Any) -> fits.BinTableHDU:
    """Its background: ten times the area."""
    keys = {"HDUCLAS2": "BKG", "BACKSCAL": 10.0, "BACKFILE": None, "ANCRFILE": None, "RESPFILE": None}
    return pha({"COUNTS": np.full(CHANNELS, 30), "QUALITY": np.zeros(CHANNELS, int)}, **{**keys, **header})


def arf(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    base = {
        "ENERG_LO": ("E", "keV", KEV[:-1]), "ENERG_HI": ("E", "keV", KEV[1:]),
        "SPECRESP": ("E", "cm2", np.r_[0.0, np.full(CHANNELS - 1, 100.0)]),
    }  # fmt: skip
    keys = {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP", "TELESCOP": "EX", "INSTRUME": "CAM"}
    return table("SPECRESP", changed(base, columns or {}), **{**keys, **header})


def rmf(bounds: Mapping[str, Any] | None = None, **header: Any) -> tuple[fits.BinTableHDU, fits.BinTableHDU]:
    """A diagonal redistribution matrix with its energy bounds."""
    keys = {"HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "TELESCOP": "EX", "INSTRUME": "CAM", "DETCHANS": CHANNELS}
    ones = np.ones(CHANNELS, int)
    matrix = {
        "ENERG_LO": ("E", "keV", KEV[:-1]), "ENERG_HI": ("E", "keV", KEV[1:]), "N_GRP": ("I", None, ones),
        "F_CHAN": ("I", None, np.arange(CHANNELS)), "N_CHAN": ("I", None, ones), "MATRIX": ("E", None, ones),
    }  # fmt: skip
    base = {
        "CHANNEL": ("I", None, np.arange(CHANNELS)), "E_MIN": ("E", "keV", KEV[:-1]), "E_MAX": ("E", "keV", KEV[1:]),
    }  # fmt: skip
    return (
        table("MATRIX", matrix, **{**keys, "HDUCLAS2": "RSP_MATRIX", **header}),
        table("EBOUNDS", changed(base, bounds or {}), **{**keys, "HDUCLAS2": "EBOUNDS", **header}),
    )


def ogip(folder: Path, *spectrum: fits.BinTableHDU) -> Path:
    """A spectrum with background and responses in a folder: src.fits, back.fits, area.fits, matrix.fits."""
    write(folder / "back.fits", bkg())
    write(folder / "area.fits", arf())
    write(folder / "matrix.fits", *rmf())
    return write(folder / "src.fits", *(spectrum or (pha(),)))


# --- light curves, flux points, catalogues ---


def curve(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    """A light curve of INTEGRAL: 20 bins of 0.01 d with a gap after the tenth."""
    time = 8000.0 + 0.01 * np.arange(20) + np.r_[np.zeros(10), np.full(10, 0.5)]
    base = {
        "TIME": ("D", None, time), "RATE": ("E", "count/s", np.linspace(1, 5, 20)),
        "ERROR": ("E", "count/s", np.ones(20)), "FRACEXP": ("E", None, np.full(20, 0.5)),
    }  # fmt: skip
    keys = {
        "TELESCOP": "INTEGRAL", "INSTRUME": "IBIS", "DETNAM": "ISGRI", "MJDREF": 51544.0, "TIMESYS": "TT",
        "TIMEUNIT": "d", "TIMEDEL": 0.01, "TIMEPIXR": 0.5, "DEADC": 0.8, "E_MIN": 20.0, "E_MAX": 80.0, "EUNIT": "keV",
        "RA_OBJ": 288.26, "DEC_OBJ": 19.77, "SOURCEID": "GRB",
    }  # fmt: skip
    return table("ISGR-SRC.-LCR", changed(base, columns or {}), **{**keys, **header})


def flux_points(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    """Five flux points of E^-2 with 1e-11 TeV cm-2 s-1 at 1 TeV, the last one an upper limit."""
    edges = np.logspace(-1, 1.5, 6)
    reference = np.sqrt(edges[1:] * edges[:-1])
    base = {
        "e_ref": ("D", "TeV", reference), "e_min": ("D", "TeV", edges[:-1]), "e_max": ("D", "TeV", edges[1:]),
        **{name: ("D", "TeV-1 s-1 cm-2", value * reference**-2) for name, value in
           (("dnde", 1e-11), ("dnde_err", 1e-12), ("dnde_ul", 2e-11))},
        "is_ul": ("L", None, [False] * 4 + [True]),
    }  # fmt: skip
    return table("FLUXPOINTS", changed(base, columns or {}), **{"SED_TYPE": "dnde", "UL_CONF": 0.95, **header})


def catalogue(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    """Three sources around the Crab Nebula."""
    base = {
        "Source_Name": ("12A", None, ["A", "B", "C"]), "RAJ2000": ("D", "deg", [83.0, 84.0, 83.5]),
        "DEJ2000": ("D", "deg", [22.0, 22.0, 23.0]), "Source_Class": ("6A", None, ["PWN", "PWN", ""]),
    }  # fmt: skip
    return table("SOURCES", changed(base, columns or {}), **{"TELESCOP": "EX", "RADESYS": "ICRS", **header})


# --- Fermi-LAT ---

_SUBSPACE = {
    "NDSKEYS": 3, "DSTYP1": "POS(RA,DEC)", "DSUNI1": "deg", "DSVAL1": "CIRCLE(83.63,22.01,5)",
    "DSTYP2": "ENERGY", "DSUNI2": "MeV", "DSVAL2": "10000:2000000",
    "DSTYP3": "BIT_MASK(EVENT_CLASS,128,P8R3)", "DSUNI3": "DIMENSIONLESS", "DSVAL3": "1:1",
}  # fmt: skip


def photons(columns: Mapping[str, Any] | None = None, **header: Any) -> fits.BinTableHDU:
    """40 photons of the LAT around the Crab Nebula."""
    rng = np.random.default_rng(3)
    base = {
        "ENERGY": ("E", "MeV", 1e4 * (1 + rng.pareto(1.5, 40))), "RA": ("E", "deg", 83.63 + rng.normal(0, 1, 40)),
        "DEC": ("E", "deg", 22.01 + rng.normal(0, 1, 40)), "TIME": ("D", "s", np.linspace(2.4e8, 2.5e8, 40)),
        "EVENT_ID": ("J", None, np.arange(40)),
    }  # fmt: skip
    keys = {
        "TELESCOP": "GLAST", "INSTRUME": "LAT", "HDUCLASS": "OGIP", "HDUCLAS1": "EVENTS", "ORIGIN": "FSSC",
        "TSTART": 2.4e8, "TSTOP": 2.5e8, **LAT_TIME, **_SUBSPACE,
    }  # fmt: skip
    return table("EVENTS", changed(base, columns or {}), **{**keys, **header})


def lat_gti(count: int = 3) -> fits.BinTableHDU:
    start = np.linspace(2.4e8, 2.5e8, count, endpoint=False)
    columns = {"START": ("D", "s", start), "STOP": ("D", "s", start + 1000)}
    return table("GTI", columns, HDUCLASS="OGIP", HDUCLAS1="GTI", **LAT_TIME)


def gtpsf(**header: Any) -> tuple[fits.BinTableHDU, fits.BinTableHDU]:
    """A Gaussian point spread function of 0.1 deg at every energy."""
    theta = np.linspace(0, 1, 300)
    psf = np.tile(np.exp(-0.5 * (theta / 0.1) ** 2), (5, 1))
    columns = {
        "Energy": ("D", None, np.logspace(4, 6.3, 5)), "Exposure": ("D", None, np.ones(5)), "Psf": ("300D", None, psf),
    }  # fmt: skip
    return table("PSF", columns, **header), table("THETA", {"Theta": ("D", None, theta)})


def exposure(**header: Any) -> tuple[fits.BinTableHDU, fits.BinTableHDU]:
    cube = table("HPXEXPOSURES", {"ENERGY1": ("D", None, np.ones(12))}, PIXTYPE="HEALPIX", NSIDE=1, ORDERING="RING")
    for key, value in {**_SUBSPACE, **header}.items():
        cube.header[key] = value
    return cube, table("ENERGIES", {"Energy": ("D", None, [1e4])})
