"""Picture of the maps: counts, background, excess and significance, with the source marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.visualization.wcsaxes import SphericalCircle
from gammapy.maps import Map
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure


def map_figure(maps: Mapping[str, Map], position: SkyCoord, on_radius: float, title: str) -> Figure:
    """Four panels of equal projection; `on_radius` in degrees is drawn around `position`."""
    figure = Figure(figsize=(10.0, 8.6), dpi=120)
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.06, top=0.92, wspace=0.22, hspace=0.2)
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = (
        ("counts", "Counts", "viridis", _counts),
        ("background", "Background", "viridis", _linear),
        ("excess", f"Excess in {on_radius:g} deg", "inferno", _counts),
        ("significance", f"Significance in {on_radius:g} deg", "RdBu_r", _signed),
    )
    for number, (name, label, colours, norm) in enumerate(panels, start=1):
        image = maps[name]
        data = image.data.squeeze()
        axes = figure.add_subplot(2, 2, number, projection=image.geom.wcs)
        drawn = axes.imshow(data, origin="lower", cmap=colours, norm=norm(data), interpolation="nearest")
        axes.add_patch(
            SphericalCircle(
                (position.ra, position.dec),
                on_radius * position.ra.unit,
                transform=axes.get_transform("icrs"),
                edgecolor="black" if norm is _signed else "white",
                facecolor="none",
            )
        )
        axes.set_title(label)
        for coordinate, text in ((axes.coords[0], "Right ascension"), (axes.coords[1], "Declination")):
            coordinate.set_axislabel(text)
        figure.colorbar(drawn, ax=axes, shrink=0.85)
    return figure


def _highest(data: np.ndarray) -> float:
    return float(np.nanmax(data, initial=0))


def _counts(data: np.ndarray) -> Normalize:
    """Square root from 0 up, so that single events and a bright source are both seen."""
    return PowerNorm(0.5, vmin=0, vmax=_highest(data) or 1.0, clip=True)


def _linear(data: np.ndarray) -> Normalize:
    return Normalize(vmin=0, vmax=_highest(data) or 1.0)


def _signed(data: np.ndarray) -> Normalize:
    """White at 0, equally strong up and down, saturated at 10 sigma at most."""
    limit = min(max(_highest(data), 5.0), 10.0)
    return Normalize(vmin=-limit, vmax=limit)
