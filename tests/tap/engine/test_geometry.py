"""Positions and regions in the database against vo.regions: all forms of a search give the same rows, by the index."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from django.db import connection

from tap.service import prepare
from tests.tap.sky import BOX, CONTEXT, SkyRow, answer, band_rows
from vo import regions
from vo.errors import UsageFault
from vo.regions import Circle, Point, Polygon

pytestmark = pytest.mark.django_db

CIRCLES = [
    Circle(83.63, 22.01, 1),
    Circle(0, 0, 1.5),
    Circle(359.9, -0.5, 2),
    Circle(12, 90, 0.7),
    Circle(200, -90, 0.5),
    Circle(100, 89.8, 1),
    Circle(45, 10, 95),
    Circle(10, 20, 180),
    Circle(83.63, 22.01, 0),
    Circle(240, 40, 1e-6),
]
POLYGONS = [
    Polygon(((82, 20), (86, 20), (84, 22), (86, 25), (82, 25))),
    Polygon(((358, -2), (3, -2), (2, 3), (359, 2))),
    Polygon(((0, 88), (120, 87), (240, 89))),
    Polygon(((0, -20), (90, -20), (180, -20), (270, -20))),
    # More coordinates than a function takes arguments.
    Polygon(tuple((83 + (2 + n % 2) * math.cos(n * math.pi / 36), 22 + math.sin(n * math.pi / 36)) for n in range(72))),
]


def numbers(shape: regions.Shape) -> str:
    return ", ".join(repr(v) for v in regions.to_array(shape))


def ids(adql: str) -> set[int]:
    return {row[0] for row in answer(adql)}


@pytest.mark.parametrize("circle", CIRCLES)
def test_every_form_of_a_cone_gives_the_same_rows(sky: list[SkyRow], circle: Circle) -> None:
    """ADQL 2.1 section 4.2.7: DISTANCE(…) <= r and CONTAINS are one predicate; rows without position are in neither."""
    with_position = [r for r in sky if r.ra is not None and r.dec is not None]
    lon, lat = np.array([[r.ra, r.dec] for r in with_position]).T
    apart = regions.separation(lon, lat, circle.lon, circle.lat)
    expected = {r.obs_id for r, d in zip(with_position, apart, strict=True) if d <= circle.radius}
    centre, shape = f"{circle.lon}, {circle.lat}", numbers(circle)
    for form in (
        f"1=CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {shape}))",
        f"CONTAINS(POINT(ra, dec), CIRCLE({shape})) = 1",
        f"0 <> CONTAINS(POINT(ra, dec), CIRCLE(POINT({centre}), {circle.radius}))",
        f"1 = INTERSECTS(POINT(ra, dec), CIRCLE({shape}))",
        f"1 = INTERSECTS(CIRCLE({shape}), POINT(ra, dec))",
        f"DISTANCE(POINT(ra, dec), POINT({centre})) <= {circle.radius}",
        f"DISTANCE(POINT({centre}), POINT(ra, dec)) <= {circle.radius}",
        f"{circle.radius} >= DISTANCE(ra, dec, {centre})",
        f"NOT DISTANCE(ra, dec, {centre}) > {circle.radius}",
        f"CONTAINS(POINT(ra, dec), CIRCLE({shape})) > 0",
        f"1 = CONTAINS(POINT(ra, dec), REGION('CIRCLE ICRS {shape.replace(',', '')}'))",
        f"1 = CONTAINS(CENTROID(POINT(ra, dec)), CIRCLE({shape}))",
    ):
        assert ids(f"SELECT obs_id FROM test.sky WHERE {form}") == expected, form
    outside = {r.obs_id for r in with_position} - expected
    for form in (
        f"0 = CONTAINS(POINT(ra, dec), CIRCLE({shape}))",
        f"CONTAINS(POINT(ra, dec), CIRCLE({shape})) <> 1",
        f"NOT (1 = CONTAINS(POINT(ra, dec), CIRCLE({shape})))",
        f"DISTANCE(ra, dec, {centre}) > {circle.radius}",
    ):
        assert ids(f"SELECT obs_id FROM test.sky WHERE {form}") == outside, form
    strictly = {r.obs_id for r, d in zip(with_position, apart, strict=True) if d < circle.radius}
    assert ids(f"SELECT obs_id FROM test.sky WHERE DISTANCE(ra, dec, {centre}) < {circle.radius}") == strictly


@pytest.mark.parametrize("shape", [*CIRCLES, *POLYGONS])
def test_regions_against_shapes(sky: list[SkyRow], shape: regions.Shape) -> None:
    """ADQL 2.1 sections 4.2.12 and 4.2.17, on STC-S regions; CONTAINS is not symmetric, INTERSECTS is."""
    kind = type(shape).__name__.upper()
    parsed = {r.obs_id: regions.parse_stcs(r.s_region) for r in sky if r.s_region is not None}
    written = f"{kind}({numbers(shape)})"
    for adql, rule in (
        (f"1 = INTERSECTS(s_region, {written})", lambda r: regions.intersects(r, shape)),
        (f"1 = INTERSECTS({written}, s_region)", lambda r: regions.intersects(r, shape)),
        (f"1 = CONTAINS(s_region, {written})", lambda r: regions.contains(shape, r)),
        (f"1 = CONTAINS({written}, s_region)", lambda r: regions.contains(r, shape)),
        (f"0 = INTERSECTS(s_region, {written})", lambda r: not regions.intersects(r, shape)),
    ):
        expected = {number for number, region in parsed.items() if rule(region)}
        assert ids(f"SELECT obs_id FROM test.sky WHERE {adql}") == expected, adql
    point = regions.centroid(shape)
    expected = {number for number, region in parsed.items() if regions.contains(region, point)}
    found = ids(f"SELECT obs_id FROM test.sky WHERE 1 = CONTAINS(POINT({numbers(point)}), s_region)")
    assert found == expected


@pytest.mark.parametrize("polygon", POLYGONS)
def test_positions_in_polygons(sky: list[SkyRow], polygon: Polygon) -> None:
    expected = {
        r.obs_id
        for r in sky
        if r.ra is not None and r.dec is not None and regions.contains(polygon, Point(r.ra, r.dec))
    }
    assert expected
    assert ids(f"SELECT obs_id FROM test.sky WHERE 1=CONTAINS(POINT(ra, dec), POLYGON({numbers(polygon)}))") == expected
    corners = ", ".join(f"POINT({lon}, {lat})" for lon, lat in polygon.vertices)
    assert ids(f"SELECT obs_id FROM test.sky WHERE 1=CONTAINS(POINT(ra, dec), POLYGON({corners}))") == expected


def crosses_itself(corners: np.ndarray) -> bool:
    try:
        regions.check_area(Polygon(tuple(map(tuple, corners.tolist()))))
    except ValueError:
        return True
    return False


def test_corners_written_in_any_way(sky: list[SkyRow]) -> None:
    """Concave polygons in both orders, closed, and with corners there twice; points near corners and in notches."""
    rng = np.random.default_rng(5)
    asked, expected = [], []
    while len(expected) < 128:
        lon, lat = map(float, rng.choice([(83.0, 22.0), (0.2, 0.0), (120.0, 89.0), (359.9, -40.0)]))
        size, turn = rng.choice([1e-4, 1.0, 30.0]), 2 * np.pi * np.arange(7) / 7
        reach = size * rng.choice([1.0, 0.2], 7)
        corners = np.stack(
            [lon + reach * np.cos(turn) / np.cos(np.radians(lat)), np.clip(lat + reach * np.sin(turn), -90, 90)], 1
        )
        if crosses_itself(corners):  # over a pole
            continue
        written = [corners, corners[::-1], np.vstack([corners, corners[:1]]), np.repeat(corners, 2, axis=0)]
        near = corners[0] + rng.normal(0, size / 10, 2)
        point = Point(float(near[0]), float(np.clip(near[1], -90, 90)))
        circle = Circle(lon, lat, float(size * rng.choice([0.1, 0.5, 2])))
        for order in written:
            shape = Polygon(tuple((float(a), float(b)) for a, b in order))
            for other in (point, circle):
                kind = type(other).__name__.upper()
                text = " ".join(repr(v) for v in regions.to_array(shape))
                asked.append(f"INTERSECTS(REGION('POLYGON ICRS {text}'), {kind}({numbers(other)}))")
                expected.append(int(regions.intersects(shape, other)))
    (found,) = answer(f"SELECT TOP 1 {', '.join(f'{a} AS c{n}' for n, a in enumerate(asked))} FROM test.sky")
    assert list(found) == expected
    assert 16 < sum(expected) < len(expected) - 16


def test_values_of_geometry_functions(sky: list[SkyRow]) -> None:
    """AREA in square degrees, CENTROID, COORD1/2, DISTANCE, shapes as DALI arrays; NULL gives NULL (ADQL-77, -78)."""
    found = answer(
        "SELECT obs_id, AREA(s_region), CENTROID(s_region), COORD1(POINT(ra, dec)), COORD2(CENTROID(s_region)), "
        "DISTANCE(POINT(ra, dec), CENTROID(s_region)), POINT(ra, dec), CIRCLE(ra, dec, 2), "
        "POLYGON(ra, dec, 1, 2, 3, 5), AREA(POINT(ra, dec)), COORDSYS(s_region) FROM test.sky"
    )
    by_id = {r.obs_id: r for r in sky}
    assert len(found) == len(sky)
    for number, area, centroid, lon, lat, apart, point, circle, polygon, nothing, system in found:
        row = by_id[number]
        if row.ra is None or row.dec is None or row.s_region is None:
            assert {area, centroid, lon, lat, apart, point, circle, polygon, nothing, system} == {None}
            continue
        shape = regions.parse_stcs(row.s_region)
        centre = regions.centroid(shape)
        assert area == pytest.approx(regions.area(shape), rel=1e-7)
        assert regions.distance(*centroid, centre.lon, centre.lat) < 1e-8
        assert (lon, point) == (row.ra, [row.ra, row.dec])
        assert lat == pytest.approx(centre.lat, abs=1e-8)
        assert apart == pytest.approx(regions.distance(row.ra, row.dec, centre.lon, centre.lat), abs=1e-8)
        assert (circle, polygon) == ([row.ra, row.dec, 2.0], [row.ra, row.dec, 1.0, 2.0, 3.0, 5.0])
        assert (nothing, system) == (0, "ICRS")


def test_constant_geometry(sky: list[SkyRow]) -> None:
    """Boxes, casts from DALI texts, longitudes beyond 360 (reduced, as DALI 1.2 does)."""
    ((box, cast, region, point, apart),) = answer(
        "SELECT TOP 1 BOX(10, 0, 4, 2), CAST('1 2 3' AS CIRCLE), REGION('POLYGON ICRS 1 2 3 4 5 0'), POINT(-10, 5), "
        "DISTANCE(0, 0, 0, 1e-11) FROM test.sky"
    )
    assert box == [8, -1, 12, -1, 12, 1, 8, 1]
    assert (cast, region, point) == ([1, 2, 3], [1, 2, 3, 4, 5, 0], [350, 5])
    assert apart == pytest.approx(1e-11, rel=1e-12)


def test_joins_by_distance(sky: list[SkyRow]) -> None:
    """Cross-matches, both ways round, by DISTANCE and by CONTAINS."""
    expected = {
        (r.obs_id, number)
        for r in sky
        for number, _, _, lon, lat in band_rows()
        if r.ra is not None and r.dec is not None and regions.distance(r.ra, r.dec, lon, lat) < 1.2
    }
    assert len(expected) > 100
    for adql in (
        "SELECT s.obs_id, b.energy, b.ra FROM test.sky s JOIN test.bands b ON DISTANCE(s.ra, s.dec, b.ra, b.dec) < 1.2",
        "SELECT s.obs_id, b.energy, b.ra FROM test.bands b JOIN test.sky s ON DISTANCE(s.ra, s.dec, b.ra, b.dec) < 1.2",
        "SELECT s.obs_id, b.energy, b.ra FROM test.bands b, test.sky s "
        "WHERE 1=CONTAINS(POINT(s.ra, s.dec), CIRCLE(b.ra, b.dec, 1.2))",
        "SELECT s.obs_id, b.energy, b.ra FROM test.bands b, test.sky s "
        "WHERE 1=CONTAINS(POINT(b.ra, b.dec), CIRCLE(s.ra, s.dec, 1.2))",
    ):
        band_of = {lon: number for number, _, _, lon, _ in band_rows()}
        assert {(number, band_of[lon]) for number, _, lon in answer(adql)} == expected, adql


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT POINT(ra, flux * 1e9) FROM test.sky WHERE flux > 1", "latitude must be within -90 and 90 deg"),
        ("SELECT CIRCLE(ra, dec, n) FROM test.sky WHERE n < 0", "radius must be within 0 and 180 deg"),
        ("SELECT ra FROM test.sky WHERE 1=CONTAINS(POINT(1, 2), CIRCLE(ra, dec, n))", "radius must be within"),
        ("SELECT AREA(POLYGON(ra, dec, ra, dec, ra, dec)) FROM test.sky", "at least 3 different vertices"),
    ],
)
def test_impossible_shapes_in_the_data_are_told(sky: list[SkyRow], query: str, said: str) -> None:
    with pytest.raises(UsageFault, match=said):
        answer(query)


def plan(adql: str) -> str:
    """The database's plan of a query, as text."""
    statement = prepare(adql, CONTEXT).statement
    parameters: dict[str, Any] = {**statement.parameters, "row_limit": 10}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}", parameters)
            found = cursor.fetchone()[0]
            return found if isinstance(found, str) else json.dumps(found)
        from tap.engine.sqlite import SqliteRun

        run = SqliteRun(
            connection.settings_dict["NAME"], f"EXPLAIN QUERY PLAN {statement.sql}", parameters, statement.read, 10
        )
        try:
            run.start()
            return "\n".join(str(row[-1]) for chunk in run.chunks() for row in chunk)
        finally:
            run.close()


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("1=CONTAINS(POINT(ra, dec), CIRCLE(83, 22, 1))", "pos_x"),
        ("CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83, 22, 1)) = 1 AND n > 3", "pos_x"),
        ("1=INTERSECTS(POINT(ra, dec), CIRCLE(83, 22, 1))", "pos_x"),
        ("DISTANCE(POINT(ra, dec), POINT(83, 22)) < 1", "pos_x"),
        ("1 >= DISTANCE(83, 22, ra, dec)", "pos_x"),
        ("1=CONTAINS(POINT(ra, dec), POLYGON(1, 2, 3, 4, 5, 0))", "pos_x"),
        ("1=INTERSECTS(s_region, CIRCLE(83, 22, 1))", "r_x0"),
        ("1=CONTAINS(POINT(83, 22), s_region)", "r_x0"),
        ("1=CONTAINS(s_region, POLYGON(1, 2, 3, 4, 5, 0))", "r_x0"),
    ],
)
def test_searches_use_the_index(sky: list[SkyRow], condition: str, index: str) -> None:
    """ADQL 2.1 section 4.2.7; on PostgreSQL the GiST index, on SQLite the R-tree and then rows by their key."""
    found = plan(f"SELECT obs_id FROM test.sky WHERE {condition}")
    if connection.vendor == "postgresql":
        assert f"test_sky_{index}_sphere" in found
    else:
        assert "SEARCH t1 USING INTEGER PRIMARY KEY" in found
        assert f"SCAN test_sky_{index}_sphere_1 VIRTUAL TABLE INDEX 2:" in found
        assert "BLOOM" not in found


