"""Positions at another epoch, and positions in another frame: for SQLite what functions.sql has for PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from tap.engine.faults import ValueFault
from tap.geometry.sqlite import latitude, longitude, pack, unpack

AU_PER_YEAR = 4.740470463533349
"""km/s of one astronomical unit in a Julian year (149597870.7 km / 31557600 s)."""
_MAS = math.radians(1 / 3.6e6)

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


def epoch_prop_pos(
    ra: float | None,
    dec: float | None,
    parallax: float | None,
    pmra: float | None,
    pmdec: float | None,
    radial_velocity: float | None,
    ref_epoch: float | None,
    out_epoch: float | None,
) -> bytes:
    """Position at `out_epoch` of a source that moves uniformly on a straight line.

    deg, mas, mas/yr (pmra with cos dec), km/s, Julian years. Source: Hipparcos Catalogue (ESA SP-1200) section 1.5.5.
    A parallax that is NULL or not positive is a source infinitely far.
    """
    if ra is None or dec is None or ref_epoch is None or out_epoch is None:
        raise ValueFault("range", "position and epochs of ivo_epoch_prop_pos must not be NULL")
    years = out_epoch - ref_epoch
    lon, lat = math.radians(longitude(ra)), math.radians(latitude(dec))
    east, north = (pmra or 0.0) * _MAS * years, (pmdec or 0.0) * _MAS * years
    away = 1.0
    if parallax is not None and parallax > 0 and radial_velocity is not None:
        away += radial_velocity * parallax / AU_PER_YEAR * _MAS * years
    # Along the line of sight, to the east and to the north; turned by the latitude, then by the longitude.
    outward = away * math.cos(lat) - north * math.sin(lat)
    z = away * math.sin(lat) + north * math.cos(lat)
    x = outward * math.cos(lon) - east * math.sin(lon)
    y = outward * math.sin(lon) + east * math.cos(lon)
    return pack(_lon_lat((x, y, z)))


def rotate(shape: bytes, *matrix: float) -> bytes:
    """A point, a circle or a polygon, turned by the nine numbers of a matrix."""
    values = list(unpack(shape))
    rows = (matrix[0:3], matrix[3:6], matrix[6:9])
    for i in range(0, len(values) - 1, 2):
        lon, lat = math.radians(values[i]), math.radians(values[i + 1])
        v = (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))
        x, y, z = (row[0] * v[0] + row[1] * v[1] + row[2] * v[2] for row in rows)
        values[i : i + 2] = _lon_lat((x, y, z))
    return pack(tuple(values))


def _lon_lat(v: Vector) -> tuple[float, float]:
    if not all(map(math.isfinite, v)):
        raise ValueFault("range")
    lon = math.degrees(math.atan2(v[1], v[0]))
    return (lon + 360.0 if lon < 0 else lon, math.degrees(math.atan2(v[2], math.hypot(v[0], v[1]))))


# --- frames -----------------------------------------------------------------------------------------------------------

_ARCSEC = math.radians(1 / 3600)


def _about_x(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return ((1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c))


def _about_y(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return ((c, 0.0, -s), (0.0, 1.0, 0.0), (s, 0.0, c))


def _about_z(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return ((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0))


def _product(*matrices: Matrix) -> Matrix:
    made, *others = matrices
    for other in others:
        columns = tuple(zip(*other, strict=True))
        made = tuple(tuple(sum(a * b for a, b in zip(r, c, strict=True)) for c in columns) for r in made)  # type: ignore[assignment]
    return made


def _fk5() -> Matrix:
    """Offsets of the axes (Kaplan 2005, USNO Circular 179, section 3.5)."""
    return _product(_about_x(19.9e-3 * _ARCSEC), _about_y(9.1e-3 * _ARCSEC), _about_z(-22.9e-3 * _ARCSEC))


def _galactic() -> Matrix:
    """Pole and origin of the galactic system in FK5 J2000 (Reid & Brunthaler 2004, ApJ 616, 872)."""
    pole = (192.8594812065348, 27.12825118085622)
    node = math.radians(180 - 122.9319185680026)
    turn = _product(_about_z(node), _about_y(math.radians(90 - pole[1])), _about_z(math.radians(pole[0])))
    return _product(turn, _fk5())


def _fk4() -> Matrix:
    """Precession to B1950 of the FK5 system, without E-terms (Standish 1982, A&A 115, 20)."""
    to_fk5: Matrix = (
        (0.9999256794956877, -0.0111814832204662, -0.0048590038153592),
        (0.0111814832391717, 0.9999374848933135, -0.0000271625947142),
        (0.0048590037723143, -0.0000271702937440, 0.9999881946023742),
    )
    turned: Matrix = tuple(zip(*to_fk5, strict=True))  # type: ignore[assignment]
    return _product(turned, _fk5())


def _ecliptic() -> Matrix:
    """Mean ecliptic and equinox of J2000 (IAU 2006, Fukushima-Williams angles at J2000: Hilton et al. 2006)."""
    return _product(_about_z(0.041775 * _ARCSEC), _about_x(84381.412819 * _ARCSEC), _about_z(-0.052928 * _ARCSEC))


_FROM_ICRS: dict[str, Callable[[], Matrix]] = {
    "ICRS": lambda: _about_x(0.0),
    "FK5": _fk5,
    "FK4": _fk4,
    "GALACTIC": _galactic,
    "ECLIPTIC": _ecliptic,
}
FRAMES = tuple(_FROM_ICRS)
"""Terms of the IVOA vocabulary refframe between which positions can be turned."""


@lru_cache(maxsize=32)
def rotation(from_frame: str, to_frame: str) -> tuple[float, ...]:
    """The nine numbers, row by row, of the matrix that turns vectors of one frame into those of another."""
    back: Matrix = tuple(zip(*_FROM_ICRS[from_frame](), strict=True))  # type: ignore[assignment]
    return tuple(value for row in _product(_FROM_ICRS[to_frame](), back) for value in row)
