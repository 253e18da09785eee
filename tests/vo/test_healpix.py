"""HEALPix cells, nested: values of another implementation, and what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest

from vo.healpix import cells

# astropy-healpix 1.1, orders 0, 3, 12 and 29.
KNOWN = {
    (0.0, 90.0): (0, 63, 16777215, 288230376151711743),
    (0.0, -90.0): (8, 512, 134217728, 2305843009213693952),
    (83.63, 22.01): (5, 377, 99064147, 1701909088298849616),
    (266.4, -29.0): (7, 450, 118088268, 2028741010432736142),
    (359.9999, 41.81): (4, 319, 83886079, 1441151880752246094),
    (180.0, -89.9999): (10, 640, 167772160, 2882303761519225482),
    (-92.6, -30.5): (7, 450, 118044590, 2027990618948424268),
}


@pytest.mark.parametrize("place", KNOWN)
def test_known_cells(place: tuple[float, float]) -> None:
    assert tuple(int(cells(*place, order)) for order in (0, 3, 12, 29)) == KNOWN[place]


def test_cells_are_nested_and_of_equal_area() -> None:
    """Gorski et al. 2005, section 2: four cells in each of the next larger ones, all of the same area."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-360, 720, 120_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 120_000)))
    finest = cells(lon, lat)
    for order in (0, 1, 4, 13, 28):
        assert np.array_equal(cells(lon, lat, order), finest >> 2 * (29 - order))
    counts = np.bincount(cells(lon, lat, 2), minlength=192)
    assert len(counts) == 192
    assert np.abs(counts - 625).max() < 6 * 25


def test_edges_of_the_sphere() -> None:
    assert np.array_equal(cells([0.0, 360.0, -360.0], 10.0), np.full(3, cells(0.0, 10.0)))
    assert cells([1.0, np.nan], [np.inf, 2.0]).tolist() == [-1, -1]
    with pytest.raises(ValueError, match="0 to 29, not 30"):
        cells(0, 0, 30)
