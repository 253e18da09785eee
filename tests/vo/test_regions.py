"""Regions: text forms, unit-sphere boxes and exact predicates, checked against brute force on the sphere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import angular_separation

from vo import regions
from vo.regions import Circle, Point, Polygon

SQUARE = Polygon(((10, -5), (20, -5), (20, 5), (10, 5)))
ARROW = Polygon(((0, 0), (40, 0), (10, 10), (0, 40)))
"""Concave: the corner at (10, 10) is dented towards the origin."""
POLE = Polygon(((0, 80), (90, 80), (180, 80), (270, 80)))
SOUTH = Polygon(((15, -70), (135, -60), (255, -75)))
MERIDIAN = Polygon(((350, -10), (10, -10), (10, 10), (350, 10)))
HUGE = Polygon(((0, -5), (90, -3), (180, -8), (270, -2)))
"""A little more than the southern hemisphere is left out: the polygon is the smaller side."""
POLYGONS = {"square": SQUARE, "arrow": ARROW, "pole": POLE, "south": SOUTH, "meridian": MERIDIAN, "huge": HUGE}


def sphere(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def crossings_inside(polygon: Polygon, lon: Any, lat: Any) -> Any:
    """Inside by counting crossings of the way to a point known to be outside: no code shared with vo.regions."""
    vectors = [unit(*v) for v in polygon.vertices]
    outside = -np.sum(vectors, axis=0) if polygon is not HUGE else unit(123.4, 77)
    outside = outside / np.linalg.norm(outside) + np.array([1e-3, -2e-3, 3e-3])
    outside /= np.linalg.norm(outside)
    inside = []
    for p in [unit(a, b) for a, b in zip(lon, lat, strict=True)]:
        count = 0
        for c, d in zip(vectors, vectors[1:] + vectors[:1], strict=True):
            meet = np.cross(np.cross(p, outside), np.cross(c, d))
            meet /= np.linalg.norm(meet)
            for m in (meet, -meet):
                count += between(m, p, outside) and between(m, c, d)
        inside.append(count % 2 == 1)
    return np.array(inside)


def unit(lon: float, lat: float) -> Any:
    lon, lat = math.radians(lon), math.radians(lat)
    return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])


def between(m: Any, a: Any, b: Any) -> bool:
    return bool(np.arccos(np.clip(m @ a, -1, 1)) + np.arccos(np.clip(m @ b, -1, 1)) - np.arccos(a @ b) < 1e-7)


@pytest.mark.parametrize("name", POLYGONS)
def test_points_in_polygons_agree_with_counted_crossings(name: str) -> None:
    """Convex, concave, over the poles, over the meridian, and larger than any open hemisphere."""
    polygon = POLYGONS[name]
    lon, lat = sphere(np.random.default_rng(1), 1500)
    got = regions.signed_distance(polygon, lon, lat) <= 0
    expected = crossings_inside(polygon, lon, lat)
    assert 0 < expected.sum() < 1500
    assert (got == expected).all(), (lon[got != expected], lat[got != expected])


@pytest.mark.parametrize("name", POLYGONS)
def test_the_order_of_vertices_does_not_matter(name: str) -> None:
    """DALI 1.1 section 3.3.6 wants counter-clockwise; both are taken as the smaller area."""
    polygon = POLYGONS[name]
    turned = Polygon(tuple(reversed(polygon.vertices)))
    lon, lat = sphere(np.random.default_rng(2), 300)
    np.testing.assert_allclose(
        regions.signed_distance(polygon, lon, lat), regions.signed_distance(turned, lon, lat), atol=1e-9
    )
    assert regions.area(polygon) == pytest.approx(regions.area(turned))


@pytest.mark.parametrize("name", POLYGONS)
def test_area_and_centroid_agree_with_random_points(name: str) -> None:
    polygon = POLYGONS[name]
    lon, lat = sphere(np.random.default_rng(3), 400_000)
    inside = regions.signed_distance(polygon, lon, lat) <= 0
    whole = 4 * math.pi * math.degrees(1) ** 2
    fraction = inside.mean()
    assert regions.area(polygon) == pytest.approx(
        whole * fraction, abs=5 * whole * math.sqrt(fraction * (1 - fraction) / len(lon))
    )
    x, y, z = regions.unit_vectors(lon[inside], lat[inside]).mean(0)
    centroid = regions.centroid(polygon)
    if name != "huge":
        assert (
            math.degrees(
                angular_separation(
                    *np.radians([centroid.lon, centroid.lat]), math.atan2(y, x), math.atan2(z, math.hypot(x, y))
                )
            )
            < 0.6
        )
    assert regions.area(Point(1, 2)) == 0
    assert regions.area(Circle(0, 0, 180)) == pytest.approx(whole)


@pytest.mark.parametrize("name", POLYGONS)
def test_boxes_hold_exactly_their_polygon(name: str) -> None:
    """No point of the polygon is outside its box, and the box is no larger than random points show."""
    polygon = POLYGONS[name]
    lon, lat = sphere(np.random.default_rng(4), 200_000)
    vectors = regions.unit_vectors(lon, lat)[regions.signed_distance(polygon, lon, lat) <= 0]
    box = np.array(regions.bounding_box(polygon))
    assert (vectors >= box[:3]).all()
    assert (vectors <= box[3:]).all()
    np.testing.assert_allclose(vectors.min(0), box[:3], atol=0.03)
    np.testing.assert_allclose(vectors.max(0), box[3:], atol=0.03)


@pytest.mark.parametrize(
    "circle",
    [
        Circle(83.6, 22, 2.5),
        Circle(0, 90, 5),
        Circle(10, -89, 3),
        Circle(359.9, 0, 1),
        Circle(45, 30, 120),
        Circle(0, 0, 180),
    ],
)
def test_boxes_of_caps(circle: Circle) -> None:
    rng = np.random.default_rng(5)
    lon, lat = sphere(rng, 200_000)
    near = regions.separation(lon, lat, circle.lon, circle.lat) <= circle.radius
    turn = rng.uniform(0, 2 * math.pi, 20_000)
    rim_lat = np.degrees(
        np.arcsin(
            math.sin(math.radians(circle.lat)) * math.cos(math.radians(circle.radius))
            + math.cos(math.radians(circle.lat)) * math.sin(math.radians(circle.radius)) * np.cos(turn)
        )
    )
    box = np.array(regions.bounding_box(circle))
    vectors = regions.unit_vectors(lon[near], lat[near])
    assert (vectors >= box[:3]).all()
    assert (vectors <= box[3:]).all()
    assert np.sin(np.radians(rim_lat)).max() <= box[5]
    assert np.sin(np.radians(rim_lat)).min() >= box[2]


def test_separation_is_accurate_everywhere() -> None:
    """ADQL 2.1 section 4.2.16: tiny and nearly antipodal separations too."""
    assert regions.distance(10, 0, 10, 1e-12) == pytest.approx(1e-12, rel=1e-12)
    assert regions.distance(10, 60, 10 + 1e-9, 60) == pytest.approx(5e-10, rel=1e-5)
    assert regions.distance(0, 0, 180 - 1e-9, 0) == pytest.approx(180 - 1e-9, abs=1e-13)
    assert regions.distance(0, 90, 123, 90) == pytest.approx(0, abs=1e-13)
    lon, lat = sphere(np.random.default_rng(6), 1000)
    expected = np.degrees(angular_separation(*np.radians([lon, lat, lon[::-1], lat[::-1]])))
    np.testing.assert_allclose(regions.separation(lon, lat, lon[::-1], lat[::-1]), expected, atol=1e-12)
    assert regions.distance(lon[0], lat[0], lon[1], lat[1]) == regions.separation(lon[0], lat[0], lon[1], lat[1])


def random_shape(rng: np.random.Generator) -> regions.Shape:
    lon, lat = sphere(rng, 1)
    if rng.random() < 0.4:
        return Circle(float(lon[0]), float(lat[0]), float(rng.choice([0.5, 10, 50, 100])))
    # A star around a centre: simple, often concave.
    count = int(rng.integers(3, 9))
    turns = np.sort(rng.uniform(0, 2 * math.pi, count))
    while np.diff(np.append(turns, turns[0] + 2 * math.pi)).max() > 2.8:
        turns = np.sort(rng.uniform(0, 2 * math.pi, count))
    reach = np.radians(rng.uniform(5, 60, count))
    lat0, lon0 = math.radians(lat[0]), math.radians(lon[0])
    sin_lat = math.sin(lat0) * np.cos(reach) + math.cos(lat0) * np.sin(reach) * np.cos(turns)
    lons = lon0 + np.arctan2(np.sin(turns) * np.sin(reach) * math.cos(lat0), np.cos(reach) - math.sin(lat0) * sin_lat)
    return Polygon(tuple(zip((np.degrees(lons) % 360).tolist(), np.degrees(np.arcsin(sin_lat)).tolist(), strict=True)))


def inside(shape: regions.Shape, lon: Any, lat: Any) -> Any:
    if isinstance(shape, Polygon):
        return regions.signed_distance(shape, lon, lat) <= 0
    return regions.separation(lon, lat, shape.lon, shape.lat) <= getattr(shape, "radius", 0)


def test_pairs_of_shapes_agree_with_random_points() -> None:
    """If random points are in both, the shapes intersect; if none is in one only, it may be contained; and back."""
    rng = np.random.default_rng(7)
    lon, lat = sphere(rng, 15_000)
    contained = apart = 0
    for _ in range(200):
        a, b = random_shape(rng), random_shape(rng)
        in_a, in_b = inside(a, lon, lat), inside(b, lon, lat)
        shared = int((in_a & in_b).sum())
        meet = regions.intersects(a, b)
        assert meet == regions.intersects(b, a)
        assert meet or shared == 0, (a, b)
        if meet and shared == 0:  # then what they share is too small to be hit
            assert overlap(a, b) < 60, (a, b)
        is_in = regions.contains(a, b)
        assert not is_in or (in_b & ~in_a).sum() == 0, (a, b)
        if not is_in and in_b.sum() > 15 and (in_b & ~in_a).sum() == 0:
            raise AssertionError(f"{b} seems to lie in {a}")
        contained, apart = contained + is_in, apart + (not meet)
    assert contained > 3
    assert apart > 20


def overlap(a: regions.Shape, b: regions.Shape) -> float:
    """Common area in square degrees, by many random points."""
    lon, lat = sphere(np.random.default_rng(8), 200_000)
    return float((inside(a, lon, lat) & inside(b, lon, lat)).mean() * 41253)


def test_a_polygon_that_fills_a_notch_is_not_contained() -> None:
    """All vertices of the inner are vertices of the outer and no edges cross, yet it lies outside."""
    notch = Polygon(((40, 0), (10, 10), (0, 40)))
    assert not regions.contains(ARROW, notch)
    assert regions.intersects(ARROW, notch)
    assert regions.contains(ARROW, ARROW)
    assert regions.contains(Polygon(((0, 0), (40, 0), (0, 40))), ARROW)


def test_boundaries_belong_to_shapes() -> None:
    """ADQL 2.1 section 4.2.12: CONTAINS includes the boundary."""
    assert regions.contains(SQUARE, Point(10, -5))
    assert regions.contains(SQUARE, Point(20, 0))
    assert not regions.contains(SQUARE, Point(20.000001, 0))
    assert regions.contains(Circle(0, 0, 10), Point(10, 0))
    assert regions.intersects(Circle(0, 0, 10), Circle(20, 0, 10))
    assert regions.contains(Point(1, 2), Point(1, 2))
    assert not regions.contains(Point(1, 2), Circle(1, 2, 1))
    assert regions.contains(Circle(0, 0, 100), Polygon(((80, 0), (0, 80), (280, 0), (0, -80))))
    assert not regions.contains(Circle(0, 0, 100), Polygon(((130, 0), (50, 0), (90, 60))))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("CIRCLE ICRS 83.63 22.01 2.5", Circle(83.63, 22.01, 2.5)),
        ("Circle 10 -20 .5", Circle(10, -20, 0.5)),
        ("Position ICRS TOPOCENTER 1e1 -2", Point(10, -2)),
        ("polygon  FK5 BARYCENTER SPHERICAL2 10 -5\n20 -5 20 5 10 5", SQUARE),
        ("CIRCLE ICRS -10 0 1", Circle(350, 0, 1)),
    ],
)
def test_stcs_is_read_and_written(text: str, shape: regions.Shape) -> None:
    """STC-S 1.33 as ObsCore 1.1 section B.6.2 uses it in s_region."""
    assert regions.parse_stcs(text) == shape
    assert regions.parse_stcs(regions.format_stcs(shape)) == shape
    assert regions.from_array(regions.to_array(shape)) == shape


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("CIRCLE GALACTIC 1 2 3", "GALACTIC"),
        ("CIRCLE ICRS 1 2", "2 numbers do not make a CIRCLE"),
        ("CIRCLE ICRS 1 2 3 x", "'x' is not a number"),
        ("CIRCLE ICRS 1 95 3", "latitude"),
        ("CIRCLE ICRS 1 2 -3", "radius"),
        ("POLYGON ICRS 1 2 3 4", "4 numbers"),
        ("UNION ICRS 1 2", "no known shape"),
        ("CIRCLE ICRS nan 2 3", "NAN"),
        ("CIRCLE ICRS 1 2 1_0", "1_0"),
    ],
)
def test_what_is_no_region_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        regions.parse_stcs(text)


def test_degenerate_polygons_are_refused() -> None:
    for text in ("POLYGON 1 2 1 2 1 2", "POLYGON 0 0 0 0 10 10", "POLYGON 0 0 180 0 90 40"):
        with pytest.raises(ValueError, match="polygon"):
            regions.region_box(text)


def test_dali_text_is_read() -> None:
    """DALI 1.1 section 3.3: numbers alone; DALI 1.2 draft: after the name of the shape."""
    assert regions.parse_dali("1 2 3") == Circle(1, 2, 3)
    assert regions.parse_dali("circle 1 2 3") == Circle(1, 2, 3)
    assert regions.parse_dali("1 2") == Point(1, 2)
    with pytest.raises(ValueError, match="polygon"):
        regions.parse_dali("polygon 1 2 3")


def test_hidden_columns_of_missing_values() -> None:
    assert regions.position_columns(None, 3.0) == (None, None, None)
    assert regions.region_box(None) == (None,) * 6
    assert regions.position_columns(90.0, 0.0) == pytest.approx((0, 1, 0), abs=1e-15)


@pytest.mark.parametrize("name", POLYGONS)
def test_areas_are_taken(name: str) -> None:
    regions.check_area(POLYGONS[name])
    regions.check_area(Point(1, 2))


@pytest.mark.parametrize(
    "vertices",
    [
        ((0, 0), (10, 10), (10, 0), (0, 10)),
        ((170, 85), (350, 85), (80, 85), (260, 85)),
        ((358, -3), (2, 3), (2, -3), (0, 5), (358, 3)),
    ],
)
def test_edges_that_cross_make_no_area(vertices: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="cross each other"):
        regions.check_area(Polygon(vertices))
    turned = tuple((lon + 77.7, -lat) for lon, lat in reversed(vertices))
    with pytest.raises(ValueError, match="cross each other"):
        regions.check_area(Polygon(turned))


def test_one_crossing_of_many_edges_is_found() -> None:
    """More pairs of edges than are looked at together."""
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    corners = list(zip((50 + 3 * np.cos(angles)).tolist(), (3 * np.sin(angles)).tolist(), strict=True))
    regions.check_area(Polygon(tuple(corners)))
    corners[2500], corners[2501] = corners[2501], corners[2500]
    with pytest.raises(ValueError, match="cross each other"):
        regions.check_area(Polygon(tuple(corners)))
