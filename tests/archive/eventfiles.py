"""The events of data stores as astropy reads them, and counts of them in NumPy beside those of ADQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.time import Time

from tap.registry import ANONYMOUS, QueryContext
from tap.service import prepare
from vo.regions import separation

CONTEXT = QueryContext(ANONYMOUS, "http://127.0.0.1:8000")


def ask(adql: str) -> list[tuple[Any, ...]]:
    with prepare(adql, CONTEXT).run() as batches:
        return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def selections(ra: float, dec: float, mjd: float) -> list[tuple[str, Callable[[dict[str, np.ndarray]], np.ndarray]]]:
    """Conditions in ADQL and in NumPy, around a pointing."""

    def apart(e: dict[str, np.ndarray]) -> np.ndarray:
        return separation(e["RA"], e["DEC"], ra, dec)

    circle = f"1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, {{}}))"
    return [
        ("energy > 0", lambda e: e["ENERGY"] > 0),
        (circle.format(0.5) + " AND energy > 1", lambda e: (apart(e) <= 0.5) & (e["ENERGY"] > 1)),
        (circle.format(2.5), lambda e: apart(e) <= 2.5),
        (circle.format(0), lambda e: apart(e) <= 0),
        (f"DISTANCE(ra, dec, {ra!r}, {dec!r}) < 1 AND energy <= 0.5", lambda e: (apart(e) < 1) & (e["ENERGY"] <= 0.5)),
        (f"DISTANCE(ra, dec, {ra!r}, {dec!r}) > 1", lambda e: apart(e) > 1),
        (f"mjd < {mjd!r} AND energy BETWEEN 0.3 AND 3", lambda e: (e["MJD"] < mjd) & (e["ENERGY"] >= 0.3)
         & (e["ENERGY"] <= 3)),
        ("energy > 1e6", lambda e: e["ENERGY"] > 1e6),
    ]  # fmt: skip


def event_files(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """The events of all runs of a data store, by run, read with astropy."""
    runs = {}
    for path in sorted(folder.rglob("*.fits*")):
        with fits.open(path) as hdus:
            for hdu in hdus:
                if hdu.header.get("HDUCLAS1") == "EVENTS":
                    header, data = hdu.header, hdu.data
                    read = {name: np.asarray(data[name], float) for name in ("RA", "DEC", "ENERGY")}
                    read["MJD"] = Time(
                        header["MJDREFI"], header["MJDREFF"] + data["TIME"] / 86400, format="mjd",
                        scale=header["TIMESYS"].lower(),
                    ).utc.mjd  # fmt: skip
                    read["POINTING"] = np.array([header["RA_PNT"], header["DEC_PNT"]], float)
                    runs[str(header["OBS_ID"]).lstrip("0")] = read
    return runs


def compare_counts(folder: Path, collection: str, step: int) -> None:
    """Counts by run of selections around the pointings of some runs are NumPy's."""
    runs = event_files(folder)
    for centre in list(runs)[::step]:
        pointing, mjd = runs[centre]["POINTING"], float(np.median(runs[centre]["MJD"]))
        for condition, mask in selections(float(pointing[0]), float(pointing[1]), mjd):
            counted = {run: int(np.count_nonzero(mask(events))) for run, events in runs.items()}
            found = ask(
                "SELECT obs_id, COUNT(*) FROM gadf.events NATURAL JOIN ivoa.obscore "
                f"WHERE obs_collection = '{collection}' AND {condition} GROUP BY obs_id"
            )
            assert dict(found) == {run: number for run, number in counted.items() if number}, condition
