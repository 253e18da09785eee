"""One event list of several observations: rows one after the other, times by one reference, good time together.

Rows keep the columns that all lists have with the same format and unit, and get OBS_ID where they lack it. Header cards
that are the same in all observations stay; what differs and describes one of them goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from events import gti, provenance
from events.cards import Cards, checksum, padding
from events.errors import Undistillable
from events.layout import Column, find, row_type
from events.runs import RESPONSES, Plan, Run
from events.selection import Intervals, merged
from vo.mjdref import TimeReference

_KEPT = ("XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "EXTNAME", "OBS_ID")
_TABLE = ("TTYPE", "TFORM", "TUNIT", "TSCAL", "TZERO", "TNULL", "TDISP", "TDIM")


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of the merged list, and which of a run's they are."""

    described: tuple[Column, ...]
    has_obs_id: bool

    @property
    def row_type(self) -> np.dtype[Any]:
        fields = [(name, row_type(self.described).fields[name][0]) for name in row_type(self.described).names or ()]  # type: ignore[index]
        return np.dtype(fields if self.has_obs_id else [*fields, ("obs_id", ">i8")])


class Merger:
    """Merges runs. They are gone through twice: for the header, which tells their sum, and for the rows."""

    def __init__(self, runs: Sequence[Run], plan: Plan) -> None:
        self._runs, self._plan = runs, plan
