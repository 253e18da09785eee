"""Pictures of event lists: the field of view; energies, and the rate of events over the good time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archive.readers.records import ProductRecord
from archive.readers.sketches import EventSketch

_FIELD, _BAR = (0.14, 0.14, 0.66, 0.74), (0.83, 0.14, 0.03, 0.74)
"""Field of view and its colour bar: left, bottom, width, height in parts of the figure."""
_ENERGIES, _RATE = (0.075, 0.14, 0.39, 0.76), (0.565, 0.14, 0.42, 0.76)
_BINS, _TIME_BINS = 60, 40
_SHORT = 0.1
"""Bins with less good time than this part of the fullest one are left out: their errors would hide all others."""
_BLUE, _ORANGE = "#1f5f8b", "#d9822b"
_DAY = 86_400.0


def draw_field(figure: Figure, record: ProductRecord, sketch: EventSketch) -> None:
    """Counts in the field of view, with its centre and the target, in an empty figure."""
    # Places by hand: an automatic layout draws everything twice.
    image, bar = figure.add_axes(_FIELD), figure.add_axes(_BAR)
    mesh = _field(image, record, sketch)
    _colour_bar(figure.colorbar(mesh, cax=bar, ticks=MaxNLocator(5, integer=True)), record)


def draw_counts(figure: Figure, record: ProductRecord, sketch: EventSketch) -> None:
    """The counts spectrum, and events for each unit of good time, in an empty figure."""
    _energies(figure.add_axes(_ENERGIES), record, sketch)
    _rate(figure.add_axes(_RATE), record, sketch)


def rates(mjd: np.ndarray, good: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events over time: bins + 1 edges (MJD), events in good time and good time (d) of each of the equal bins.

    `good` are n intervals (n x 2, MJD, n > 0), sorted and apart from each other.
    """
    edges = np.linspace(good[0, 0], good[-1, 1], bins + 1)
    nearest = np.searchsorted(good[:, 0], mjd, side="right") - 1
    counts, _ = np.histogram(mjd[(nearest >= 0) & (mjd <= good[nearest, 1])], edges)
    lengths = good[:, 1] - good[:, 0]
    passed = np.cumsum(lengths)
    lasting = np.diff(np.interp(edges, good.ravel(), np.column_stack([passed - lengths, passed]).ravel()))
    return edges, counts, lasting


def _field(axes: Axes, record: ProductRecord, sketch: EventSketch) -> QuadMesh:
    radius = _radius(record)
    edges = np.linspace(-radius, radius, _BINS + 1)
    counts, _, _ = np.histogram2d(sketch.north, sketch.east, bins=(edges, edges))
    mesh = axes.pcolormesh(
        edges, edges, counts, cmap="magma", norm=PowerNorm(0.5, 0, max(counts.max(), 1)), rasterized=True
    )
    axes.plot(0, 0, "+", color="white", ms=8)
    offset = _target_offset(record)
    if offset is not None and np.hypot(*offset) <= radius:
        axes.plot(*offset, "o", mfc="none", mec="#7fd1ff", ms=12)
    axes.set(xlim=(radius, -radius), ylim=(-radius, radius), aspect="equal")
    axes.set_xlabel("east of the centre (deg)", fontsize=8)
    axes.set_ylabel("north (deg)", fontsize=8)
    axes.tick_params(labelsize=7)
    return mesh


def _colour_bar(bar: Colorbar, record: ProductRecord) -> None:
    bar.set_label(f"counts per ({2 * _radius(record) / _BINS:.2f} deg)²", fontsize=7)
    bar.ax.tick_params(labelsize=7)


def _radius(record: ProductRecord) -> float:
    return record.fov_radius or 2.5


def _energies(axes: Axes, record: ProductRecord, sketch: EventSketch) -> None:
    energy = sketch.energy
    axes.set(xscale="log", yscale="log")
    # Minor ticks and powers of ten in formulae would be half of the time of drawing.
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    if energy.size:
        low, high = np.floor(np.log10(energy.min()) * 5) / 5, np.ceil(np.log10(energy.max()) * 5) / 5
        edges = np.logspace(low, max(high, low + 0.2), max(round((high - low) * 10), 2) + 1)
        counts, _ = np.histogram(energy, edges)
        axes.stairs(counts, edges, fill=True, color=_BLUE, alpha=0.85)
        axes.set_ylim(bottom=0.7)
    if record.energy_min is not None:
        axes.axvline(record.energy_min, color=_ORANGE, ls="--", lw=1.2, label=f"safe above {record.energy_min:.2f} TeV")
        axes.legend(fontsize=7, frameon=False)
    axes.set_xlabel("reconstructed energy (TeV)", fontsize=8)
    axes.set_ylabel("events", fontsize=8)
    axes.tick_params(labelsize=7)


def _rate(axes: Axes, record: ProductRecord, sketch: EventSketch) -> None:
    good = np.array(record.gti).reshape(-1, 2)
    start = float(np.floor(good[0, 0] * _DAY)) / _DAY
    scale, unit, word = (1440.0, "min", "minute") if good[-1, 1] - start < 0.2 else (1.0, "d", "day")
    edges, counts, lasting = rates(sketch.mjd, good, _TIME_BINS)
    shown = lasting >= _SHORT * lasting.max()
    counts, lasting, width = counts[shown], lasting[shown] * scale, np.diff(edges)[shown] * scale
    axes.errorbar(
        (edges[:-1][shown] - start) * scale + width / 2, counts / lasting, np.sqrt(np.maximum(counts, 1)) / lasting,
        width / 2, fmt=".", ms=3, lw=0.8, color=_BLUE,
    )  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"time since MJD {start:.5f} (UTC), {unit}", fontsize=8)
    axes.set_ylabel(f"events per {word} of good time", fontsize=8)
    axes.tick_params(labelsize=7)


def _target_offset(record: ProductRecord) -> tuple[float, float] | None:
    if record.ra_obj is None or record.dec_obj is None or record.ra is None or record.dec is None:
        return None
    delta, dec, dec_0 = (np.radians(v) for v in (record.ra_obj - record.ra, record.dec_obj, record.dec))
    cosine = np.sin(dec_0) * np.sin(dec) + np.cos(dec_0) * np.cos(dec) * np.cos(delta)
    if cosine <= 0.5:
        return None
    east = np.degrees(np.cos(dec) * np.sin(delta)) / cosine
    north = np.degrees(np.cos(dec_0) * np.sin(dec) - np.sin(dec_0) * np.cos(dec) * np.cos(delta)) / cosine
    return float(east), float(north)
