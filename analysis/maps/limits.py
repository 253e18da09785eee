"""Energy bins cut at limits that a user gives, from the whole bins that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from gammapy.data import EventList, Observation
from gammapy.maps import Map, WcsGeom

from analysis.maps.grid import Bin, axis_of, wholes_of

EXPOSURE_UNIT = "cm2 s"

_RATIO_STEP, _AREA_STEP = 0.1, 0.01
"""Degrees between the offsets at which responses are taken."""
_DIRECTIONS = np.radians(np.arange(0, 360, 45))
"""Angles around the pointing direction over which ratios are averaged."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Bins that are `parts` of whole ones: the `wholes`, and their `places` among all bins."""

    parts: list[Bin]
    wholes: list[Bin]
    places: list[int]

    @classmethod
    def of(cls, bins: Sequence[Bin]) -> Cut | None:
        """Those of `bins` that are not whole; None if all are."""
        found = [
            (part, whole, place)
            for place, (part, whole) in enumerate(zip(bins, wholes_of(bins), strict=True))
            if part != whole
        ]
        return cls(*map(list, zip(*found, strict=True))) if found else None


class Cutter:
    """What an observation has in parts of bins. `offsets` (y, x): degrees of pixels from the pointing direction."""

    def __init__(self, observation: Observation, offsets: np.ndarray) -> None:
        self._observation = observation
        self._offsets = offsets

    def counts(self, cut: Cut, geom: WcsGeom) -> np.ndarray:
        """Events in each pixel of `geom` (parts, y, x)."""
        events = self._observation.events
        energies = events.energy.to_value("TeV")
        images = []
        for low, high in cut.parts:
            image = Map.from_geom(geom.to_cube([axis_of([(low, high)])[0]]))
            image.fill_events(EventList(events.table[(energies >= low) & (energies < high)]))
            images.append(image.data[0])
        return np.stack(images)

    def background(self, cut: Cut, whole: np.ndarray) -> np.ndarray:
        """Expected counts (parts, y, x), of those of the whole bins in the same shape.

        Their ratio is taken at the pixel's offset from the pointing direction, averaged over the directions: it changes
        by a few thousandths over the field of view. Parts and wholes are integrated as gammapy does it.
        """
        model = self._observation.bkg
        offsets = self._steps(_RATIO_STEP)
        if model.has_offset_axis:
            place = {"offset": offsets[:, np.newaxis] * u.deg}
        else:
            place = {
                "fov_lon": np.outer(offsets, np.cos(_DIRECTIONS)) * u.deg,
                "fov_lat": np.outer(offsets, np.sin(_DIRECTIONS)) * u.deg,
            }
        limits = np.array([*cut.parts, *cut.wholes]).T[:, :, np.newaxis, np.newaxis] * u.TeV
        rates = model.integrate_log_log(axis_name="energy", energy=limits, **place).value[0].mean(axis=-1)
        parts, wholes = np.split(rates, 2)
        known = wholes > 0
        ratios = np.divide(parts, wholes, out=np.zeros_like(parts), where=known)
        return whole * [
            np.interp(self._offsets, offsets[seen], ratio[seen]) if seen.any() else np.zeros_like(self._offsets)
            for ratio, seen in zip(ratios, known, strict=True)
        ]

    def exposure(self, cut: Cut) -> np.ndarray:
        """Effective area times livetime (cm2 s) at the middle of the parts' energies (parts, y, x)."""
        offsets = self._steps(_AREA_STEP)
        middles = np.sqrt(np.prod(cut.parts, axis=1))[:, np.newaxis] * u.TeV
        area = self._observation.aeff.evaluate(energy_true=middles, offset=offsets * u.deg)
        exposure = (area * self._observation.observation_live_time_duration).to_value(EXPOSURE_UNIT)
        return np.stack([np.interp(self._offsets, offsets, single) for single in exposure])

    def _steps(self, step: float) -> np.ndarray:
        end = float(self._offsets.max())
        return np.linspace(0, end, round(end / step) + 2)
