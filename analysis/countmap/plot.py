"""Picture of the maps: counts, background, exposure, excess and significance, with the source marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import Map
from matplotlib.figure import Figure

from analysis.maps.panels import (
    add_distribution,
    add_panel,
    circle,
    counts_scale,
    linear_scale,
    new_figure,
    signed_scale,
)


def map_figure(
    maps: Mapping[str, Map], outside: np.ndarray, position: SkyCoord, on_radius: float, title: str
) -> Figure:
    """Five maps, the on region (`on_radius` in degrees) drawn around `position`, and the distribution of significances.

    `outside` (y, x) is False in the excluded disks.
    """
    figure = new_figure(title)
    panels = (
        ("counts", "Counts", "viridis", counts_scale),
        ("background", "Background", "viridis", linear_scale),
        ("exposure", "Exposure (cm² s)", "viridis", linear_scale),
        ("excess", f"Excess in {on_radius:g} deg", "inferno", counts_scale),
        ("significance", f"Significance in {on_radius:g} deg", "RdBu_r", signed_scale),
    )
    for number, (name, label, colours, scale) in enumerate(panels, start=1):
        axes = add_panel(figure, number, maps[name], label, colours, scale)
        circle(axes, position, on_radius, "black" if scale is signed_scale else "white")
    add_distribution(figure, 6, maps["significance"].data, outside)
    return figure
