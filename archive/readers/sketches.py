"""What previews are drawn from: plain arrays, one kind of sketch for each kind of picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class EventSketch:
    """Events in the field of view (deg from its centre, east and north); energies (TeV) and times (MJD, UTC) of all."""

    east: np.ndarray
    north: np.ndarray
    energy: np.ndarray
    mjd: np.ndarray


@dataclass(frozen=True, slots=True)
class CurveSketch:
    """A light curve: middles and half widths of the bins (MJD, UTC), values with their errors (NaN where unknown)."""

    time: np.ndarray
    half_width: np.ndarray
    value: np.ndarray
    error: np.ndarray
    quantity: str
    """Name and unit of the values, for the axis."""


@dataclass(frozen=True, slots=True)
class SpectrumSketch:
    """A counts spectrum: n + 1 edges in `unit`, n values (counts or counts/s, NaN where bad), background in them."""

    edges: np.ndarray
    unit: str
    """keV, GeV or TeV; "channel" where the file tells no energies."""
    value: np.ndarray
    error: np.ndarray
    background: np.ndarray | None
    """Background expected in each bin, in the unit of the values."""
    quantity: str


@dataclass(frozen=True, slots=True)
class FluxSketch:
    """Flux points: energies (TeV), E^2 dN/dE (erg cm-2 s-1) with errors downwards and upwards, upper limits."""

    energy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    value: np.ndarray
    down: np.ndarray
    up: np.ndarray
    limit: np.ndarray
    """Upper limit where the point is one, else NaN."""


@dataclass(frozen=True, slots=True)
class SourcesSketch:
    """Sources of a catalogue: galactic longitude and latitude (deg) and class (empty where there is none)."""

    longitude: np.ndarray
    latitude: np.ndarray
    kind: tuple[str, ...]


Sketch = EventSketch | CurveSketch | SpectrumSketch | FluxSketch | SourcesSketch
