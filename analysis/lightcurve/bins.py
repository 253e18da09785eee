"""Time bins of a light curve: runs put together by night, run, or given intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gammapy.datasets import SpectrumDatasetOnOff

from analysis.lightcurve.job import LightcurveParameters
from analysis.onoff.fit import stack
from analysis.onoff.reduction import Interval, Run
from uws.errors import UserJobError


@dataclass(frozen=True, slots=True)
class TimeBin:
    """A time bin (MJD, UTC) and what was measured in it."""

    time: Interval
    runs: tuple[Run, ...]
    dataset: SpectrumDatasetOnOff

    @property
    def livetime(self) -> float:
        """Seconds."""
        return sum(run.livetime for run in self.runs)

    @property
    def obs_ids(self) -> list[str]:
        return [run.obs_id for run in self.runs]


def time_bins(runs: Sequence[Run], parameters: LightcurveParameters) -> list[TimeBin]:
    """The bins that have data, in the order of time; the runs of each are stacked.

    Nights and runs last from the first to the last moment with data. Raises UserJobError when bins overlap.
    """
    groups: dict[int, list[Run]] = {}
    for number, run in enumerate(sorted(runs, key=lambda run: (run.time, run.obs_id))):
        key = {"night": night(run), "run": number, "given": run.part}[parameters.binning]
        groups.setdefault(key, []).append(run)
    made = [
        TimeBin(
            time=parameters.bins[key] if parameters.binning == "given" else _extent(members),
            runs=tuple(members),
            dataset=stack([run.dataset for run in members], name=f"bin{key}"),
        )
        for key, members in sorted(groups.items())
    ]
    for before, after in pairwise(made):
        if before.time[1] > after.time[0]:
            raise UserJobError(
                f"Observations {before.obs_ids[-1]} and {after.obs_ids[0]} were taken at the same time: choose "
                "binning=night, or leave one of them out."
            )
    return made


def night(run: Run) -> int:
    """Number of the night: the MJD of its evening, in mean solar time of the observatory.

    It changes at noon there; at noon in Greenwich where the file does not say where the observatory is.
    """
    return math.floor(sum(run.time) / 2 + (run.longitude or 0.0) / 360 - 0.5)


def _extent(runs: Sequence[Run]) -> Interval:
    return min(run.time[0] for run in runs), max(run.time[1] for run in runs)
