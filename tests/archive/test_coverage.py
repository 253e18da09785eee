"""Fields of view beside coverages, against points strewn over the field."""

from __future__ import annotations

import math

import numpy as np
import pytest

from archive.coverage import is_touched
from archive.models import Observation
from events.moc import Moc
from events.selection import Selection
from vo.healpix import cells


def strewn(lon: float, lat: float, radius: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Random positions (deg) within a circle."""
    rng = np.random.default_rng(1)
    centre = np.array([np.cos(a := np.radians(lon)) * (c := np.cos(b := np.radians(lat))), np.sin(a) * c, np.sin(b)])
    first = np.cross(centre, [0, 0, 1] if abs(lat) < 80 else [1, 0, 0])
    first /= np.linalg.norm(first)
    z, phi = 1 - rng.uniform(0, 1, count) * (1 - np.cos(np.radians(radius))), rng.uniform(0, 2 * np.pi, count)
    across = np.cos(phi)[:, None] * first + np.sin(phi)[:, None] * np.cross(centre, first)
    x, y, z = (z[:, None] * centre + np.sqrt(1 - z**2)[:, None] * across).T
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))


@pytest.mark.parametrize(
    ("lon", "lat", "radius"),
    [(83.6, 22.0, 2.5), (0.0, 0.0, 0.3), (45.0, 41.8, 20.0), (10.0, 89.9, 2.5), (200.0, -89.0, 20.0)],
)
def test_coverages(lon: float, lat: float, radius: float) -> None:
    """MOC 2.0: a coverage meets a field if a point of it is in the field, and not if it is well away from it."""
    rng = np.random.default_rng(int(radius * 100 + lon))
    inside = strewn(lon, lat, radius)
    nearby = strewn(lon, lat, 1.2 * radius)
    centres = strewn(lon, lat, 2.5 * radius, 20)
    field = Observation(ra_pnt=lon, dec_pnt=lat, fov_radius=radius)
    found = set()
    for centre in zip(*centres, strict=True):
        # Cells of which points strewn over the field hit each.
        order = int(rng.integers(1, math.log2(900 / radius)))
        moc = Moc.parse(f"{order}/{int(cells(*centre, order))}")
        touched = is_touched(field, Selection(regions=(moc,)))
        if moc.contains(*inside).any():
            assert touched, (centre, order)
        elif not moc.contains(*nearby).any():
            assert not touched, (centre, order)
        found.add(touched)
    assert found == {True, False}


def test_coverages_within_and_without() -> None:
    """A cell that is far smaller than the field, all of the sky, and nothing at all."""
    field = Observation(ra_pnt=83.63, dec_pnt=22.51, fov_radius=2.5)
    tiny = f"20/{int(cells(84.1234, 23.4321, 20))}"
    for text, expected in ((tiny, True), ("0/0-11", True), ("0/", False), ("29/0", False)):
        assert is_touched(field, Selection(regions=(Moc.parse(text),))) is expected, text
