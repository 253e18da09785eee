"""The observations that a request for events names: found, readable, and where and when they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive import lookup
from archive.inputs import input_files
from archive.models import Observation, Product
from archive.policy import POLICY
from archive.sia2.sky import range_polygons
from events.selection import Selection
from events.sky import Moc, Range, SkyRegion
from tap.registry import Viewer
from uws.context import InputFile
from uws.errors import UserJobError
from vo.errors import FatalFault, NotFoundFault, UsageFault
from vo.regions import Circle, Polygon, intersects

SUBTYPES = ("event-bundle", "event-list")
"""Products that events can be cut out of."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """An observation whose events may be read."""

    product: Product
    observation: Observation
    file: InputFile

    def is_touched_by(self, selection: Selection) -> bool:
        """Whether field of view and time of the observation have something in common with those asked for."""
        return _in_field(self.observation, selection.regions) and _in_time(self.observation, selection.times)


def datasets(identifiers: Sequence[str], viewer: Viewer) -> list[Dataset]:
    """The observations of those publisher identifiers, each once.

    Raises NotFoundFault for an unknown one, UsageFault for what has no events, AuthorizationFault for what the viewer
    may not read.
    """
    products = lookup.products(identifiers, viewer)
    chosen: dict[int, tuple[Product, Observation]] = {}
    for identifier in identifiers:
        product = products.get(identifier)
        if product is None:
            raise NotFoundFault(f"this archive has no data set with the identifier {identifier.strip()[:200]}")
        if product.observation is None or product.semantics != "#this" or product.subtype not in SUBTYPES:
            raise UsageFault(f"{product.did} is a {product.subtype}, which has no events to cut out")
        POLICY.check_read(product, viewer)
        chosen[product.pk] = (product, product.observation)
    try:
        files = input_files([product for product, _ in chosen.values()])
    except UserJobError as error:
        raise FatalFault(error.message) from None
    return [
        Dataset(product, observation, file) for (product, observation), file in zip(chosen.values(), files, strict=True)
    ]


def _in_field(observation: Observation, regions: Sequence[SkyRegion]) -> bool:
    if not regions or observation.ra_pnt is None or observation.dec_pnt is None or observation.fov_radius is None:
        return True
    field = Circle(observation.ra_pnt, observation.dec_pnt, observation.fov_radius)
    return any(_meets(region, field) for region in regions)


def _meets(region: SkyRegion, field: Circle) -> bool:
    """Whether a region reaches into a field of view; of a coverage it is not known, and supposed."""
    if isinstance(region, Circle | Polygon):
        return intersects(region, field)
    if isinstance(region, Moc):
        return True
    return _range_meets(region, field)


def _range_meets(region: Range, field: Circle) -> bool:
    if (region.west, region.east) == (0, 360):
        return field.lat + field.radius >= region.south and field.lat - field.radius <= region.north
    outlines = range_polygons(region.west, region.east, region.south, region.north)
    return any(intersects(outline, field) for outline in outlines)


def _in_time(observation: Observation, times: Sequence[tuple[float, float]]) -> bool:
    return not times or any(start <= observation.t_stop and stop >= observation.t_start for start, stop in times)
