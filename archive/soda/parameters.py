"""The parameters of SODA 1.0 (section 3) and our own, each declared once: what it is, and what it wants of an event.

Only ID and EVENT_TYPE may be repeated. Positions come by one of POS, CIRCLE, POLYGON and MOC, energies by BAND or by
ENERGY: each pair of two would be two cut-outs (section 3.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from archive.obscore.mapping import EV_PER_TEV, HC_EV_M
from archive.sia2.sky import range_limits
from events.runs import Responses
from events.selection import Selection
from events.sky import Moc, Range, SkyRegion
from vo.columns import ColumnMeta
from vo.dali import Parameters, circle, integer, interval, polygon
from vo.errors import MultiValuedFault, UsageFault
from vo.regions import Circle, Polygon, check_area

Form = Literal["fits", "zip", "tar"]
MEDIA_TYPES: dict[Form, str] = {"fits": "application/fits", "zip": "application/zip", "tar": "application/x-tar"}
RESPONSES: tuple[Responses, ...] = get_args(Responses)
MAX_IDS = 1000
"""Observations of one request."""
_HC_TEV_M = HC_EV_M / EV_PER_TEV

IDENTIFIER = ColumnMeta("ID", "char", "*", ucd="meta.id;meta.main", description="Publisher identifier; repeatable")
POS = ColumnMeta("POS", "char", "*", ucd="pos.outline;obs", description="CIRCLE, RANGE or POLYGON, ICRS degrees")
CIRCLE = ColumnMeta(
    "CIRCLE", "double", "3", "circle", "deg", "pos.outline;obs", description="Events within this circle (ICRS)"
)
POLYGON = ColumnMeta(
    "POLYGON", "double", "*", "polygon", "deg", "pos.outline;obs", description="Events within this polygon (ICRS)"
)
MOC = ColumnMeta("MOC", "char", "*", ucd="pos.outline;obs", description="Events within this coverage (ASCII)")
BAND = ColumnMeta(
    "BAND", "double", "2", "interval", "m", "em.wl;stat.interval", description="Events of these vacuum wavelengths"
)
ENERGY = ColumnMeta(
    "ENERGY", "double", "2", "interval", "TeV", "em.energy;stat.interval",
    description="Events of these reconstructed energies",
)  # fmt: skip
TIME = ColumnMeta(
    "TIME", "double", "2", "interval", "d", "time.interval;obs.exposure", description="Events of this time (MJD, UTC)"
)
EVENT_TYPE = ColumnMeta(
    "EVENT_TYPE", "int", ucd="meta.code.class", description="Events with this bit, or of this type; repeatable"
)
IRFS = ColumnMeta(
    "IRFS", "char", "*", ucd="meta.code",
    description="Instrument responses: all, cut to the energies and offsets of the selection, or none",
)  # fmt: skip
RESPONSEFORMAT = ColumnMeta(
    "RESPONSEFORMAT", "char", "*", ucd="meta.code.mime",
    description="One GADF file (fits), or a data store of one or several observations (zip, tar)",
)  # fmt: skip
PARAMETERS = (IDENTIFIER, POS, CIRCLE, POLYGON, MOC, BAND, ENERGY, TIME, EVENT_TYPE, IRFS, RESPONSEFORMAT)
OPTIONS = {"IRFS": RESPONSES, "RESPONSEFORMAT": tuple(MEDIA_TYPES.values())}


@dataclass(frozen=True, slots=True)
class CutoutRequest:
    """What a request asks for. `form` is None where the request does not name one."""

    ids: tuple[str, ...]
    selection: Selection
    responses: Responses
    form: Form | None
    given: dict[str, str]
    """The parameters as the client gave them, for provenance."""

    @classmethod
    def of(cls, parameters: Parameters) -> CutoutRequest:
        """Read and check the parameters; unknown ones are ignored. Raises UsageFault."""
        ids = tuple(dict.fromkeys(text.strip() for text in parameters.all("ID") if text.strip()))
        if not ids:
            raise UsageFault("ID is missing: give the publisher identifier of an observation")
        if len(ids) > MAX_IDS:
            raise UsageFault(f"ID: at most {MAX_IDS} observations in one request, not {len(ids)}")
        names = [column.name for column in PARAMETERS if column is not IDENTIFIER]
        given = {name: "; ".join(found) for name in names if (found := [v for v in parameters.all(name) if v.strip()])}
        return cls(ids, _selection(parameters), _responses(parameters), _form(parameters), given)


def _selection(parameters: Parameters) -> Selection:
    region, energies = _region(parameters), _energies(parameters)
    times = parameters.value("TIME", interval)
    try:
        return Selection(
            regions=() if region is None else (region,),
            energies=() if energies is None else (energies,),
            times=() if times is None else (times,),
            event_types=tuple(_event_type(text) for text in parameters.all("EVENT_TYPE") if text.strip()),
        )
    except ValueError as error:
        raise UsageFault(str(error)) from None


def _region(parameters: Parameters) -> SkyRegion | None:
    readers = {
        "POS": _position,
        "CIRCLE": lambda text: Circle(*circle(text)),
        "POLYGON": _polygon,
        "MOC": _moc,
    }
    found = [(n, region) for n, read in readers.items() if (region := parameters.value(n, read)) is not None]
    if len(found) > 1:
        raise MultiValuedFault(f"give one of {', '.join(name for name, _ in found)}: each is a region to cut out")
    return found[0][1] if found else None


def _position(text: str) -> SkyRegion:
    """A value of POS (section 3.3.2)."""
    kind, _, values = text.strip().partition(" ")
    if kind.upper() == "CIRCLE":
        return Circle(*circle(values))
    if kind.upper() == "POLYGON":
        return _polygon(values)
    if kind.upper() == "RANGE":
        return Range(*range_limits(values))
    raise UsageFault(f"a position is CIRCLE, RANGE or POLYGON with numbers after it, not {text[:60]!r}")


def _polygon(text: str) -> Polygon:
    shape = Polygon(polygon(text))
    try:
        check_area(shape)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    return shape


def _moc(text: str) -> Moc:
    try:
        return Moc.parse(text)
    except ValueError as error:
        raise UsageFault(str(error)) from None


def _energies(parameters: Parameters) -> tuple[float, float] | None:
    """Energies (TeV) from ENERGY, or from BAND, where the longer wavelength is the lower energy (section 3.3.5)."""
    band, energy = parameters.value("BAND", _wavelengths), parameters.value("ENERGY", _energy)
    if band is not None and energy is not None:
        raise MultiValuedFault("give BAND or ENERGY: each is an interval of energies to cut out")
    return energy if band is None else band


def _wavelengths(text: str) -> tuple[float, float]:
    short, long = interval(text)
    if long <= 0:
        raise UsageFault(f"no wavelength is in the interval {text.strip()[:60]!r}")
    return _HC_TEV_M / long, _HC_TEV_M / short if short > 0 else math.inf


def _energy(text: str) -> tuple[float, float]:
    low, high = interval(text)
    if high <= 0 or low == math.inf:
        raise UsageFault(f"no energy is in the interval {text.strip()[:60]!r}")
    return max(low, 0.0), high


def _event_type(text: str) -> int:
    try:
        return integer(text)
    except UsageFault as fault:
        raise UsageFault(f"EVENT_TYPE: {fault.message}") from None


def _responses(parameters: Parameters) -> Responses:
    text = (parameters.one("IRFS") or "").strip().lower() or "keep"
    for known in RESPONSES:
        if text == known:
            return known
    raise UsageFault(f"IRFS: {text[:40]!r} is none of {', '.join(RESPONSES)}")


def _form(parameters: Parameters) -> Form | None:
    text = (parameters.one("RESPONSEFORMAT") or "").strip().lower()
    if not text:
        return None
    for form, media_type in MEDIA_TYPES.items():
        if text in (form, media_type):
            return form
    offered = ", ".join((*MEDIA_TYPES, *MEDIA_TYPES.values()))
    raise UsageFault(f"RESPONSEFORMAT {text[:80]!r} is not offered; offered are {offered}")
