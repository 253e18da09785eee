"""The picture of a data set: events in the field of view and their energies, or what `archive.pictures` draws.

No global state of matplotlib.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archive import pictures
from archive.readers.records import ProductRecord
from archive.readers.sketches import (
    CurveSketch,
    EventSketch,
    FluxSketch,
    SourcesSketch,
    SpectrumSketch,
)

SIZE_LIMIT = 60_000
"""bytes; previews travel in result pages by the dozen."""
_PLACES = ((0.065, 0.14, 0.36, 0.76), (0.45, 0.14, 0.018, 0.76), (0.62, 0.14, 0.36, 0.76))
"""Field of view, its colour bar, energies: left, bottom, width, height in parts of the figure."""
_BINS = 60
_BLUE, _ORANGE = "#1f5f8b", "#d9822b"
_SHOWN = {
    EventSketch: "Events in the field of view, and their energies",
    CurveSketch: "Light curve",
    SpectrumSketch: "Counts spectrum and its background",
    FluxSketch: "Flux points",
    SourcesSketch: "Sources on the sky (galactic coordinates)",
}


def describe(record: ProductRecord) -> str:
    """What the picture shows, for people."""
    return _SHOWN[type(record.sketch)]


def render(record: ProductRecord) -> bytes:
    """A PNG of 760 x 340 pixels; the same record gives the same bytes."""
    figure = Figure(figsize=(7.6, 3.4), dpi=100)
    # A dollar sign would start a formula.
    figure.suptitle(_title(record).replace("$", " "), fontsize=10, y=0.985)
    if isinstance(record.sketch, EventSketch):
        _events(figure, record, record.sketch)
    else:
        pictures.draw(figure, record.sketch)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _title(record: ProductRecord) -> str:
    words = [f"{record.instrument_name} {record.obs_id}".strip(), record.target_name]
    if isinstance(record.sketch, EventSketch):
        events = f"{record.sketch.energy.size} events"
        words.append(events if record.livetime is None else f"{events}, {record.livetime / 60:.1f} min")
    elif isinstance(record.sketch, SourcesSketch):
        words.append(f"{len(record.sketch.kind)} sources")
    elif record.livetime is not None:
        words.append(f"{record.livetime / 60:.1f} min")
    return "  ".join(word for word in words if word)


def _events(figure: Figure, record: ProductRecord, sketch: EventSketch) -> None:
    # Places by hand: an automatic layout draws everything twice.
    image, bar, histogram = (figure.add_axes(place) for place in _PLACES)
    mesh = _field(image, record, sketch)
    _colour_bar(figure.colorbar(mesh, cax=bar, ticks=MaxNLocator(5, integer=True)), record)
    _energies(histogram, record, sketch)


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
    axes.minorticks_off()  # half of the time of drawing
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
