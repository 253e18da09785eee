"""Picture of distilled events: a counts map, and the energies before and after the selection."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.visualization.wcsaxes import SphericalCircle, WCSAxes
from astropy.wcs import WCS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.distil.sketch import EDGES, Sketch
from events.sky import Circle, Polygon, SkyRegion
from vo.regions import separation, unit_vectors

_PIXELS = 120
"""Along a side of the map."""
_SMALLEST, _LARGEST = 0.05, 150.0
"""deg; width of the map."""


def event_figure(drawn: Sketch, regions: Sequence[SkyRegion], title: str) -> Figure:
    """Map of the selected events with circles and polygons drawn, and histograms of energies."""
    figure = Figure(figsize=(12.0, 5.2), dpi=100)
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.12, top=0.87, wspace=0.28)
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    _add_map(figure, drawn, regions)
    _add_energies(figure, drawn)
    return figure


def _add_map(figure: Figure, drawn: Sketch, regions: Sequence[SkyRegion]) -> None:
    lon = np.concatenate([np.empty(0), *drawn.lon])
    lat = np.concatenate([np.empty(0), *drawn.lat])
    frame = _frame(lon, lat, regions)
    if frame is None:
        axes = figure.add_subplot(1, 2, 1)
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No event is in the selection", horizontalalignment="center")
        return
    (centre_lon, centre_lat), width = frame
    wcs = _projection(centre_lon, centre_lat, width)
    axes = figure.add_subplot(1, 2, 1, projection=wcs)
    counts = np.zeros((_PIXELS, _PIXELS))
    if len(lon):
        near = separation(lon, lat, centre_lon, centre_lat) < 89
        x, y = wcs.wcs_world2pix(lon[near], lat[near], 0)
        edges = np.arange(_PIXELS + 1) - 0.5
        counts, _, _ = np.histogram2d(y, x, [edges, edges])
    counts *= drawn.every
    image = axes.imshow(
        counts, origin="lower", cmap="viridis", norm=PowerNorm(0.5, vmin=0, vmax=max(1.0, counts.max()), clip=True),
        interpolation="nearest",
    )  # fmt: skip
    axes.set_title(f"{drawn.selected} events" if drawn.selected else "No event is in the selection")
    for coordinate, text in ((axes.coords[0], "Right ascension"), (axes.coords[1], "Declination")):
        coordinate.set_axislabel(text)
    figure.colorbar(image, ax=axes, shrink=0.85, label="events per pixel")
    for region in regions:
        _outline(axes, region)


def _projection(lon: float, lat: float, width: float) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"] if width < 60 else ["RA---ARC", "DEC--ARC"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [lon, lat]
    wcs.wcs.crpix = [(_PIXELS + 1) / 2] * 2
    wcs.wcs.cdelt = [-width / _PIXELS, width / _PIXELS]
    return wcs


def _frame(
    lon: NDArray[np.float64], lat: NDArray[np.float64], regions: Sequence[SkyRegion]
) -> tuple[tuple[float, float], float] | None:
    """Centre and width (deg) of the map: of the only circle, else of the events; None where there is neither."""
    if len(regions) == 1 and isinstance(regions[0], Circle):
        circle = regions[0]
        return (circle.lon, circle.lat), min(max(2.2 * circle.radius, _SMALLEST), _LARGEST)
    if not len(lon):
        return None
    x, y, z = unit_vectors(lon, lat).mean(axis=0)
    centre = (math.degrees(math.atan2(y, x)) % 360, math.degrees(math.atan2(z, math.hypot(x, y))))
    reach = float(np.quantile(separation(lon, lat, *centre), 0.99))
    return centre, min(max(2.2 * reach, _SMALLEST), _LARGEST)


def _outline(axes: WCSAxes, region: SkyRegion) -> None:
    if isinstance(region, Circle):
        axes.add_patch(
            SphericalCircle(
                (region.lon * u.deg, region.lat * u.deg), region.radius * u.deg,
                transform=axes.get_transform("icrs"), edgecolor="white", facecolor="none",
            )
        )  # fmt: skip
    elif isinstance(region, Polygon):
        closed = np.array([*region.vertices, region.vertices[0]])
        axes.plot(closed[:, 0], closed[:, 1], transform=axes.get_transform("icrs"), color="white")


def _add_energies(figure: Figure, drawn: Sketch) -> None:
    axes = figure.add_subplot(1, 2, 2)
    axes.stairs(drawn.energies_before, EDGES, color="tab:grey", label="all events of the observations")
    axes.stairs(drawn.energies_after, EDGES, color="tab:red", label="selected events")
    axes.set_xscale("log")
    filled = np.flatnonzero(drawn.energies_before)
    if len(filled):
        axes.set_yscale("log")
        axes.set_xlim(EDGES[filled[0]], EDGES[filled[-1] + 1])
        axes.set_ylim(0.5, 2 * int(drawn.energies_before.max()))
    axes.set_xlabel("Reconstructed energy (TeV)")
    axes.set_ylabel("Events per bin")
    axes.set_title("Energies")
    axes.legend(loc="upper right", fontsize="small")
