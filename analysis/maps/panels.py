"""Maps of one projection side by side in a picture, with their colour scales."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.visualization.wcsaxes import SphericalCircle, WCSAxes
from gammapy.maps import Map
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

TITLE_HEIGHT = 1.02
"""Of the titles of panels, in heights of a panel: given by hand, as to find it everything would be drawn twice."""
Scale = Callable[[np.ndarray], Normalize]


def new_figure(title: str) -> Figure:
    """An empty figure for two rows of three panels."""
    figure = Figure(figsize=(14.4, 8.6), dpi=100)
    figure.subplots_adjust(left=0.06, right=0.97, bottom=0.07, top=0.91, wspace=0.25, hspace=0.22)
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    return figure


def plain_log(axis: Axis) -> None:
    """Plain numbers at the decades of a logarithmic axis: typesetting powers, and minor ticks, take long to draw."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def add_panel(figure: Figure, number: int, image: Map, label: str, colours: str, scale: Scale) -> WCSAxes:
    """Draw a map as panel `number` (from 1) of a figure of `new_figure`."""
    data = image.data.squeeze()
    axes = figure.add_subplot(2, 3, number, projection=image.geom.wcs)
    drawn = axes.imshow(data, origin="lower", cmap=colours, norm=scale(data), interpolation="nearest")
    axes.set_title(label, y=TITLE_HEIGHT)
    for coordinate, text in ((axes.coords[0], "Right ascension"), (axes.coords[1], "Declination")):
        coordinate.set_axislabel(text)
    figure.colorbar(drawn, ax=axes, shrink=0.85, ticks=MaxNLocator(5))
    return axes


def circle(axes: WCSAxes, position: SkyCoord, radius: float, colour: str) -> None:
    """Draw a circle of `radius` (degrees) on the sky."""
    centre = (position.ra, position.dec)
    axes.add_patch(
        SphericalCircle(
            centre,
            radius * position.ra.unit,
            transform=axes.get_transform("icrs"),
            edgecolor=colour,
            facecolor="none",
        )
    )


def counts_scale(data: np.ndarray) -> Normalize:
    """Square root from 0 up, so that single events and a bright source are both seen."""
    return PowerNorm(0.5, vmin=0, vmax=_highest(data) or 1.0, clip=True)


def linear_scale(data: np.ndarray) -> Normalize:
    """From 0 up."""
    return Normalize(vmin=0, vmax=_highest(data) or 1.0)


def signed_scale(data: np.ndarray) -> Normalize:
    """White at 0, equally strong up and down, saturated at 10 sigma at most."""
    limit = min(max(_highest(data), 5.0), 10.0)
    return Normalize(vmin=-limit, vmax=limit)


def _highest(data: np.ndarray) -> float:
    return float(np.nanmax(data, initial=0))


def add_distribution(figure: Figure, number: int, significances: np.ndarray, outside: np.ndarray | None = None) -> None:
    """Histogram of significances, of all pixels and of those `outside` of the sources, beside the unit Gaussian.

    Where there are no sources and the background is understood, they follow the Gaussian.
    """
    axes = figure.add_subplot(2, 3, number)
    seen = np.isfinite(significances)
    values = np.clip(significances, -8, 12)
    step = 0.25
    edges = np.arange(-8, 12 + step, step).tolist()
    axes.hist(values[seen], edges, histtype="stepfilled", color="lightgrey", label="all")
    if outside is not None:
        seen = seen & outside
        axes.hist(values[seen], edges, histtype="step", color="black", label="outside of excluded disks")
        axes.legend(loc="upper right", fontsize="small")
    count = int(seen.sum())
    middle = np.array(edges[1:]) - step / 2
    axes.plot(middle, count * step * np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi), color="tab:red")
    axes.set_yscale("log")
    axes.set_ylim(0.5, None)
    axes.set_xlabel("Significance")
    axes.set_ylabel("Pixels")
    axes.set_title("Distribution of significances", y=TITLE_HEIGHT)
    plain_log(axes.yaxis)
