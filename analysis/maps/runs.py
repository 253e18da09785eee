"""Observations of map jobs, read when they are needed: from what is kept of them, else from their files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.data import EventList, Observation

from analysis.maps.store import ArrayStore, digest, versions
from analysis.observations import load, name_of
from uws.context import InputFile

READING = 1
"""Part of every description in the store: to be raised when this code makes something else of the same files."""
_COLUMNS = ["TIME", "RA", "DEC", "ENERGY"]
"""Columns of events that gammapy makes maps of."""


class Run:
    """An observation that is read when it is needed. `identity` tells its content."""

    def __init__(self, name: str, identity: Mapping[str, Any], read: Callable[[], Observation]) -> None:
        self.name = name
        self.identity = identity
        self._read = read

    @classmethod
    def of_file(cls, file: InputFile, needed: Collection[str], store: ArrayStore) -> Run:
        """The observation of an input file with the parts `needed` (keys of `analysis.observations.NAMES`).

        What of it maps are made of is kept: reading that takes a thirtieth of reading the tables of the file. Raises
        UserJobError as `analysis.observations.load` does, when the observation is read.
        """
        hdus = file.metadata.get("hdus") or {}
        classes = file.metadata.get("hdu_classes") or {}
        others = file.metadata.get("files") or {}
        parts = {
            kind: [_digest(others.get(kind)) or file.sha256, hdus[kind], classes.get(kind, "")] for kind in sorted(hdus)
        }
        identity = {"parts": parts}
        description = {
            "product": "observation",
            "reading": READING,
            "software": versions(),
            "observation": identity,
            "needed": sorted(needed),
        }

        def read() -> Observation:
            observation = store.read_object(description)
            if observation is None:
                observation = _prepared(load(file, needed))
                store.write_object(description, observation)
            return observation

        return cls(name_of(file), identity, read)

    @cached_property
    def observation(self) -> Observation:
        return self._read()

    @property
    def pointing(self) -> SkyCoord:
        """Pointing direction (ICRS) in the middle of the observation."""
        icrs = self.observation.get_pointing_icrs(self.observation.tmid)
        return SkyCoord(icrs.ra, icrs.dec)


def _digest(path: str | None) -> str:
    """SHA-256 of a file beside the main one; empty if there is none (reading the observation says so)."""
    if path is None or not Path(path).is_file():
        return ""
    return digest(Path(path))


def _prepared(observation: Observation) -> Observation:
    """An observation without what maps do not need, and without gaps in its background model."""
    observation.events = EventList(observation.events.table[_COLUMNS])
    interpolate_missing(observation)
    return observation


def interpolate_missing(observation: Observation) -> None:
    """Fill zeros of the background model between two energies where it is known, linearly in its logarithm.

    What `gammapy.irf.IRF.interp_missing_data` does, for all positions at once: one by one they take longer than all
    else that is done for an observation.
    """
    model = observation.bkg
    axis = model.axes.index("energy")
    data = np.moveaxis(model.data, axis, 0)
    known = np.isfinite(data) & (data != 0)
    number = np.arange(len(data)).reshape(-1, *(1,) * (data.ndim - 1))
    below = np.maximum.accumulate(np.where(known, number, -1), axis=0)
    above = np.minimum.accumulate(np.where(known, number, len(data))[::-1], axis=0)[::-1]
    between = ~known & (below >= 0) & (above < len(data))
    if not between.any():
        return
    lower, upper = np.maximum(below, 0), np.minimum(above, len(data) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log(data)
        start, stop = (np.take_along_axis(logarithm, place, axis=0) for place in (lower, upper))
        filled = np.exp(start + (stop - start) * (number - lower) / np.maximum(upper - lower, 1))
    model.data = np.moveaxis(np.where(between, filled, data), 0, axis)
