"""A search as ADQL: pure functions from typed criteria to the query that is shown, edited and run."""

from __future__ import annotations

import math
from dataclasses import dataclass

PLANCK_TIMES_C = 1.239841984332e-18
"""h c in TeV m: ObsCore gives energies as wavelengths in metres (ObsCore 1.1, B.6.2)."""

COLUMNS = (
    "obs_id",
    "target_name",
    "obs_collection",
    "s_ra",
    "s_dec",
    "t_min",
    "t_exptime",
    "em_min",
    "em_max",
    "obs_publisher_did",
)
SEPARATION = "separation"
SORTABLE = ("obs_id", "target_name", "obs_collection", "s_ra", "s_dec", SEPARATION, "t_min", "t_exptime", "em_max")
DEFAULT_SORT = "t_min"


@dataclass(frozen=True, slots=True)
class Cone:
    """A circle on the sky: centre in ICRS degrees, radius in degrees."""

    ra: float
    dec: float
    radius: float


@dataclass(frozen=True, slots=True)
class Criteria:
    """What observations are looked for; None leaves a criterion out.

    Times are MJD (UTC), energies TeV. An observation matches if it points into the cone and overlaps the intervals.
    """

    cone: Cone | None = None
    time_min: float | None = None
    time_max: float | None = None
    energy_min: float | None = None
    energy_max: float | None = None
    collection: str | None = None


def number(value: float) -> str:
    """An ADQL numeric literal that reads back as the same double; ValueError if it is not finite."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written in ADQL")
    return repr(float(value))


def text(value: str) -> str:
    """An ADQL character string literal (ADQL 2.1 section 2.1.3: a quote within is doubled)."""
    return "'" + value.replace("'", "''") + "'"


def wavelength(energy: float) -> float:
    """Wavelength in metres of a photon of that energy in TeV."""
    return PLANCK_TIMES_C / energy


def energy(wavelength_m: float) -> float:
    """Energy in TeV of a photon of that wavelength in metres."""
    return PLANCK_TIMES_C / wavelength_m


def observations(criteria: Criteria, sort: str = DEFAULT_SORT, descending: bool = False) -> str:
    """ADQL for the event lists that match, in the order asked for; ValueError for a column that cannot be sorted by."""
    if sort not in SORTABLE:
        raise ValueError(f"{sort!r} is no column to sort by")
    columns = list(COLUMNS)
    cone = criteria.cone
    if cone is not None:
        centre = f"{number(cone.ra)}, {number(cone.dec)}"
        columns.insert(5, f"DISTANCE(POINT(s_ra, s_dec), POINT({centre})) AS {SEPARATION}")
    elif sort == SEPARATION:
        sort = DEFAULT_SORT
    order = f"{sort} DESC" if descending else sort
    if sort != "obs_id":
        order += ", obs_id"
    conditions = ["dataproduct_type = 'event'", *_conditions(criteria)]
    return (
        "SELECT "
        + ",\n       ".join(_lines(columns))
        + "\nFROM ivoa.obscore\nWHERE "
        + "\n  AND ".join(conditions)
        + f"\nORDER BY {order}"
    )


def _conditions(criteria: Criteria) -> list[str]:
    found = []
    cone = criteria.cone
    if cone is not None:
        circle = ", ".join(number(v) for v in (cone.ra, cone.dec, cone.radius))
        found.append(f"1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({circle}))")
    if criteria.time_min is not None:
        found.append(f"t_max >= {number(criteria.time_min)}")
    if criteria.time_max is not None:
        found.append(f"t_min <= {number(criteria.time_max)}")
    # A higher energy is a shorter wavelength.
    if criteria.energy_min is not None:
        found.append(f"em_min <= {number(wavelength(criteria.energy_min))}")
    if criteria.energy_max is not None:
        found.append(f"em_max >= {number(wavelength(criteria.energy_max))}")
    if criteria.collection is not None:
        found.append(f"obs_collection = {text(criteria.collection)}")
    return found


def _lines(columns: list[str]) -> list[str]:
    """Columns joined into lines of a readable length."""
    lines = [""]
    for column in columns:
        if lines[-1] and len(lines[-1]) + len(column) > 80:
            lines.append(column)
        else:
            lines[-1] = f"{lines[-1]}, {column}" if lines[-1] else column
    return lines


HOLDINGS = """SELECT obs_collection, dataproduct_type, COUNT(*) AS products, SUM(t_exptime) AS exposure,
       MIN(t_min) AS first_start, MAX(t_max) AS last_stop
FROM ivoa.obscore
WHERE dataproduct_type IS NOT NULL
GROUP BY obs_collection, dataproduct_type
ORDER BY obs_collection, dataproduct_type"""
"""What each collection holds of each kind: number of data sets, summed exposure (s), first and last time (MJD).

Responses, which have no type in ObsCore 1.1, belong to their observations.
"""


def products(collection: str, kind: str | None) -> str:
    """ADQL for the data sets of a collection that are of one `dataproduct_type`."""
    condition = "dataproduct_type IS NULL" if kind is None else f"dataproduct_type = {text(kind)}"
    return (
        "SELECT obs_id, dataproduct_subtype, target_name, t_min, t_exptime, obs_title, obs_publisher_did\n"
        f"FROM ivoa.obscore\nWHERE obs_collection = {text(collection)} AND {condition}\nORDER BY obs_id"
    )


TARGETS = """SELECT target_name, COUNT(*) AS observations,
       AVG(COS(RADIANS(s_dec)) * COS(RADIANS(s_ra))) AS x,
       AVG(COS(RADIANS(s_dec)) * SIN(RADIANS(s_ra))) AS y,
       AVG(SIN(RADIANS(s_dec))) AS z
FROM ivoa.obscore
WHERE dataproduct_type = 'event' AND s_ra IS NOT NULL
GROUP BY target_name
ORDER BY observations DESC"""
"""Targets, number of observations and mean pointing as a vector, so that the meridian is no trap."""
