"""The SODA service in links documents: what can be cut out of a data set (SODA 1.0 and DataLink 1.1, sections 4)."""

from __future__ import annotations

import math

from archive.models import Observation, Product
from archive.obscore.mapping import wavelength
from archive.soda.capabilities import ASYNC_STANDARD, SYNC_STANDARD, async_url, sync_url
from archive.soda.datasets import SUBTYPES
from archive.soda.parameters import MEDIA_TYPES, OPTIONS, PARAMETERS
from vo.columns import ServiceDescriptor

# pyvo sorts the rows of several data sets by service_def, and takes the first one for processing: it is to be this one.
SYNC_ID, ASYNC_ID = "cutout", "cutout_async"
_CORNERS = 8

SERVICES = (
    (SYNC_ID, "Cut out events by position, energy, time and type, at once"),
    (ASYNC_ID, "Cut out events by position, energy, time and type, by a job"),
)
"""Identifiers of the descriptors, for `service_def`, and what the services do."""

Limits = dict[str, tuple[str | None, str | None]]


def has_events(product: Product) -> bool:
    """Whether events can be cut out of a product."""
    return product.semantics == "#this" and product.subtype in SUBTYPES and product.observation_id is not None


def descriptors(base_url: str, observation: Observation | None = None) -> tuple[ServiceDescriptor, ServiceDescriptor]:
    """The services that answer at once and by jobs, in a document whose column ID has the identifiers.

    With an observation, their VALUES are its own (section 4.2): give it where the document is of that one alone.
    """
    root = base_url.rstrip("/")
    limits = {} if observation is None else _limits(observation)
    return (
        _descriptor(SERVICES[0], SYNC_STANDARD, sync_url(root), MEDIA_TYPES["fits"], limits),
        _descriptor(SERVICES[1], ASYNC_STANDARD, async_url(root), "text/xml", limits),
    )


def _descriptor(
    service: tuple[str, str], standard: str, url: str, content_type: str, limits: Limits
) -> ServiceDescriptor:
    return ServiceDescriptor(
        id=service[0],
        params=(("standardID", standard), ("accessURL", url), ("contentType", content_type)),
        inputs=tuple((column, "ID" if column.name == "ID" else None) for column in PARAMETERS),
        description=service[1],
        options=dict(OPTIONS),
        limits=limits,
    )


def _limits(observation: Observation) -> Limits:
    """Intervals by MIN and MAX; circle and polygon by the covering one as MAX."""
    limits: Limits = {"TIME": (repr(observation.t_start), repr(observation.t_stop))}
    low, high = observation.energy_min, observation.energy_max
    if low is not None and high is not None:
        limits["ENERGY"] = (repr(low), repr(high))
        limits["BAND"] = (repr(wavelength(high)), repr(wavelength(low)))
    lon, lat, radius = observation.ra_pnt, observation.dec_pnt, observation.fov_radius
    if lon is not None and lat is not None and radius is not None:
        limits["CIRCLE"] = (None, f"{lon!r} {lat!r} {radius!r}")
        limits["POLYGON"] = (None, _covering(lon, lat, radius))
    return limits


def _covering(lon: float, lat: float, radius: float) -> str:
    """A regular polygon around a circle, as a DALI array: its edges touch the circle."""
    # The middle of an edge is at tan(distance) = tan(corner) cos(half the angle between corners).
    reach = math.atan(math.tan(math.radians(min(radius, 80.0))) / math.cos(math.pi / _CORNERS))
    corners = (_offset(lon, lat, reach, -2 * math.pi * i / _CORNERS) for i in range(_CORNERS))
    return " ".join(f"{ra:.6f} {dec:.6f}" for ra, dec in corners)


def _offset(lon: float, lat: float, distance: float, angle: float) -> tuple[float, float]:
    """The position (deg) at a distance in a direction from north over east (both rad)."""
    phi = math.radians(lat)
    sine = math.sin(phi) * math.cos(distance) + math.cos(phi) * math.sin(distance) * math.cos(angle)
    dec = math.asin(min(1.0, max(-1.0, sine)))
    east = math.sin(angle) * math.sin(distance) * math.cos(phi)
    north = math.cos(distance) - math.sin(phi) * math.sin(dec)
    return (lon + math.degrees(math.atan2(east, north))) % 360.0, math.degrees(dec)