@pytest.mark.parametrize(
    "condition",
    [
        "DISTANCE(s.ra, s.dec, b.ra, b.dec) < 0.1",
        "1=CONTAINS(POINT(s.ra, s.dec), CIRCLE(b.ra, b.dec, 0.1))",
        "1=CONTAINS(POINT(b.ra, b.dec), s.s_region)",
    ],
)
def test_joins_use_the_index(sky: list[SkyRow], condition: str) -> None:
    """One table is read through, the other found by its index for each row."""
    found = plan(f"SELECT s.obs_id, b.energy FROM test.bands b JOIN test.sky s ON {condition}")
    if connection.vendor == "postgresql":
        assert "_sphere" in found
        assert "Nested Loop" in found
    else:
        assert "USING INTEGER PRIMARY KEY (rowid=?)" in found
        assert "VIRTUAL TABLE INDEX 2:" in found


def test_long_polygons(sky: list[SkyRow]) -> None:
    """As a value, of points, and of columns, which neither database can make of so many."""
    corners = [(n * 1.0, 10.0) for n in range(51)] + [(25.0, 20.0)]
    flat = ", ".join(f"{lon}, {lat}" for lon, lat in corners)
    points = ", ".join(f"POINT({lon}, {lat})" for lon, lat in corners)
    ((one, other),) = answer(f"SELECT TOP 1 POLYGON({flat}), AREA(POLYGON({points})) FROM test.sky")
    assert list(one) == [number for corner in corners for number in corner]
    assert other == pytest.approx(regions.area(Polygon(tuple(corners))))
    with pytest.raises(UsageFault, match="that is not all constants has at most 48 coordinates"):
        prepare(f"SELECT POLYGON(ra, dec, {flat}) FROM test.sky", CONTEXT)


