"""Pictures of data that are no event lists: light curves, counts spectra, flux points, catalogues."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archive.readers.sketches import CurveSketch, FluxSketch, SourcesSketch, SpectrumSketch

_PLACE = (0.105, 0.145, 0.875, 0.755)
"""Left, bottom, width, height in parts of the figure."""
_BLUE, _ORANGE, _GREY = "#1f5f8b", "#d9822b", "#7a7a7a"
_POINTS = 400
"""Bins that are drawn one by one; more would hide each other."""
_GROUP = 20
"""Counts that the bins of a fine spectrum are joined to."""
_PLANE = 15.0
"""deg: sources that are all nearer to the galactic plane are shown in a strip along it."""
_CLASSES = 7
"""Classes of sources with a colour of their own."""
_DAY = 86_400.0


def draw(figure: Figure, sketch: CurveSketch | SpectrumSketch | FluxSketch | SourcesSketch) -> None:
    """Draw a sketch into an empty figure of the size of a preview."""
    if isinstance(sketch, SourcesSketch):
        _sources(figure, sketch)
        return
    axes = figure.add_axes(_PLACE)
    axes.tick_params(which="both", labelsize=7)
    if isinstance(sketch, CurveSketch):
        _curve(axes, sketch)
    elif isinstance(sketch, SpectrumSketch):
        _spectrum(axes, sketch)
    else:
        _flux_points(axes, sketch)


def _curve(axes: Axes, sketch: CurveSketch) -> None:
    start = float(np.floor(sketch.time[0] * _DAY)) / _DAY
    span = float(sketch.time[-1] - start)
    scale, unit = (_DAY, "s") if span < 0.2 else (1.0, "d")
    time = (sketch.time - start) * scale
    if time.size <= _POINTS:
        axes.errorbar(
            time,
            sketch.value,
            sketch.error,
            sketch.half_width * scale,
            fmt=".",
            ms=3,
            lw=0.8,
            color=_BLUE,
            ecolor=_BLUE,
        )
    else:
        axes.plot(time, sketch.value, drawstyle="steps-mid", lw=0.7, color=_BLUE)
        axes.fill_between(
            time, sketch.value - sketch.error, sketch.value + sketch.error, step="mid", color=_BLUE, alpha=0.25, lw=0
        )
    axes.set_xlabel(f"time since MJD {start:.5f} (UTC), {unit}", fontsize=8)
    axes.set_ylabel(sketch.quantity, fontsize=8)


def _spectrum(axes: Axes, sketch: SpectrumSketch) -> None:
    edges, value, error, background = _grouped(sketch)
    width = np.diff(edges)
    logarithmic = sketch.unit != "channel"
    centre = (
        np.sqrt(np.maximum(edges[1:] * edges[:-1], 1e-300)) if logarithmic and edges[0] > 0 else edges[:-1] + width / 2
    )
    if background is not None:
        axes.stairs(background / width, edges, color=_ORANGE, lw=1.2, label="background", baseline=None)
    axes.errorbar(
        centre, value / width, error / width, [centre - edges[:-1], edges[1:] - centre],
        fmt=".", ms=3, lw=0.8, color=_BLUE, label="spectrum",
    )  # fmt: skip
    if logarithmic:
        axes.set_xscale("log")
    positive = (value / width)[value > 0]
    if positive.size:
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 4, positive.max() * 3)
    axes.minorticks_off()
    axes.set_xlabel("channel" if not logarithmic else f"energy ({sketch.unit})", fontsize=8)
    axes.set_ylabel(f"{sketch.quantity} per {sketch.unit}", fontsize=8)
    if background is not None:
        axes.legend(fontsize=7, frameon=False)


def _grouped(sketch: SpectrumSketch) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Edges, values, errors, background; neighbouring bins of a fine spectrum are joined until they say something."""
    good = np.isfinite(sketch.value) & np.isfinite(sketch.error)
    seen = good & ((sketch.value != 0) | (sketch.background != 0 if sketch.background is not None else False))
    value, variance = np.where(good, sketch.value, 0.0), np.where(good, sketch.error, 0.0) ** 2
    first, last = (int(np.flatnonzero(seen)[i]) for i in (0, -1)) if seen.any() else (0, value.size - 1)
    if last - first + 1 <= 120:
        starts = np.arange(first, last + 1)
    else:
        cumulative = np.cumsum(value[first : last + 1])
        step = max(cumulative[-1] / 100, _GROUP if sketch.quantity == "counts" else 0.0)
        wanted = np.floor(np.maximum.accumulate(cumulative) / step) if step > 0 else np.arange(cumulative.size) // 30
        starts = first + np.flatnonzero(np.diff(wanted, prepend=-1.0))
    edges = np.append(sketch.edges[starts], sketch.edges[last + 1])
    joined = [np.add.reduceat(a[: last + 1], starts) for a in (value, variance)]
    background = None if sketch.background is None else np.add.reduceat(sketch.background[: last + 1], starts)
    return edges, joined[0], np.sqrt(joined[1]), background


