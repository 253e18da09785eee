"""Time coverage: cells, text and back."""

from __future__ import annotations

import numpy as np
import pytest

from vo.tmoc import MAX_ORDER, decode, degrade, encode


def test_cells_are_nested() -> None:
    """MOC 2.0, ASCII serialisation: the largest cells that fit, by order; the last order is always told."""
    assert encode([(0, 2**61)], 10) == "0/0 10/"
    assert encode([(2**60, 2**61)], 1) == "1/1"
    assert encode([(0, 3)], 61) == "60/0 61/2"
    assert encode([(1, 8)], 61) == "59/1 60/1 61/1"
    assert encode([], 29) == "29/"


def test_ranges_of_cells_are_written_with_a_dash() -> None:
    assert encode([(1, 2), (3, 4), (6, 7)], 61) == "61/1 3 6"
    assert decode("61/1-3 6") == ((1, 4), (6, 7))
    # Cells 1 and 2 are neighbours of different parents, which cannot be joined in a larger cell.
    assert encode([(1, 3)], 61) == "61/1-2"


def test_known_text() -> None:
    """MOC 2.0: cell 1 of order 31 and cell 4 of order 32 are neighbours; made at order 35."""
    ranges = decode("31/1 32/4 35/")
    assert ranges == ((2**30, 5 * 2**29),)
    assert encode(ranges, 35) == "31/1 32/4 35/"


def test_rounding_is_outwards() -> None:
    """A coverage never loses a part of what it covers."""
    assert degrade([(5, 6), (1000, 1023)], 61 - 3) == ((0, 8), (1000, 1024))


def test_neighbours_and_overlaps_merge() -> None:
    assert degrade([(10, 20), (0, 10), (15, 30)], MAX_ORDER) == ((0, 30),)


def test_round_trip_of_random_intervals() -> None:
    rng = np.random.default_rng(3)
    for order in (61, 50, 41, 20):
        start = np.sort(rng.integers(0, 2**61 - 2**40, 40))
        intervals = [(int(s), int(s) + int(rng.integers(1, 2**38))) for s in start]
        assert decode(encode(intervals, order)) == degrade(intervals, order)


@pytest.mark.parametrize("text", ["x", "1", "3/9", "3/2-1", "70/1", "5/-1", "2/1 a"])
def test_what_is_no_coverage(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


@pytest.mark.parametrize("interval", [(5, 5), (6, 5), (-1, 5), (0, 2**61 + 1)])
def test_what_is_no_interval(interval: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no interval"):
        encode([interval], 40)
