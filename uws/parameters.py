"""Parameters of job types: pydantic fields with unit, UCD and DALI xtype, parsed from and written to DALI strings.

A job's parameter model subclasses `JobParameters` and declares each field with `param`. Values arrive as DALI strings
(lists of them for repeatable parameters); the typed model, the UWS service, the HTML form, the JSON schema, the
DataLink descriptor, the ProvDM description and the documentation are derived from the one declaration.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def dali_float(text: str) -> float:
    """A number as DALI 1.1 section 3.3.1 writes it; ValueError otherwise (Python's float takes too much)."""
    if _NUMBER.match(text):
        return float(text)
    if text in ("NaN", "+Inf", "-Inf", "Inf"):
        return float(text)
    raise ValueError(f"{text!r} is not a number")


def _floats(value: Any, count: int, what: str) -> tuple[float, ...]:
    if isinstance(value, str):
        words = value.split()
        if len(words) != count:
            raise ValueError(f"{what} takes {count} numbers separated by spaces, not {len(words)}: {value!r}")
        return tuple(dali_float(w) for w in words)
    values = tuple(float(v) for v in value)
    if len(values) != count:
        raise ValueError(f"{what} takes {count} numbers, not {len(values)}")
    return values


def _interval(value: Any) -> Any:
    if value is None:
        return None
    low, high = _floats(value, 2, "an interval")
    if math.isnan(low) or math.isnan(high):
        raise ValueError("an interval has no NaN")
    if low > high:
        raise ValueError(f"the interval is upside down: {low:g} is above {high:g}")
    return (low, high)


def _position(value: Any) -> Any:
    if value is None:
        return None
    lon, lat = _floats(value, 2, "a position")
    _check_position(lon, lat)
    return (lon, lat)


def _circle(value: Any) -> Any:
    if value is None:
        return None
    lon, lat, radius = _floats(value, 3, "a circle")
    _check_position(lon, lat)
    if not 0 < radius <= 180:
        raise ValueError(f"the radius must be above 0 and at most 180 deg, not {radius:g}")
    return (lon, lat, radius)


def _check_position(lon: float, lat: float) -> None:
    if not 0 <= lon <= 360:
        raise ValueError(f"right ascension must be within 0 and 360 deg, not {lon:g}")
    if not -90 <= lat <= 90:
        raise ValueError(f"declination must be within -90 and 90 deg, not {lat:g}")


Interval = Annotated[tuple[float, float], BeforeValidator(_interval)]
"""DALI interval: low high, both inclusive, +Inf and -Inf for open ends."""
Position = Annotated[tuple[float, float], BeforeValidator(_position)]
"""DALI point: longitude latitude, ICRS degrees."""
Circle = Annotated[tuple[float, float, float], BeforeValidator(_circle)]
"""DALI circle: longitude latitude radius, ICRS degrees."""


def param(
    default: Any = ...,
    *,
    description: str,
    label: str = "",
    unit: str | None = None,
    ucd: str | None = None,
    xtype: str | None = None,
    group: str = "",
    advanced: bool = False,
    lines: bool = False,
    unordered: bool = False,
    **constraints: Any,
) -> Any:
    """Declare a job parameter.

    `unit` is a VOUnit, `xtype` a DALI xtype (interval, point, circle, timestamp); `constraints` are pydantic's
    (ge, gt, le, lt, max_length, ...). `group` names the fieldset of the form, `advanced` folds it away there, `lines`
    says that the value is a text of several lines: the form takes it typed or as a file. `unordered`: of several values
    neither the order nor repetitions matter to the result, so that jobs which differ in them only are the same work.
    """
    extra = {
        "label": label,
        "unit": unit,
        "ucd": ucd,
        "xtype": xtype,
        "group": group,
        "advanced": advanced,
        "lines": lines,
        "unordered": unordered,
    }
    return Field(
        default, description=description, json_schema_extra={k: v for k, v in extra.items() if v}, **constraints
    )


class JobParameters(BaseModel):
    """Base of all parameter models. Unknown names are refused; values are normalised and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
