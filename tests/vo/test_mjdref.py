"""Times of tables in other scales: to a tenth of a microsecond, over leap seconds, and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.time import Time

from vo.mjdref import SCALES, TimeReference, utc_mjd, values_of_utc

DATES = (51544.0, 53345.123456789, 57753.99999, 57754.0, 57754.00001, 60000.5)
"""57753 ends with a leap second."""


@pytest.mark.parametrize("scale", SCALES)
def test_values_of_dates(scale: str) -> None:
    reference = TimeReference(51910, 0.000742870370370241, scale)
    values = np.array(values_of_utc(reference, DATES))
    back = reference.time(values)
    assert np.abs((back.utc - Time(DATES, format="mjd", scale="utc")).sec).max() < 1e-7
    assert np.allclose(utc_mjd(back), DATES, rtol=0, atol=1e-11)


def test_utc_counts_days_of_86400_seconds() -> None:
    """As MJD does; TT goes on through the leap second."""
    utc, tt = (TimeReference(57753, 0.0, scale) for scale in ("utc", "tt"))
    assert values_of_utc(utc, (57754.0,)) == (86400.0,)
    assert values_of_utc(tt, (57754.0,))[0] - values_of_utc(tt, (57753.0,))[0] == pytest.approx(86401.0, abs=1e-6)


def test_units_and_infinite_dates() -> None:
    days = TimeReference(51544, 0.5, "tt", 86400.0)
    assert values_of_utc(days, (-math.inf, 51545.0, math.inf))[1] == pytest.approx(0.5 + 64.184 / 86400, abs=1e-12)
    assert values_of_utc(days, (-math.inf, math.inf)) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"MJDREFI": None}, "has no MJDREFI"),
        ({"TIMESYS": "local"}, "no known time scale"),
        ({"TIMEUNIT": "fortnight"}, "no known unit"),
        ({"MJDREFF": "none"}, "not numbers"),
    ],
)
def test_what_is_no_reference_is_refused(changes: dict[str, object], reason: str) -> None:
    header = {"MJDREFI": 51910, "MJDREFF": 0.0, "TIMESYS": "tt", "TIMEUNIT": "s", **changes}
    with pytest.raises(ValueError, match=reason):
        TimeReference.from_header(header, "EVENTS")
