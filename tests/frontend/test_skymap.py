"""The map of the sky."""

from __future__ import annotations

import math

import pytest
from astropy.coordinates import SkyCoord

from frontend import skymap


@pytest.mark.parametrize(
    ("ra", "dec"), [(0, 0), (360, 0), (0, 90), (123, -90), (90, 0), (270, 0), (83.6, 22), (329.7, -30.2), (179, 60)]
)
def test_hammer_projection(ra: float, dec: float) -> None:
    """Hammer: x = 2√2 cos δ sin(α/2) / n, y = √2 sin δ / n, n = √(1 + cos δ cos(α/2)); the ends are at 2√2 and √2."""
    lon, lat = math.remainder(math.radians(ra), 2 * math.pi), math.radians(dec)
    n = math.sqrt(1 + math.cos(lat) * math.cos(lon / 2))
    x = math.cos(lat) * math.sin(lon / 2) / n
    y = math.sin(lat) / n
    assert skymap.project(ra, dec) == pytest.approx((360 - 352 * x, 180 - 172 * y), abs=0.1)


def test_everything_is_inside() -> None:
    for ra in range(0, 361, 10):
        for dec in range(-90, 91, 10):
            x, y = skymap.project(ra, dec)
            assert ((x - 360) / 352) ** 2 + ((y - 180) / 172) ** 2 <= 1.001


@pytest.mark.parametrize("lon", [0, 33, 90, 123, 200, 359])
def test_galactic_plane(lon: float) -> None:
    expected = SkyCoord(l=lon, b=0, unit="deg", frame="galactic").icrs
    ra, dec = skymap._from_galactic(lon)
    assert SkyCoord(ra, dec, unit="deg").separation(expected).deg < 1e-3


def test_spots_are_linked_and_small_ones_lie_on_top() -> None:
    sky = skymap.sky_map([("A", 10, 10, 1, "/a"), ("B", 20, 20, 64, "/b")])
    assert [(s.label, s.href) for s in sky.spots] == [("B: 64 observations", "/b"), ("A: 1 observation", "/a")]
    assert sky.spots[0].r > sky.spots[1].r
