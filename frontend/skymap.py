"""The whole sky as an SVG: where the archive has looked, in a Hammer projection of ICRS coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, HEIGHT = 720.0, 360.0
_MARGIN = 8.0
_POLE = (math.radians(192.85948), math.radians(27.12825))  # north galactic pole, ICRS
_NODE = math.radians(122.93192)  # galactic longitude of the north celestial pole


@dataclass(frozen=True, slots=True)
class Spot:
    """Something on the map: position in pixels, radius of its mark, text and link."""

    x: float
    y: float
    r: float
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class SkyMap:
    """What the template draws: SVG paths and spots."""

    outline: tuple[float, float, float, float]
    grid: tuple[str, ...]
    galactic_plane: tuple[str, ...]
    spots: tuple[Spot, ...]
    width: float = WIDTH
    height: float = HEIGHT


def project(ra: float, dec: float) -> tuple[float, float]:
    """Pixel of an ICRS position in degrees; right ascension grows to the left, 0 h is in the middle."""
    lon = math.radians((ra + 180.0) % 360.0 - 180.0)
    lat = math.radians(dec)
    scale = math.sqrt(1.0 + math.cos(lat) * math.cos(lon / 2.0))
    x = 2.0 * math.cos(lat) * math.sin(lon / 2.0) / scale
    y = math.sin(lat) / scale
    half = WIDTH / 2.0 - _MARGIN
    return round(WIDTH / 2.0 - x / 2.0 * half, 1), round(HEIGHT / 2.0 - y * (HEIGHT / 2.0 - _MARGIN), 1)


def sky_map(places: Iterable[tuple[str, float, float, int, str]]) -> SkyMap:
    """The map with a spot for each (name, ra, dec, number of observations, link); bigger where there are more."""
    spots = []
    for name, ra, dec, count, href in places:
        x, y = project(ra, dec)
        plural = "" if count == 1 else "s"
        spots.append(Spot(x, y, round(3.5 + 1.5 * math.log2(count), 1), f"{name}: {count} observation{plural}", href))
    spots.sort(key=lambda spot: -spot.r)  # small ones on top, so that all can be reached
    meridians = [_path([(ra, dec) for dec in range(-90, 91, 5)]) for ra in (180.001, 240, 300, 0, 60, 120, 179.999)]
    parallels = [_path([(ra, dec) for ra in (180.001, *range(185, 540, 5), 539.999)]) for dec in (-60, -30, 0, 30, 60)]
    outline = (WIDTH / 2, HEIGHT / 2, WIDTH / 2 - _MARGIN, HEIGHT / 2 - _MARGIN)
    return SkyMap(outline, tuple(p for path in (*meridians, *parallels) for p in path), tuple(_plane()), tuple(spots))


def _plane() -> list[str]:
    return _path([_from_galactic(lon) for lon in range(0, 361, 2)])


def _from_galactic(lon: float) -> tuple[float, float]:
    """ICRS position in degrees of a point on the galactic plane."""
    angle = _NODE - math.radians(lon)
    ra_pole, dec_pole = _POLE
    dec = math.asin(math.cos(dec_pole) * math.cos(angle))
    ra = ra_pole + math.atan2(math.sin(angle), -math.sin(dec_pole) * math.cos(angle))
    return math.degrees(ra) % 360.0, math.degrees(dec)


def _path(points: list[tuple[float, float]]) -> list[str]:
    """SVG path data through positions in degrees, cut at 12 h, where the map is cut."""
    parts: list[list[tuple[float, float]]] = [[]]
    last = 0.0
    for ra, dec in points:
        lon = (ra + 180.0) % 360.0 - 180.0
        if parts[-1] and abs(lon - last) > 180.0:
            edge = math.copysign(179.999, last)
            parts[-1].append(project(edge, dec))
            parts.append([project(-edge, dec)])
        parts[-1].append(project(ra, dec))
        last = lon
    return ["M" + "L".join(f"{x} {y}" for x, y in part) for part in parts if len(part) > 1]
