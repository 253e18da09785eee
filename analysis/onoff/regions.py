"""On regions, and where their background is counted."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.makers import ReflectedRegionsBackgroundMaker, WobbleRegionsFinder
from gammapy.maps import Map
from regions import CircleSkyRegion, PointSkyRegion

from analysis.observations import UnusableObservation
from analysis.source import offset_of

Region: TypeAlias = "CircleSkyRegion | PointSkyRegion"


def on_region(observation: Observation, position: SkyCoord, radius: float) -> Region:
    """A disk of `radius` (deg) around a position; with point-like responses the disk that they are valid for.

    A point where the size of that disk depends on the energy (GADF, RAD_MAX_2D).
    """
    rad_max = observation.rad_max
    if rad_max is None:
        return CircleSkyRegion(position, radius * u.deg)
    return CircleSkyRegion(position, rad_max.quantity.flat[0]) if rad_max.is_fixed_rad_max else PointSkyRegion(position)


def radius_of(region: Region) -> float | None:
    """Degrees; None where it depends on the energy."""
    return float(region.radius.to_value("deg")) if isinstance(region, CircleSkyRegion) else None


def on_radius(dataset: SpectrumDatasetOnOff) -> float | None:
    """Radius of a dataset's on region in degrees; None where it depends on the energy."""
    return radius_of(dataset.counts.geom.region)


def background_maker(
    observation: Observation, region: Region, exclusion: Map | None
) -> ReflectedRegionsBackgroundMaker:
    """Counts the background in regions like the on region at the same distance from the pointing direction.

    As many as fit beside each other, by the largest size of an on region that depends on the energy. Raises
    UnusableObservation when none does.
    """
    offset, largest = _sizes(observation, region)
    if offset <= largest:
        raise no_room(observation, region)
    if isinstance(region, CircleSkyRegion):
        return ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion)
    finder = WobbleRegionsFinder(n_off_regions=math.floor(math.pi / math.asin(largest / offset)) - 1)
    return ReflectedRegionsBackgroundMaker(region_finder=finder, exclusion_mask=exclusion)


def no_room(observation: Observation, region: Region) -> UnusableObservation:
    """There are no off regions beside the on region."""
    offset, largest = _sizes(observation, region)
    return UnusableObservation(
        f"no off regions, because the source is {offset:.2f} deg from the pointing direction and an on region of "
        f"{largest:.3g} deg leaves no room around it"
    )


def _sizes(observation: Observation, region: Region) -> tuple[float, float]:
    """Offset from the pointing direction, and the largest radius, degrees."""
    offset = offset_of(observation, region.center)
    radius = radius_of(region)
    if radius is None:
        radius = float(np.nanmax(observation.rad_max.evaluate(offset=offset).to_value("deg")))
    return float(offset.value), radius
