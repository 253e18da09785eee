"""Event lists made by hand for distillation: many kinds of columns, places on the sky and ways to count time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.time import Time

from events.sources import Source
from tests.archive import samples
from vo.mjdref import TimeReference

EVERYWHERE = {"events": "EVENTS", "gti": "GTI"}
BUNDLE = {**EVERYWHERE, "aeff": "AEFF", "edisp": "EDISP", "psf": "PSF", "bkg": "BKG"}
CLASSES = {
    "events": "events", "gti": "gti", "aeff": "aeff_2d", "edisp": "edisp_2d", "psf": "psf_3gauss", "bkg": "bkg_2d",
}  # fmt: skip


def source(path: Path, obs_id: str = "42", hdus: Mapping[str, str] = EVERYWHERE, **more: Any) -> Source:
    """A file as a source, without an archive."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    classes = {kind: CLASSES[kind] for kind in hdus}
    return Source(f"ivo://example/test?{obs_id}", obs_id, path, digest, hdus, classes, **more)


@dataclass(frozen=True)
class EventList:
    """A file of events, and what NumPy and astropy read from it."""

    source: Source
    rows: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    energy: np.ndarray
    tev: float
    time: np.ndarray
    utc: Time
    types: np.ndarray | None

    @classmethod
    def read(cls, path: Path) -> EventList:
        with fits.open(path, memmap=False) as hdus:
            table = hdus["EVENTS"]
            info = table.fileinfo()
            size = table.header["NAXIS1"] * table.header["NAXIS2"]
            raw = path.read_bytes()[info["datLoc"] : info["datLoc"] + size]
            data = table.data
            reference = TimeReference.from_header(table.header, "EVENTS")
            return cls(
                source(path),
                np.frombuffer(raw, f"V{table.header['NAXIS1']}"),
                *(np.array(data[name]).astype(data[name].dtype.newbyteorder("=")) for name in ("RA", "DEC", "ENERGY")),
                {"TeV": 1.0, "MeV": 1e6}[table.columns["ENERGY"].unit],
                np.array(data["TIME"], dtype=float),
                reference.time(np.array(data["TIME"], dtype=float)).utc,
                np.array(data["EVENT_TYPE"]) if "EVENT_TYPE" in data.names else None,
            )


def _positions(rng: np.random.Generator, count: int, ra: float, dec: float, spread: float) -> tuple[Any, Any]:
    """Directions around one, by rotation, so that poles and RA 0 are nothing special."""
    offset, angle = np.radians(np.abs(rng.normal(0, spread, count))), rng.uniform(0, 2 * np.pi, count)
    x, y, z = np.sin(offset) * np.cos(angle), np.sin(offset) * np.sin(angle), np.cos(offset)
    tilt = np.radians(90 - dec)
    x, z = x * np.cos(tilt) + z * np.sin(tilt), z * np.cos(tilt) - x * np.sin(tilt)
    return (np.degrees(np.arctan2(y, x)) + ra) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))


def tevatron(path: Path) -> Path:
    """Near RA 0, single precision, TT, some positions exactly at 0 and energies exactly at 1 TeV; three blocks."""
    rng = np.random.default_rng(1)
    ra, dec = _positions(rng, 5000, 0.3, 22.0, 1.5)
    energy = (0.3 * (1 + rng.pareto(1.6, 5000))).astype("f4")
    ra[:20], energy[10:40] = 0.0, 1.0
    columns = {
        "EVENT_ID": ("K", None, np.arange(5000)),
        "TIME": ("D", "s", np.linspace(1001, 1999, 5000)),
        "RA": ("E", "deg", ra),
        "DEC": ("E", "deg", dec),
        "ENERGY": ("E", "TeV", energy),
    }
    return _write(path, columns)


