"""Divides events into cells: compact groups of neighbours on the sky, of about one size."""

from __future__ import annotations

import numpy as np

from vo.regions import Box, unit_vectors

CELL_SIZE = 512
"""Most events of a cell."""


def divide(ra: np.ndarray, dec: np.ndarray, size: int = CELL_SIZE) -> list[np.ndarray]:
    """Positions (deg) in groups of `size / 2` to `size`, fewer if there are not so many: index arrays, each sorted.

    A k-d tree on the unit sphere: what is too large is halved where it extends farthest (Bentley 1975, CACM 18, 509).
    """
    vectors = unit_vectors(ra, dec)
    done: list[np.ndarray] = []
    waiting = [np.arange(len(vectors))]
    while waiting:
        group = waiting.pop()
        if group.size <= size:
            if group.size:
                done.append(np.sort(group))
            continue
        along = vectors[group]
        axis = int(np.argmax(np.ptp(along, axis=0)))
        halves = np.argpartition(along[:, axis], group.size // 2)
        waiting += [group[halves[group.size // 2 :]], group[halves[: group.size // 2]]]
    return done


def box(ra: np.ndarray, dec: np.ndarray) -> Box:
    """Bounding box of positions (deg) on the unit sphere: lower x, y, z, then upper ones."""
    vectors = unit_vectors(ra, dec)
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    return (*map(float, low), *map(float, high))  # type: ignore[return-value]
