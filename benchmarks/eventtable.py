"""ADQL over many simulated events: how long queries of `gadf.events` take, beside a count of all its rows.

    python -m benchmarks.eventtable [--events 10000000] [--database postgresql] [--run 20000] [--positions 1000]

Makes a database of its own, fills it as ingest does, compares every count with NumPy's on the same events, and removes
it. Each query is run twice, the second time is told (`first` is the other one): with PostgreSQL's own defaults, what
does not fit into 128 MiB comes from the system's cache. The bound of a selective query is its share of the rows.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vo.regions import BOUNDARY, Polygon, separation, signed_distance

FIELDS, RADIUS, FIRST_NIGHT = 300, 2.5, 59_000.0
CENTRE = (83.63, 22.01)
POLYGON = Polygon(((83.0, 21.5), (84.0, 21.5), (84.0, 22.5), (83.0, 22.5)))
CHUNK = 100
"""Runs that are made between two commits."""
Select = Callable[[Any], Any]


@dataclass
class Case:
    """A query, and which events it counts (as a mask); `counted` is what NumPy found."""

    name: str
    adql: str
    mask: Select
    counted: int = 0


def near(radius: float) -> Select:
    return lambda e: separation(e.ra, e.dec, *CENTRE) <= radius


def cases() -> list[Case]:
    circle = "1 = CONTAINS(POINT(ra, dec), CIRCLE(83.63, 22.01, {}))".format
    night = f"mjd BETWEEN {FIRST_NIGHT + 3} AND {FIRST_NIGHT + 4}"
    count = "SELECT COUNT(*) AS n FROM gadf.events"

    def crab(events: Any) -> Any:
        return near(0.5)(events) & (events.energy > 1)

    def inside(events: Any) -> Any:
        # On the other side of the sky the polygon would be another one.
        found = near(2)(events)
        found[found] = signed_distance(POLYGON, events.ra[found], events.dec[found]) <= BOUNDARY
        return found

    return [
        Case("all rows", count, lambda e: np.ones(e.ra.size, bool)),
        Case(
            "0.5 deg and > 1 TeV",
            f"{count} WHERE {circle(0.5)} AND energy > 1",
            lambda e: near(0.5)(e) & (e.energy > 1),
        ),
        Case(
            "the same by run",
            f"SELECT obs_id, COUNT(*) AS n FROM gadf.events WHERE {circle(0.5)} AND energy > 1 GROUP BY obs_id",
            crab,
        ),
        Case("0.05 deg", f"{count} WHERE {circle(0.05)}", near(0.05)),
        Case("10 deg", f"{count} WHERE {circle(10)}", near(10)),
        Case(
            "polygon of 1 deg",
            f"{count} WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON(83, 21.5, 84, 21.5, 84, 22.5, 83, 22.5))",
            inside,
        ),
        Case("one night", f"{count} WHERE {night}", lambda e: (e.mjd >= FIRST_NIGHT + 3) & (e.mjd <= FIRST_NIGHT + 4)),
        Case("one run", f"{count} WHERE obs_id = '17'", lambda e: np.full(e.ra.size, e.number == 17)),
        Case("> 100 TeV", f"{count} WHERE energy > 100", lambda e: e.energy > 100),
        Case(
            "energy histogram of all",
            "SELECT FLOOR(10 * LOG10(energy)) AS b, COUNT(*) AS n FROM gadf.events GROUP BY FLOOR(10 * LOG10(energy))",
            lambda e: np.ones(e.ra.size, bool),
        ),
        Case(
            "counts of every run",
            "SELECT obs_id, COUNT(*) AS n FROM gadf.events GROUP BY obs_id",
            lambda e: np.ones(e.ra.size, bool),
        ),
        Case(
            "joined with ivoa.obscore",
            "SELECT COUNT(*) AS n FROM gadf.events NATURAL JOIN ivoa.obscore WHERE target_name = 'field 7'",
            lambda e: np.full(e.ra.size, e.number % FIELDS == 7),
        ),
    ]


class Sky:
    """The simulated runs: pointed at one of many fields in turn, one field at the Crab Nebula; seeded."""

    def __init__(self, size: int) -> None:
        self.size = size
        rng = np.random.default_rng(1)
        self.lon = rng.uniform(0, 360, FIELDS)
        self.lat = np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, FIELDS)))
        self.lon[0], self.lat[0] = CENTRE

    def events(self, number: int) -> Any:
        from archive.readers.records import EventColumns

        rng = np.random.default_rng((2, number))
        field, size = number % FIELDS, self.size
        offset, turn = RADIUS * np.sqrt(rng.random(size)) * rng.random(size) ** 0.3, rng.uniform(0, 2 * np.pi, size)
        dec = self.lat[field] + offset * np.sin(turn)
        ra = (self.lon[field] + offset * np.cos(turn) / np.cos(np.radians(dec))) % 360
        start = FIRST_NIGHT + number // 20 + (number % 20) * 0.02
        made = EventColumns(
            event_id=np.arange(size, dtype=np.int64),
            mjd=start + np.sort(rng.random(size)) * 0.0194,
            ra=ra.astype(np.float32).astype(float),
            dec=dec.astype(np.float32).astype(float),
            energy=(0.3 * (1 + rng.pareto(1.7, size))).astype(np.float32).astype(float),
        )
        return made


def fill(sky: Sky, runs: int, asked: list[Case]) -> float:
    """Write all runs; seconds that the writing took alone."""
    from django.db import connection, transaction

    from archive.eventtable.loading import load
    from archive.models import Collection, ObsCore, Product, Release

    release = Release.objects.create(collection=Collection.objects.create(name="simulated"), name="r1")
    took = 0.0
    for first in range(0, runs, CHUNK):
        with transaction.atomic():
            for number in range(first, min(first + CHUNK, runs)):
                events = sky.events(number)
                for case in asked:
                    numbered = _Numbered(number, events)
                    case.counted += int(np.count_nonzero(case.mask(numbered)))
                began = time.perf_counter()
                did = f"ivo://distiller.example/simulated?r1/{number}"
                product = Product.objects.create(did=did, release=release, subtype="event-list")
                row = ObsCore.objects.create(
                    product=product, did_encoded=did, obs_publisher_did=did, obs_id=str(number), calib_level=2,
                    obs_collection="simulated", dataproduct_type="event", target_name=f"field {number % FIELDS}",
                    s_ra=sky.lon[number % FIELDS], s_dec=sky.lat[number % FIELDS],
                )  # fmt: skip
                load(row, events)
                took += time.perf_counter() - began
        print(f"\r{first + CHUNK} of {runs} runs", end="", file=sys.stderr)
    print(file=sys.stderr)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "SELECT 1")
    return took


@dataclass
class _Numbered:
    """Events with the number of their run, for the masks."""

    number: int
    events: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.events, name)


def sizes() -> Iterator[str]:
    """What the tables and their indexes take of the disk."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield f"{Path(str(connection.settings_dict['NAME'])).stat().st_size / 2**20:.0f} MiB in all"
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) / 1048576.0 FROM pg_class WHERE relname LIKE 'gadf_event%' "
            "AND relkind IN ('r', 'i') ORDER BY relname"
        )
        for name, size in cursor.fetchall():
            yield f"{name} {size:.1f} MiB"