def polar(path: Path) -> Path:
    """Around the north pole, RA in -180 to 180, MeV, UTC over a leap second, a bit field, a vector, a scaled column."""
    rng = np.random.default_rng(2)
    ra, dec = _positions(rng, 3000, 77.0, 89.5, 1.0)
    dec[:5] = 90.0
    columns = {
        "ENERGY": ("E", "MeV", 1e4 * (1 + rng.pareto(1.2, 3000))),
        "RA": ("E", "deg", (ra + 180) % 360 - 180),
        "DEC": ("E", "deg", dec),
        "TIME": ("D", "s", np.sort(rng.uniform(0, 4000, 3000))),
        "EVENT_TYPE": ("32X", None, rng.random((3000, 32)) < 0.1),
        "CALIB": ("3I", None, rng.integers(-9, 9, (3000, 3))),
        "EVENT_ID": ("J", None, np.arange(3000, dtype="u4") + 2**31),
        "LABEL": ("5A", None, np.array(["a", "bc"] * 1500)),
    }
    # 2016-12-31T23:30 UTC: the leap second comes half an hour later.
    changes = {"MJDREFI": 57753, "MJDREFF": 0.9791666666666666, "TIMESYS": "UTC", "TSTART": 0.0, "TSTOP": 4000.0}
    return _write(path, columns, start=(0.0, 900.0, 2500.0), stop=(1000.0, 2000.0, 4000.0), **changes)


def whole_sky(path: Path) -> Path:
    """Everywhere, double precision, TDB in days, some values not numbers, and integer types."""
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 4500), np.degrees(np.arcsin(rng.uniform(-1, 1, 4500)))
    energy = 0.05 * (1 + rng.pareto(1.0, 4500))
    ra[7], energy[8], dec[9] = np.nan, np.nan, -90.0
    columns = {
        "TIME": ("D", "d", rng.uniform(0, 3, 4500)),
        "RA": ("D", "deg", ra),
        "DEC": ("D", "deg", dec),
        "ENERGY": ("D", "TeV", energy),
        "EVENT_TYPE": ("I", None, rng.integers(0, 4, 4500)),
    }
    changes = {"TIMESYS": "tdb", "TIMEUNIT": "d", "TSTART": 0.0, "TSTOP": 3.0, "ONTIME": 259200.0}
    return _write(path, columns, start=(0.0, 1.0), stop=(1.5, 3.0), **changes)


def _write(
    path: Path,
    columns: Mapping[str, Any],
    *,
    start: Any = (1000.0, 1500.0),
    stop: Any = (1400.0, 2000.0),
    **changes: Any,
) -> Path:
    made = [fits.Column(n, f, u, array=a, bzero=2**31 if f == "J" else None) for n, (f, u, a) in columns.items()]
    header = samples._header(samples.EVENTS, changes)
    table = fits.BinTableHDU.from_columns(made, header=header)
    table.header["HISTORY"] = "made by hand"
    times = {key: value for key, value in changes.items() if key in samples.TIME}
    return samples.write(path, table, samples.gti(start, stop, **times))


def background(**changes: Any) -> fits.BinTableHDU:
    """A background model that falls with energy and offset (BKG_2D), 30 energies and 6 offsets."""
    edges = np.linspace(0, 3, 7)
    energy = np.sqrt(samples.ENERGY_EDGES[1:] * samples.ENERGY_EDGES[:-1])
    theta = (edges[1:] + edges[:-1]) / 2
    rate = 1e-5 * energy[None, :] ** -2.7 * np.exp(-(theta[:, None] ** 2) / 4)
    columns = [
        *samples._axis("ENERG", samples.ENERGY_EDGES, "TeV"),
        *samples._axis("THETA", edges, "deg"),
        fits.Column("BKG", "180E", "s-1 MeV-1 sr-1", dim="(30,6)", array=[rate.ravel()]),
    ]
    return samples._response("BKG", "BKG_2D", columns, **{"EXTNAME": "BKG", **changes})


def bundle(path: Path, **changes: Any) -> Path:
    """A whole event bundle of 50 events: responses, and an HDU that nobody knows."""
    unknown = fits.ImageHDU(np.arange(12.0).reshape(3, 4), name="NOTES")
    return samples.write(
        path,
        samples.events(**changes),
        samples.gti(),
        samples.aeff(),
        samples.edisp(),
        samples.psf(),
        background(),
        unknown,
    )
