"""Where observations look and when they were made, beside the regions and times of a selection of events."""

from __future__ import annotations

from collections.abc import Sequence

from archive.models import Observation
from archive.sia2.sky import range_polygons
from events.selection import Selection
from events.sky import Moc, Range, SkyRegion
from vo.regions import Circle, Polygon, intersects


def is_touched(observation: Observation, selection: Selection) -> bool:
    """Whether field of view and time of an observation have something in common with those of a selection.

    Of an observation without a known field of view or time, and of a MOC, it is supposed.
    """
    return _in_field(observation, selection.regions) and _in_time(observation, selection.times)


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
    first, last = observation.t_start, observation.t_stop
    if not times or first is None or last is None:
        return True
    return any(start <= last and stop >= first for start, stop in times)