def ask(adql: str, upload: bytes | None = None) -> tuple[int, float]:
    """Sum of the column n of the answer, and seconds."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    data: dict[str, Any] = {"LANG": "ADQL", "QUERY": adql, "FORMAT": "csv", "MAXREC": "1000000"}
    if upload is not None:
        data |= {"UPLOAD": "mine,param:table", "table": SimpleUploadedFile("table.csv", upload, "text/csv")}
    began = time.perf_counter()
    response = Client().post("/tap/sync", data)
    text = response.getvalue().decode()
    took = time.perf_counter() - began
    assert response.status_code == 200, text
    return sum(int(row["n"]) for row in csv.DictReader(io.StringIO(text))), took


def measure(runs: int, size: int, positions: int) -> None:
    sky, asked = Sky(size), cases()
    took = fill(sky, runs, asked)
    total = runs * size
    print(f"{total} events in {runs} runs: {took:.0f} s to write, {took / total * 1e5:.2f} s for 100 000 events")
    print(", ".join(sizes()))
    whole = 0.0
    for case in asked:
        _, first = ask(case.adql)
        found, again = ask(case.adql)
        whole = whole or again
        share = f"{found / total:9.2%} of the rows" if found == case.counted else f"WRONG: NumPy {case.counted}"
        print(f"{case.name:<28} {again:8.3f} s (first {first:8.3f} s) {again / whole:7.3f} of all rows' count  {share}")
    rng = np.random.default_rng(3)
    field = rng.integers(FIELDS, size=positions)
    lon, lat = (sky.lon[field] + rng.normal(0, 0.5, positions)) % 360, sky.lat[field] + rng.normal(0, 0.5, positions)
    table = "lon,lat\n" + "\n".join(f"{a!r},{b!r}" for a, b in zip(lon.tolist(), lat.tolist(), strict=True)) + "\n"
    join = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine JOIN gadf.events ON DISTANCE(ra, dec, lon, lat) < 0.02"
    found, took = ask(join, table.encode())
    print(f"{positions} uploaded positions within 0.02 deg: {took:.3f} s, {found} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--run", type=int, default=20_000, help="events of a run")
    parser.add_argument("--positions", type=int, default=1000, help="positions that are uploaded")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="distiller-events-") as home:
        os.environ |= {"DISTILLER_HOME": home, "DISTILLER_ALLOWED_HOSTS": "*", "DISTILLER_TAP_TIMEOUT": "3600"}
        if given.database == "postgresql":
            from tests.services import start_postgresql

            url = start_postgresql()
            if url is None:
                sys.exit("PostgreSQL is not installed")
            os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "distiller.settings"
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        import django

        django.setup()
        measure(given.events // given.run, given.run, given.positions)


if __name__ == "__main__":
    main()
