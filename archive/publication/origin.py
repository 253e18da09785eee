"""What the ObsCore row of a result takes from the observations and the parameters of its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archive.models import Observation, Product
from archive.obscore.mapping import wavelength
from uws.models import Job
from vo.regions import Circle, format_stcs, separation

_SAME_TARGET = 0.01
"""deg; targets closer than this are one, as in the analyses (`analysis.source`)."""


def values_of(job: Job, inputs: Sequence[Product]) -> dict[str, Any]:
    """Position, times, energies, target and instrument of the work: what the file does not tell comes from here."""
    observations = [product.observation for product in inputs if product.observation is not None]
    values = {**_times(observations), **_names(observations), **_energies(job.used_parameters, observations)}
    position = _position(job.used_parameters, observations)
    if position is not None:
        radius = _numbers(job.used_parameters, "on_radius", 1)
        values |= {"s_ra": position[0], "s_dec": position[1]}
        if radius is not None:
            region = format_stcs(Circle(position[0], position[1], radius[0]))
            values |= {"s_fov": 2 * radius[0], "s_region": region}
    return values


def _times(observations: Sequence[Observation]) -> dict[str, Any]:
    if not observations:
        return {}
    return {
        "t_min": min((o.t_start for o in observations if o.t_start is not None), default=None),
        "t_max": max((o.t_stop for o in observations if o.t_stop is not None), default=None),
        "t_exptime": sum(o.livetime or 0.0 for o in observations) or None,
    }


def _names(observations: Sequence[Observation]) -> dict[str, Any]:
    """The target if they have one in common, and the instruments."""
    targets = {o.target_name for o in observations}

    def joined(names: set[str]) -> str | None:
        return ", ".join(sorted(names - {""}))[:100] or None

    return {
        "target_name": targets.pop() or None if len(targets) == 1 else None,
        "facility_name": joined({o.facility_name for o in observations}),
        "instrument_name": joined({o.instrument_name for o in observations}),
    }


def _energies(used: Mapping[str, list[str]], observations: Sequence[Observation]) -> dict[str, Any]:
    """The interval that was asked for, else the hull of the observations' safe ranges."""
    interval = _numbers(used, "energy", 2)
    if interval is not None:
        low, high = interval
    else:
        lows = [o.energy_min for o in observations if o.energy_min is not None]
        highs = [o.energy_max for o in observations if o.energy_max is not None]
        if not lows or not highs:
            return {}
        low, high = min(lows), max(highs)
    return {"em_min": wavelength(high), "em_max": wavelength(low)} if 0 < low < high else {}


def _position(used: Mapping[str, list[str]], observations: Sequence[Observation]) -> tuple[float, float] | None:
    """Where the analyses look for the source: as asked, else the common target, else the centre of the cone."""
    asked = _numbers(used, "position", 2)
    if asked is not None:
        return asked[0], asked[1]
    targets = [(o.ra_obj, o.dec_obj) for o in observations if o.ra_obj is not None and o.dec_obj is not None]
    if targets and len(targets) == len(observations):
        ra, dec = targets[0]
        if all(float(separation(ra, dec, *other)) < _SAME_TARGET for other in targets):
            return ra, dec
    circle = _numbers(used, "circle", 3)
    return None if circle is None else (circle[0], circle[1])


def _numbers(used: Mapping[str, list[str]], name: str, count: int) -> list[float] | None:
    """The numbers of a parameter, None unless there are that many."""
    words = " ".join(used.get(name, [])).split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    return numbers if len(numbers) == count else None
