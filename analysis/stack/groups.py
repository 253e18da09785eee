"""Groups of observations as text: `quiet: obs_id 23523 23526; time 53340 53350; position 83.63 22.01`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from uws.parameters import Interval, Position

_NAME = re.compile(r"[^\s:;][^:;]{0,39}")
_INTERVAL: TypeAdapter[tuple[float, float]] = TypeAdapter(Interval)
_POSITION: TypeAdapter[tuple[float, float]] = TypeAdapter(Position)


@dataclass(frozen=True, slots=True)
class Group:
    """Observations compared with those of other groups: all of the job's, or those named, in a time (MJD, UTC)."""

    name: str
    obs_ids: tuple[str, ...] = ()
    time: tuple[float, float] | None = None
    position: tuple[float, float] | None = None
    """The group's source (degrees, ICRS); None: the one that its observations share."""


def group(text: str) -> Group:
    """Read a group. Raises ValueError with a sentence for the user."""
    name, colon, rest = text.partition(": ") if ": " in text else text.partition(":")
    name = name.strip()
    if not colon or not _NAME.fullmatch(name):
        raise ValueError(f"a group is written as NAME: conditions, not {text[:60]!r}")
    found: dict[str, object] = {}
    for condition in filter(None, map(str.strip, rest.split(";"))):
        key, _, value = condition.partition(" ")
        if key in found or (key == "obs_id" and "obs_ids" in found):
            raise ValueError(f"the group {name!r} has {key} twice")
        if key == "obs_id":
            found["obs_ids"] = tuple(dict.fromkeys(value.replace(",", " ").split()))
        elif key == "time":
            found["time"] = _read(_INTERVAL, name, key, value)
        elif key == "position":
            found["position"] = _read(_POSITION, name, key, value)
        else:
            raise ValueError(f"the group {name!r} has a condition {key[:20]!r}; there are obs_id, time and position")
    if not found.get("obs_ids") and "time" not in found and "position" not in found:
        raise ValueError(f"the group {name!r} has no condition: name observations, a time or a position")
    return Group(name, **found)  # type: ignore[arg-type]


def text_of(found: Group) -> str:
    """The group as text in its one normal form."""
    conditions = []
    if found.obs_ids:
        conditions.append(f"obs_id {' '.join(found.obs_ids)}")
    if found.time is not None:
        conditions.append("time " + " ".join(map(_number, found.time)))
    if found.position is not None:
        conditions.append("position " + " ".join(map(_number, found.position)))
    return f"{found.name}: {'; '.join(conditions)}"


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "+Inf" if value > 0 else "-Inf"


def _read(kind: TypeAdapter[tuple[float, float]], name: str, key: str, value: str) -> tuple[float, float]:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0].get("ctx", {}).get("error", "cannot be read")
        raise ValueError(f"the {key} of the group {name!r}: {reason}") from None
