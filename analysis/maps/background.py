"""The level of an observation's background model, from the counts outside of known sources."""

from __future__ import annotations

import numpy as np

from analysis.maps.reduction import RunMaps
from analysis.observations import UnusableObservation


def field_of_view_norm(maps: RunMaps, outside: np.ndarray) -> float:
    """Counts over expected background where `outside` is True: an image (y, x) of the whole grid.

    The method "scale" of `gammapy.makers.FoVBackgroundMaker`. Raises UnusableObservation where there are no counts or
    no background to compare.
    """
    region = outside[maps.place]
    counts, background = (float(cube.sum(axis=0, dtype=float)[region].sum()) for cube in (maps.counts, maps.background))
    if counts <= 0 or background <= 0:
        raise UnusableObservation("it has no events outside of the excluded disks to scale its background model with")
    return counts / background
