"""Positions that are found by the cells that their rows are kept in; columns that other tables lend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.db import connection

from tap.engine import rolesetup
from tap.engine.engine import close_idle
from tap.geometry.schema import index_operations
from tap.registry import CellIndex, Parent, PublishedTable, publish, withdraw
from tests.tap.engine.test_geometry import CIRCLES, POLYGONS, ids, numbers, plan
from tests.tap.sky import SkyRow, answer, band_rows, migrate
from vo import regions
from vo.columns import ColumnMeta, TableMeta
from vo.errors import UsageFault
from vo.regions import Point

pytestmark = pytest.mark.django_db

BOX = ("x_min", "y_min", "z_min", "x_max", "y_max", "z_max")
INDEX = CellIndex("ra", "dec", "cell", "test_cell", BOX)
LENT = {"cell": "number", "run_id": "run_id", **dict(zip(BOX, BOX, strict=True))}
HITS = TableMeta(
    "test.hits",
    (
        ColumnMeta("run", "char", "*"),
        ColumnMeta("hit", "int"),
        ColumnMeta("ra", "double", unit="deg"),
        ColumnMeta("dec", "double", unit="deg"),
    ),
)
TREE = "test_cell_x_min_sphere"
Hits = tuple[np.ndarray, np.ndarray]


def positions() -> Hits:
    """Longitudes and latitudes: around the poles, the meridian of 0 deg and the Crab Nebula, and everywhere."""
    rng = np.random.default_rng(20260101)
    lon, lat = rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    lat[:300], lat[300:600] = 90 - rng.exponential(0.5, 300), -90 + rng.exponential(0.5, 300)
    lon[600:1000], lat[600:1000] = rng.normal(0, 1, 400) % 360, rng.normal(0, 1, 400)
    lon[1000:1600], lat[1000:1600] = rng.normal(83.63, 1, 600), rng.normal(22.01, 1, 600)
    lon[0], lat[0], lon[300], lat[300], lon[600], lat[600] = 0.0, 90.0, 123.0, -90.0, 360.0, 0.0
    return lon, lat


@pytest.fixture(scope="module")
def hits(sky: list[SkyRow], django_db_blocker: Any) -> Iterator[Hits]:
    """test.hits is published: 3000 rows in 100 cells, which lie in 10 runs."""
    lon, lat = positions()
    double = "double precision" if connection.vendor == "postgresql" else "real"
    vectors = regions.unit_vectors(lon, lat)
    cells = np.array_split(np.lexsort((lat // 5, lon // 5)), 100)
    with django_db_blocker.unblock():
        _drop()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE test_run (id integer PRIMARY KEY, name text)")
            sides = ", ".join(f"{side} {double}" for side in BOX)
            cursor.execute(f"CREATE TABLE test_cell (number integer PRIMARY KEY, run_id integer, {sides})")
            cursor.execute(f"CREATE TABLE test_hit (in_cell integer, hit integer, ra {double}, dec {double})")
            cursor.execute("CREATE INDEX test_hit_cell ON test_hit (in_cell)")
        migrate(index_operations("test_cell", regions=[INDEX], key="number"))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO test_run VALUES (%s, %s)", [(n, f"run {n}") for n in range(10)])
            cursor.executemany(
                f"INSERT INTO test_cell VALUES ({', '.join(['%s'] * 8)})",
                [
                    (n, n % 10, *map(float, vectors[cell].min(axis=0)), *map(float, vectors[cell].max(axis=0)))
                    for n, cell in enumerate(cells)
                ],
            )
            cursor.executemany(
                "INSERT INTO test_hit VALUES (%s, %s, %s, %s)",
                [(n, int(i), float(lon[i]), float(lat[i])) for n, cell in enumerate(cells) for i in cell],
            )
            if connection.vendor == "postgresql":
                cursor.execute("ANALYZE test_run, test_cell, test_hit")
        publish(
            PublishedTable(
                HITS,
                "test_hit",
                key="cell",
                cells=(INDEX,),
                parents=(
                    Parent("test_cell", "in_cell", LENT, "number"),
                    Parent("test_run", "run_id", {"run": "name"}),
                ),
            )
        )
        if connection.vendor == "postgresql":
            rolesetup.grant()
        yield lon, lat
        withdraw("test.hits")
        close_idle()
        _drop()


def _drop() -> None:
    with connection.cursor() as cursor:
        for name in ("test_hit", "test_cell", "test_run"):
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TABLE IF EXISTS {TREE}")


@pytest.mark.parametrize("circle", CIRCLES)
def test_circles(hits: Hits, circle: regions.Circle) -> None:
    """ADQL 2.1 sections 4.2.7 and 4.2.16, against vo.regions: poles, the meridian of 0 deg, tiny and huge circles."""
    apart = regions.separation(*hits, circle.lon, circle.lat)
    expected = set(map(int, np.flatnonzero(apart <= circle.radius)))
    centre, shape = f"{circle.lon}, {circle.lat}", numbers(circle)
    for form in (
        f"1 = CONTAINS(POINT(ra, dec), CIRCLE({shape}))",
        f"1 = INTERSECTS(CIRCLE({shape}), POINT(ra, dec))",
        f"DISTANCE(POINT(ra, dec), POINT({centre})) <= {circle.radius}",
        f"{circle.radius} >= DISTANCE({centre}, ra, dec)",
        f"NOT 0 = CONTAINS(POINT(ra, dec), CIRCLE({shape}))",
    ):
        assert ids(f"SELECT hit FROM test.hits WHERE {form}") == expected, form
    outside = ids(f"SELECT hit FROM test.hits WHERE 0 = CONTAINS(POINT(ra, dec), CIRCLE({shape}))")
    assert outside == set(range(len(apart))) - expected


@pytest.mark.parametrize(("lon", "lat"), [(83.63, 22.01), (0.0, 0.0), (12.0, 90.0), (200.0, -89.5), (300.0, 40.0)])
def test_edges_are_decided_exactly(hits: Hits, lon: float, lat: float) -> None:
    """ADQL 2.1 section 4.2.12: the boundary of a circle is in it, and a distance is less than none that it equals."""
    for hit in np.argsort(regions.separation(*hits, lon, lat))[[0, 5, 300, -2]].tolist():
        where = f"FROM test.hits WHERE hit = {hit} AND"
        ((apart,),) = answer(f"SELECT DISTANCE(ra, dec, {lon}, {lat}) {where} hit >= 0")
        wider, narrower = (repr(float(np.nextafter(apart, way))) for way in (180.0, 0.0))
        for radius, expected in ((repr(apart), 1), (wider, 1), (narrower, 0)):
            inside = f"1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {radius}))"
            assert len(answer(f"SELECT hit {where} {inside}")) == expected, (hit, radius)
        assert answer(f"SELECT hit {where} DISTANCE(ra, dec, {lon}, {lat}) < {apart!r}") == []
        assert answer(f"SELECT hit {where} DISTANCE(ra, dec, {lon}, {lat}) < {wider}") == [(hit,)]


@pytest.mark.parametrize(("radius", "found"), [(-0.5, 0), (180.0, 3000), (200.0, 3000), (361.0, 3000)])
def test_distances_beyond_a_circle(hits: Hits, radius: float, found: int) -> None:
    """A distance may be compared with any number."""
    assert answer(f"SELECT COUNT(*) FROM test.hits WHERE DISTANCE(ra, dec, 10, 20) <= {radius}") == [(found,)]


def test_impossible_circles_from_rows_are_told(hits: Hits) -> None:
    with pytest.raises(UsageFault, match="radius must be within 0 and 180 deg"):
        answer(
            "SELECT COUNT(*) FROM test.bands b JOIN test.hits h "
            "ON 1 = CONTAINS(POINT(h.ra, h.dec), CIRCLE(b.ra, b.dec, b.energy * 1000)) WHERE b.energy > 5"
        )


@pytest.mark.parametrize("polygon", POLYGONS)
def test_polygons(hits: Hits, polygon: regions.Polygon) -> None:
    """ADQL 2.1 section 4.2.12: convex and concave, over a pole and over the meridian of 0 deg."""
    expected = {n for n, (a, b) in enumerate(zip(*hits, strict=True)) if regions.contains(polygon, Point(a, b))}
    assert expected
    where = f"1 = CONTAINS(POINT(ra, dec), POLYGON({numbers(polygon)}))"
    assert ids(f"SELECT hit FROM test.hits WHERE {where}") == expected


@pytest.mark.parametrize(
    "query",
    [
        "SELECT h.hit, b.band FROM test.bands b JOIN test.hits h ON DISTANCE(h.ra, h.dec, b.ra, b.dec) < 1.2",
        "SELECT h.hit, b.band FROM test.hits h JOIN test.bands b ON DISTANCE(h.ra, h.dec, b.ra, b.dec) < 1.2",
        "SELECT h.hit, b.band FROM test.hits h, test.bands b WHERE 1=CONTAINS(POINT(h.ra, h.dec), "
        "CIRCLE(b.ra, b.dec, 1.2))",
        "SELECT h.hit, b.band FROM test.hits h, test.bands b WHERE 1=CONTAINS(POINT(b.ra, b.dec), "
        "CIRCLE(h.ra, h.dec, 1.2))",
        "SELECT h.hit, b.band FROM test.bands b LEFT JOIN test.hits h ON DISTANCE(h.ra, h.dec, b.ra, b.dec) < 1.2",
    ],
)
def test_joins(hits: Hits, query: str) -> None:
    """Shapes from the rows of another table, whichever stands first; every band has hits near it."""
    expected = sorted(
        (int(n), band)
        for _, band, _, lon, lat in band_rows()
        for n in np.flatnonzero(regions.separation(*hits, lon, lat) < 1.2)
    )
    assert len(expected) > 100
    assert sorted(answer(query)) == expected


def test_two_tables_of_cells(hits: Hits) -> None:
    """Pairs within one table, each of its rows found by its cell."""
    lon, lat = (values[1000:1600] for values in hits)
    pairs = sum(int(np.count_nonzero(regions.separation(lon, lat, a, b) < 0.05)) for a, b in zip(lon, lat, strict=True))
    near = "1 = CONTAINS(POINT({0}.ra, {0}.dec), CIRCLE(83.63, 22.01, 9)) AND {0}.hit BETWEEN 1000 AND 1599"
    found = answer(
        "SELECT COUNT(*) FROM test.hits a JOIN test.hits b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.05 "
        f"WHERE {near.format('a')} AND {near.format('b')}"
    )
    assert found == [(pairs,)]


def test_columns_of_parents(hits: Hits) -> None:
    """They are selected, searched, grouped and joined by like any other; `*` has the published ones alone."""
    assert answer("SELECT COUNT(*) FROM test.hits") == [(3000,)]
    assert answer("SELECT run, COUNT(*) FROM test.hits GROUP BY run ORDER BY run") == [
        (f"run {n}", 300) for n in range(10)
    ]
    assert [len(row) for row in answer("SELECT TOP 2 * FROM test.hits")] == [4, 4]
    both = answer("SELECT COUNT(*) FROM test.hits a JOIN test.hits b USING (run, hit) WHERE run = 'run 3'")
    assert both == [(300,)]
    found = answer("SELECT COUNT(*) FROM test.bands b WHERE EXISTS (SELECT 1 FROM test.hits h WHERE h.dec > b.dec)")
    assert found == [(sum(int(hits[1].max() > row[4]) for row in band_rows()),)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT hit FROM test.hits WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE(83, 22, 1))",
        "SELECT hit FROM test.hits WHERE DISTANCE(ra, dec, 83, 22) < 1",
        "SELECT hit FROM (SELECT ra + 1 AS a, dec AS d FROM test.bands) x JOIN test.hits "
        "ON DISTANCE(ra, dec, a, d) < 1",
        "SELECT hit FROM test.hits JOIN (SELECT ra + 1 AS a, dec AS d FROM test.bands) x "
        "ON DISTANCE(a, d, ra, dec) < 1",
    ],
)
def test_cells_are_found_by_their_index(hits: Hits, query: str) -> None:
    """PostgreSQL finds cells by GiST and rows by their cell, and looks at no other parent; SQLite has its R-tree."""
    found = plan(query)
    # PostgreSQL may compare the few cells of this test with every row of the other table.
    assert TREE in found or (connection.vendor == "postgresql" and "JOIN" in query)
    if connection.vendor == "postgresql":
        assert "test_hit_cell" in found
        assert "test_run" not in found
        assert "test_cell" not in plan("SELECT COUNT(*), MAX(ra) FROM test.hits")
    else:
        assert "VIRTUAL TABLE INDEX 2:" in found
        assert "SEARCH test_hit USING INDEX test_hit_cell (in_cell=?)" in found
