"""Two generated tables, published for tests: with poles, the meridian, NULLs and awkward texts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, migrations
from django.db.migrations.state import ProjectState

from tap.engine import rolesetup
from tap.geometry.schema import index_operations
from tap.registry import (
    PositionIndex,
    PublishedTable,
    QueryContext,
    RegionIndex,
    Viewer,
    publish,
    publish_schema,
    withdraw,
)
from tap.service import prepare
from vo import regions
from vo.columns import ColumnMeta, SchemaMeta, ServiceDescriptor, TableMeta
from vo.regions import Circle, Polygon

CONTEXT = QueryContext(Viewer(), "http://127.0.0.1:8000")
NAMES = ("Crab", "crab", "Vela X", "RX J1713", "Ångström", "größe", "100%", "a_b", "it's", 'say "hi"', "", "Ωmega")
BOX = ("r_x0", "r_y0", "r_z0", "r_x1", "r_y1", "r_z1")
SKY = TableMeta(
    "test.sky",
    (
        ColumnMeta("obs_id", "int", description="Number", principal=True),
        ColumnMeta("ra", "double", unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension"),
        ColumnMeta("dec", "double", unit="deg", ucd="pos.eq.dec;meta.main"),
        ColumnMeta("name", "unicodeChar", "*", description="Name"),
        ColumnMeta("band", "char", "8*"),
        ColumnMeta("flux", "double", unit="Jy", ucd="phot.flux"),
        ColumnMeta("mag", "float", unit="mag"),
        ColumnMeta("n", "long"),
        ColumnMeta("flag", "boolean"),
        ColumnMeta("seen", "char", "*", xtype="timestamp"),
        ColumnMeta("s_region", "char", "*", xtype="adql:REGION"),
        ColumnMeta("link", "char", "*"),
        ColumnMeta("size", "short"),
    ),
    "A test sky",
)
BANDS = TableMeta(
    "test.bands",
    (
        ColumnMeta("band", "char", "8*", description="Band"),
        ColumnMeta("energy", "double", unit="TeV"),
        ColumnMeta("ra", "double", unit="deg"),
        ColumnMeta("dec", "double", unit="deg"),
    ),
)


@dataclass(frozen=True)
class SkyRow:
    id: int
    obs_id: int
    ra: float | None
    dec: float | None
    name: str | None
    band: str | None
    flux: float | None
    mag: float | None
    n: int | None
    flag: bool | None
    seen: datetime | None
    s_region: str | None
    size: int | None


class SkyRows(list[SkyRow]):
    """Rows of test.sky, which say no more than that in messages."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def rows(count: int = 2000) -> SkyRows:
    """The same rows at every call."""
    rng = np.random.default_rng(20251120)
    lon = rng.uniform(0, 360, count)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    # Clusters where coordinates are awkward.
    lon[:100], lat[:100] = rng.uniform(0, 360, 100), 90 - rng.exponential(0.5, 100)
    lon[100:200], lat[100:200] = rng.uniform(0, 360, 100), -90 + rng.exponential(0.5, 100)
    lon[200:400], lat[200:400] = rng.normal(0, 1, 200) % 360, rng.normal(0, 1, 200)
    lon[400:600], lat[400:600] = rng.normal(83.63, 1, 200), rng.normal(22.01, 1, 200)
    lon[600], lat[600], lon[601], lat[601], lon[602], lat[602] = 0.0, 90.0, 123.0, -90.0, 360.0, 0.0
    made = SkyRows()
    for i in range(count):
        missing = rng.random(8) < 0.08
        ra, dec = float(lon[i]), float(lat[i])
        shape: regions.Shape = Circle(ra, dec, float(rng.choice([0.1, 2.5, 30.0])))
        if i % 3 == 0 and abs(dec) < 80:
            w, h = float(rng.uniform(0.5, 8)), float(rng.uniform(0.5, 8))
            shape = Polygon(((ra - w, dec - h), (ra + w, dec - h), (ra, dec - h / 3), (ra - w / 4, min(dec + h, 89.9))))
        made.append(
            SkyRow(
                id=i + 1,
                obs_id=i + 1000,
                ra=None if missing[0] else ra,
                dec=None if missing[0] else dec,
                name=None if missing[1] else NAMES[int(rng.integers(len(NAMES)))],
                band=None if missing[2] else str(rng.choice(["TeV", "GeV", "keV", "none"])),
                flux=None if missing[3] else float(10 ** rng.uniform(-15, 3)),
                mag=None if missing[4] else float(np.float32(rng.normal(15, 4))),
                n=None if missing[5] else int(rng.integers(-50, 50)),
                flag=None if missing[6] else bool(rng.random() < 0.5),
                seen=None
                if missing[7]
                else datetime(2004, 1, 1) + timedelta(seconds=int(rng.integers(6e8)), microseconds=int(i % 3) * 250000),
                s_region=None if missing[0] else regions.format_stcs(shape),
                size=int(rng.integers(0, 5)),
            )
        )
    return made


