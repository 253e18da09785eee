"""UTC as a Modified Julian Date, on the axis of time coverage: microseconds since JD 0 in TCB.

Plain arithmetic for single dates, such as those of queries; tables of times go through astropy when they come in. TDB
is taken as TT, which is true to 2 ms, and no light travel time to the barycentre is added.
"""

from __future__ import annotations

import math
from bisect import bisect_right

MICROSECONDS_A_DAY = 86_400_000_000
LEAP_DAYS = (
    41317, 41499, 41683, 42048, 42413, 42778, 43144, 43509, 43874, 44239, 44786, 45151, 45516, 46247, 47161, 47892,
    48257, 48804, 49169, 49534, 50083, 50630, 51179, 53736, 54832, 56109, 57204, 57754,
)  # fmt: skip
"""First days (MJD) of each value of TAI - UTC: 10 s, 11 s and so on (IERS Bulletin C). `tap/coverage/functions.sql` has
them too."""
FIRST_DAY, LAST_DAY = -2_400_000, 24_287_000
"""Dates before and after these are taken as these: the ends of the axis."""
_MJD_0 = 2_400_000 * MICROSECONDS_A_DAY + MICROSECONDS_A_DAY // 2
_TT_MINUS_TAI = 32.184
_TCB_EPOCH = 211_087_684_832_184_000
"""When TCB and TT were equal but for TDB_0: JD 2443144.5003725 (IAU 2006 resolution B3)."""
_L_B = 1.550519768e-8
_TDB_0 = -65.5
"""Microseconds."""


def tcb_microseconds(mjd: float) -> int:
    """Microseconds since JD 0 (TCB) of an MJD in UTC; a day that ends with a leap second is 86401 s long.

    Before 1972 TAI - UTC is taken as 10 s.
    """
    mjd = min(max(mjd, FIRST_DAY), LAST_DAY)
    day = math.floor(mjd)
    seconds = (mjd - day) * (86400 + tai_minus_utc(day + 1) - tai_minus_utc(day))
    tt = day * MICROSECONDS_A_DAY + _MJD_0
    tt += round((seconds + (tai_minus_utc(day) + _TT_MINUS_TAI)) * 1e6)
    return tt + round((tt - _TCB_EPOCH) * (_L_B / (1 - _L_B)) - _TDB_0)


def mjd_tcb(microseconds: int) -> float:
    """MJD in TCB of a time on the axis."""
    return (microseconds - _MJD_0) / MICROSECONDS_A_DAY


def tai_minus_utc(day: int) -> int:
    """Seconds that TAI is ahead of UTC on that day (MJD)."""
    return max(10, 9 + bisect_right(LEAP_DAYS, day))
