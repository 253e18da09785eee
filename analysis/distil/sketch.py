"""What was selected, for tables and pictures: numbers, energies before and after, and some of the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from events.copies import CHUNK_ROWS, EventFile
from events.selecting import Selector
from events.selection import Selection
from events.sources import Source
from events.store import EventStore

EDGES = np.logspace(-6, 4, 101)
"""TeV; bins of the energies."""
MOST_POSITIONS = 2_000_000
"""Positions that a picture is made of; of more events, every second, third ... is kept."""


@dataclass(slots=True)
class Sketch:
    """Events of some observations, in their order: how many, of which energies (bins of `EDGES`), and where."""

    selected_of: list[int] = field(default_factory=list)
    total_of: list[int] = field(default_factory=list)
    energies_after: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES) - 1, np.int64))
    energies_before: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES) - 1, np.int64))
    lon: list[NDArray[np.float64]] = field(default_factory=list)
    lat: list[NDArray[np.float64]] = field(default_factory=list)
    every: int = 1
    """One of so many selected events has its position here."""

    @property
    def selected(self) -> int:
        return sum(self.selected_of)

    @property
    def total(self) -> int:
        return sum(self.total_of)


def sketch(store: EventStore, sources: Sequence[Source], selection: Selection, step: Callable[[int], None]) -> Sketch:
    """Look at the events of each source; `step` is called with its number. Raises Undistillable."""
    made, selector = Sketch(), Selector(selection)
    most = sum(selector.at_most(store.prepare(source)) for source in sources)
    made.every = max(1, -(-most // MOST_POSITIONS))
    for number, source in enumerate(sources):
        step(number)
        _add(made, store.prepare(source), selector)
    return made


def _add(made: Sketch, file: EventFile, selector: Selector) -> None:
    energy, ra, dec = (file.find(name) for name in ("ENERGY", "RA", "DEC"))
    if energy is not None:
        for chunk in range(-(-file.rows // CHUNK_ROWS)):
            made.energies_before += _binned(file, energy, file.stored(chunk, energy))
    count = 0
    for rows in selector.rows(file):
        count += len(rows)
        if energy is not None:
            made.energies_after += _binned(file, energy, rows[str(energy)])
        if ra is not None and dec is not None:
            for position, kept in ((ra, made.lon), (dec, made.lat)):
                values = file.columns[position].values(rows[str(position)][:: made.every])
                kept.append(np.asarray(values, dtype=np.float64))
    made.selected_of.append(count)
    made.total_of.append(file.rows)


def _binned(file: EventFile, number: int, stored: NDArray[np.generic]) -> NDArray[np.int64]:
    column = file.columns[number]
    scale = u.Unit(column.unit or "TeV").to("TeV")
    counts, _ = np.histogram(np.asarray(column.values(stored), dtype=np.float64) * scale, EDGES)
    return counts
