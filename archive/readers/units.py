"""Units of columns: energies to TeV, anything else to what it is asked for. Never guessed: an odd unit is refused."""

from __future__ import annotations

import warnings
from functools import cache

from astropy import units as u

from archive.readers.records import Refused


@cache
def _factor(written: str, wanted: str) -> float | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        try:
            return float(u.Unit(written).to(wanted))
        except (ValueError, TypeError, u.UnitConversionError):
            return None


def factor(written: str, wanted: str, what: str) -> float:
    """What values in the unit `written` are multiplied by to be in `wanted`; `Refused` if that makes no sense."""
    found = _factor(written.strip(), wanted) if written.strip() else None
    if found is None:
        raise Refused(f"the unit {written.strip()!r} of {what} is not understood: {wanted} or the like is expected")
    return found
