"""The parameters of SIA 2.0 (section 2.1), each declared once: what it means of a row, and how a client is told of it.

Values of one parameter are alternatives; different parameters must all hold. A value that a row does not have meets no
condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive.sia2.sky import check_amount, position
from tap.adql.tree import Predicate
from tap.conditions import all_of, any_of, equal, equal_ignoring_case, holding, overlapping, within
from vo.columns import ColumnMeta
from vo.dali import Parameters, integer, interval_or_number
from vo.errors import UsageFault

PRODUCT_TYPES = ("image", "cube")
"""Rows that this service is about (section 1)."""
_POLARISATIONS = ("I", "Q", "U", "V", "RR", "LL", "RL", "LR", "XX", "YY", "XY", "YX", "POLI", "POLA")
"""Terms of ObsCore 1.1 section B.6.6."""
MAX_VALUES = 1000
"""of one parameter"""
_LEVELS = ("0", "1", "2", "3", "4")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A repeatable parameter: `condition` makes of a value what it wants of a row, or raises UsageFault."""

    column: ColumnMeta
    """Name, type, unit and description, for the service's description of itself."""
    condition: Callable[[str], Predicate]
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.column.name


def _overlap(start: str, end: str) -> Callable[[str], Predicate]:
    return lambda text: overlapping(start, end, interval_or_number(text))


def _within(name: str) -> Callable[[str], Predicate]:
    return lambda text: within(name, interval_or_number(text))


def _equal(name: str) -> Callable[[str], Predicate]:
    return lambda text: equal(name, text)


def _identifier(text: str) -> Predicate:
    return equal_ignoring_case("obs_publisher_did", text.strip())


def _polarisation(text: str) -> Predicate:
    return holding("pol_states", f"/{_option(text.strip().upper(), _POLARISATIONS)}/")


def _product_type(text: str) -> Predicate:
    return equal("dataproduct_type", _option(text.strip(), PRODUCT_TYPES))


def _level(text: str) -> Predicate:
    return equal("calib_level", int(_option(str(integer(text)), _LEVELS)))


def _format(text: str) -> Predicate:
    """Media types are the same in any case; a plus that a URL made a blank is put back."""
    return equal_ignoring_case("access_format", text.strip().lower().replace("x-votable xml", "x-votable+xml"))


def _option(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise UsageFault(f"{value[:40]!r} is none of {', '.join(allowed)}")
    return value


def _text(name: str, description: str) -> ColumnMeta:
    return ColumnMeta(name, "char", "*", description=description)


def _interval(name: str, unit: str | None, description: str) -> ColumnMeta:
    return ColumnMeta(name, "double", "2", "interval", unit, description=description)


PARAMETERS = (
    Parameter(
        _text("POS", "CIRCLE, RANGE or POLYGON in ICRS degrees that s_region has a point in common with"), position
    ),
    Parameter(_interval("BAND", "m", "Vacuum wavelengths"), _overlap("em_min", "em_max")),
    Parameter(_interval("TIME", "d", "Times of observation (MJD, UTC)"), _overlap("t_min", "t_max")),
    Parameter(_text("POL", "Polarisation state"), _polarisation, _POLARISATIONS),
    Parameter(_interval("FOV", "deg", "Size of the field of view"), _within("s_fov")),
    Parameter(_interval("SPATRES", "arcsec", "Angular resolution"), _within("s_resolution")),
    Parameter(_interval("SPECRP", None, "Spectral resolving power"), _within("em_res_power")),
    Parameter(_interval("EXPTIME", "s", "Exposure time"), _within("t_exptime")),
    Parameter(_interval("TIMERES", "s", "Time resolution"), _within("t_resolution")),
    Parameter(_text("ID", "Publisher identifier, in any case"), _identifier),
    Parameter(_text("COLLECTION", "Collection"), _equal("obs_collection")),
    Parameter(_text("FACILITY", "Observatory"), _equal("facility_name")),
    Parameter(_text("INSTRUMENT", "Instrument"), _equal("instrument_name")),
    Parameter(_text("DPTYPE", "Type of data product"), _product_type, PRODUCT_TYPES),
    Parameter(ColumnMeta("CALIB", "int", description="Calibration level"), _level, _LEVELS),
    Parameter(_text("TARGET", "Name of the target"), _equal("target_name")),
    Parameter(_text("FORMAT", "Media type of what access_url gives"), _format),
)


def condition(parameters: Parameters) -> Predicate:
    """What the parameters want of a row of `ivoa.obscore`. Empty values count for nothing. Raises UsageFault."""
    parts = [any_of([equal("dataproduct_type", kind) for kind in PRODUCT_TYPES])]
    check_amount(parameters.all("POS"))
    for parameter in PARAMETERS:
        values = [value for value in parameters.all(parameter.name) if value.strip()]
        if len(values) > MAX_VALUES:
            raise UsageFault(f"{parameter.name}: at most {MAX_VALUES} values")
        if values:
            parts.append(any_of([_checked(parameter, value) for value in values]))
    return all_of(parts)


def _checked(parameter: Parameter, value: str) -> Predicate:
    try:
        return parameter.condition(value)
    except UsageFault as fault:
        raise UsageFault(f"{parameter.name}: {fault.message}") from None
