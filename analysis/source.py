"""Where the source is, whether an observation saw it, and what to keep out of the background."""

from __future__ import annotations

from collections.abc import Sequence

from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.maps import Map, WcsGeom
from regions import CircleSkyRegion

from analysis.observations import UnusableObservation
from analysis.selection import DL3Selection
from uws.context import InputFile
from uws.errors import UserJobError

SAME_TARGET = 0.01 * u.deg
"""Targets closer than this are one."""


def source_position(parameters: DL3Selection, files: Sequence[InputFile]) -> SkyCoord:
    """`position` as asked, else the target that all observations share, else the centre of `circle` (ICRS).

    Raises UserJobError when none of these says where the source is.
    """
    if parameters.position is not None:
        return SkyCoord(*parameters.position, unit="deg", frame="icrs")
    targets = [
        (str(file.metadata.get("target_name") or ""), file.metadata.get("ra_obj"), file.metadata.get("dec_obj"))
        for file in files
    ]
    if all(ra is not None and dec is not None for _, ra, dec in targets):
        places = SkyCoord([ra for _, ra, _ in targets], [dec for _, _, dec in targets], unit="deg", frame="icrs")
        if (places.separation(places[0]) < SAME_TARGET).all():
            return places[0]
    if parameters.circle is not None:
        return SkyCoord(*parameters.circle[:2], unit="deg", frame="icrs")
    names = sorted({name or "unnamed" for name, _, _ in targets})
    if len(names) > 1:
        raise UserJobError(
            f"The observations have different targets ({', '.join(names)}): give the position of the source."
        )
    raise UserJobError("The observations do not say where their target is: give the position of the source.")


def offset_of(observation: Observation, position: SkyCoord) -> u.Quantity:
    """Angle between the pointing direction and `position`, in degrees."""
    return observation.get_pointing_icrs(observation.tmid).separation(position).to("deg")


def field_of_view(observation: Observation) -> u.Quantity:
    """Largest offset, in degrees, for which the effective area is known."""
    return observation.aeff.axes["offset"].edges.max().to("deg")


def check_in_field(observation: Observation, position: SkyCoord) -> None:
    """Raise UnusableObservation if the source is outside of the field of view."""
    offset = offset_of(observation, position)
    if offset > field_of_view(observation):
        raise UnusableObservation(
            f"the source is {offset.value:.2f} deg from the pointing direction, outside of the field of view"
        )


def exclusion_mask(centre: SkyCoord, width: u.Quantity, disks: Sequence[CircleSkyRegion]) -> Map:
    """Flat map of `width` around `centre` that is False inside the disks and True elsewhere."""
    geom = WcsGeom.create(skydir=centre, width=width, binsz=0.02, proj="TAN", frame="icrs")
    return geom.region_mask(list(disks), inside=False)


def disk(circle: tuple[float, float, float]) -> CircleSkyRegion:
    """A DALI circle (degrees, ICRS) as a region."""
    longitude, latitude, radius = circle
    return CircleSkyRegion(SkyCoord(longitude, latitude, unit="deg", frame="icrs"), radius * u.deg)