def _flux_points(axes: Axes, sketch: FluxSketch) -> None:
    limits = np.isfinite(sketch.limit)
    points = np.isfinite(sketch.value) & ~limits
    across = np.array([sketch.energy - sketch.low, sketch.high - sketch.energy])
    if points.any():
        errors = np.nan_to_num(np.array([sketch.down, sketch.up])[:, points])
        axes.errorbar(
            sketch.energy[points], sketch.value[points], errors, across[:, points], fmt="o", ms=4, lw=1, color=_BLUE
        )
    if limits.any():
        axes.errorbar(
            sketch.energy[limits], sketch.limit[limits], 0.3 * sketch.limit[limits], across[:, limits],
            uplims=True, fmt="_", ms=4, lw=1, color=_GREY, label="upper limit",
        )  # fmt: skip
        axes.legend(fontsize=7, frameon=False)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("energy (TeV)", fontsize=8)
    axes.set_ylabel("E² dN/dE (erg cm⁻² s⁻¹)", fontsize=8)
    axes.tick_params(which="both", labelsize=7)


def _sources(figure: Figure, sketch: SourcesSketch) -> None:
    # Longitude grows to the left, as one sees the sky from inside.
    longitude = (sketch.longitude + 180.0) % 360.0 - 180.0
    in_plane = bool(np.all(np.abs(sketch.latitude) < _PLANE))
    if in_plane:
        axes = figure.add_axes((0.08, 0.3, 0.72, 0.45))
        x, y = longitude, sketch.latitude
    else:
        axes = figure.add_axes((0.03, 0.09, 0.8, 0.8), projection="mollweide")
        x, y = -np.radians(longitude), np.radians(sketch.latitude)
    kinds = np.array([kind or "other" for kind in sketch.kind])
    names, counts = np.unique(kinds, return_counts=True)
    frequent = [str(name) for name in names[np.argsort(-counts, kind="stable")]][:_CLASSES]
    for number, name in enumerate(frequent):
        chosen = kinds == name
        axes.plot(x[chosen], y[chosen], "o", ms=3, color=f"C{number}", label=f"{name[:18]} ({int(chosen.sum())})")
    rest = ~np.isin(kinds, frequent)
    if rest.any():
        axes.plot(x[rest], y[rest], "o", ms=3, color=_GREY, label=f"others ({int(rest.sum())})")
    if in_plane:
        axes.invert_xaxis()
        axes.tick_params(labelsize=7)
        axes.set_xlabel("galactic longitude (deg)", fontsize=8)
        axes.set_ylabel("latitude (deg)", fontsize=8)
    else:
        axes.set_xticks(np.radians([-120, -60, 0, 60, 120]), ["120°", "60°", "0°", "300°", "240°"], fontsize=7)
        axes.set_yticks(np.radians([-60, -30, 30, 60]), ["−60°", "−30°", "30°", "60°"], fontsize=7)
    axes.grid(lw=0.4, alpha=0.6)
    if frequent != ["other"]:
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