@pytest.fixture(scope="module")
def moved(sky: list[SkyRow], django_db_blocker: Any) -> list[tuple[bool, bool]]:
    """Whether a row is found at a place, by position and by region: before it is moved there, then, and when deleted.

    A fixture, because the transaction of a test would lock SQLite's file.
    """
    row = sky[700]
    hidden = ("pos_x", "pos_y", "pos_z", *BOX)
    sets = ", ".join(f"{name} = %s" for name in ("ra", "dec", "s_region", *hidden))
    seen = []

    def place(ra: float | None, dec: float | None, stcs: str | None) -> None:
        values = [ra, dec, stcs, *regions.position_columns(ra, dec), *regions.region_box(stcs), row.id]
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE test_sky SET {sets} WHERE id = %s", values)

    def look() -> None:
        cone = ids("SELECT obs_id FROM test.sky WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE(300, -77, 0.001))")
        region = ids("SELECT obs_id FROM test.sky WHERE 1=INTERSECTS(s_region, CIRCLE(300, -77, 0.0001))")
        seen.append((row.obs_id in cone, row.obs_id in region))

    with django_db_blocker.unblock():
        look()
        place(300, -77, "CIRCLE ICRS 300 -77 0.01")
        look()
        place(None, None, None)
        look()
        place(row.ra, row.dec, row.s_region)
        look()
    return seen


def test_indexes_follow_changes(moved: list[tuple[bool, bool]]) -> None:
    """R-tree triggers and GiST: a row is found where it is, and nowhere else."""
    assert moved == [(False, False), (True, True), (False, False), (False, False)]