def band_rows() -> list[tuple[int, str, float | None, float, float]]:
    return [
        (1, "TeV", 1.0, 83.63, 22.01),
        (2, "GeV", 0.001, 0.0, 0.0),
        (3, "radio", None, 10.0, 89.9),
        (4, "TeV", 10.0, 359.9, -0.1),
    ]


def descriptors(base_url: str) -> tuple[ServiceDescriptor, ...]:
    identifier = ColumnMeta("ID", "char", "*")
    return (ServiceDescriptor("links", (("accessURL", f"{base_url}/links"),), ((identifier, "obs_id"),)),)


def publish_sky() -> None:
    publish_schema(SchemaMeta("test"))
    publish(
        PublishedTable(
            SKY,
            "test_sky",
            positions=(PositionIndex("ra", "dec", ("pos_x", "pos_y", "pos_z")),),
            regions=(RegionIndex("s_region", BOX),),
            expressions={"link": lambda table, context: context.base_url + "/" + table.c.band},
            descriptors=descriptors,
            identifier="obs_id",
        )
    )
    publish(PublishedTable(BANDS, "test_bands", positions=(PositionIndex("ra", "dec", ("pos_x", "pos_y", "pos_z")),)))


def create_tables(made: list[SkyRow]) -> None:
    """Make, index and fill both tables in the configured database; what was there before is dropped."""
    double = "double precision" if connection.vendor == "postgresql" else "real"
    moment = "timestamp with time zone" if connection.vendor == "postgresql" else "datetime"
    hidden = ", ".join(f"{c} {double}" for c in ("pos_x", "pos_y", "pos_z", *BOX))
    positions = [PositionIndex("ra", "dec", ("pos_x", "pos_y", "pos_z"))]
    operations = [
        *index_operations("test_sky", positions, [RegionIndex("s_region", BOX)]),
        *index_operations("test_bands", positions),
    ]
    with connection.cursor() as cursor:
        drop_tables()
        cursor.execute(
            f"CREATE TABLE test_sky (id integer PRIMARY KEY, obs_id integer, ra {double}, dec {double}, name text, "
            f"band varchar(8), flux {double}, mag {double}, n bigint, flag bool, seen {moment}, s_region text, "
            f'"size" smallint, {hidden})'
        )
        cursor.execute(
            f"CREATE TABLE test_bands (id integer PRIMARY KEY, band varchar(8), energy {double}, ra {double}, "
            f"dec {double}, pos_x {double}, pos_y {double}, pos_z {double})"
        )
    migrate(operations)
    zone = "+00" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO test_sky VALUES ({', '.join(['%s'] * 22)})",
            [
                (
                    *(r.id, r.obs_id, r.ra, r.dec, r.name, r.band, r.flux, r.mag, r.n, r.flag),
                    None if r.seen is None else r.seen.isoformat(sep=" ") + zone,
                    *(r.s_region, r.size),
                    *regions.position_columns(r.ra, r.dec),
                    *regions.region_box(r.s_region),
                )
                for r in made
            ],
        )
        cursor.executemany(
            f"INSERT INTO test_bands VALUES ({', '.join(['%s'] * 8)})",
            [(*row, *regions.position_columns(row[3], row[4])) for row in band_rows()],
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE test_sky")


def migrate(operations: list[migrations.operations.base.Operation]) -> None:
    with connection.schema_editor() as editor:
        for operation in operations:
            operation.database_forwards("tap", editor, ProjectState(), ProjectState())


def drop_tables() -> None:
    with connection.cursor() as cursor:
        for name in ("test_sky", "test_bands"):
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        if connection.vendor == "sqlite":
            for tree in ("test_sky_pos_x_sphere", "test_sky_r_x0_sphere", "test_bands_pos_x_sphere"):
                cursor.execute(f"DROP TABLE IF EXISTS {tree}")


@contextmanager
def sky_tables() -> Iterator[SkyRows]:
    """The tables exist and are published."""
    made = rows()
    create_tables(made)
    publish_sky()
    if connection.vendor == "postgresql":
        rolesetup.grant()
    try:
        yield made
    finally:
        withdraw("test.sky")
        withdraw("test.bands")
        from tap.engine.engine import close_idle

        close_idle()
        drop_tables()


def answer(adql: str, maxrec: int | None = None, context: QueryContext = CONTEXT) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with prepare(adql, context).run(maxrec=maxrec) as found:
        return [tuple(r.values()) for batch in found for r in batch.to_pylist()]


def close(a: Any, b: Any) -> bool:
    """Equal, or numbers that differ by rounding."""
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-300)
    return bool(a == b)
