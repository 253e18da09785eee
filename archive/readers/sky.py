"""Circles around points on the sky."""

from __future__ import annotations

import math

import numpy as np

from vo.regions import unit_vectors

_STEPS = 300


def enclosing_circle(ra: np.ndarray, dec: np.ndarray) -> tuple[float, float, float] | None:
    """(ra, dec, radius) in deg of a small circle around points; None for no points, or for more than half the sky.

    The centre walks towards the farthest point in ever smaller steps (Badoiu and Clarkson 2003); the radius then covers
    every point and is at most a few per cent larger than the smallest possible one.
    """
    if ra.size == 0:
        return None
    points = unit_vectors(ra, dec)
    centre = points.mean(axis=0)
    if np.linalg.norm(centre) < 0.1:
        return None
    centre /= np.linalg.norm(centre)
    for step in range(1, _STEPS + 1):
        farthest = points[int(np.argmin(points @ centre))]
        centre = centre + (farthest - centre) / (step + 1)
        centre /= np.linalg.norm(centre)
    chord = float(np.linalg.norm(points - centre, axis=1).max())
    radius = 2 * math.degrees(math.asin(min(chord / 2, 1.0)))
    if radius > 90:
        return None
    longitude = math.degrees(math.atan2(centre[1], centre[0])) % 360.0
    return longitude, math.degrees(math.asin(max(-1.0, min(1.0, centre[2])))), radius
