"""How long jobs take: recorded run times, and what they tell of the next run of a type.

Of each type the latest run times are kept, with the bytes that were read. Run time is taken as a constant and a part
proportional to the bytes, by the slopes and intercepts of all pairs (Theil & Sen: their medians), which a few odd runs
do not move. Without a record nothing is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from django.core.cache import cache
from django.utils import timezone

from uws.models import Job, RunTime

KEPT = 200
"""Run times of a job type that are kept."""
USED = 40
"""Of these the latest ones, from which is told: their pairs are many."""
KNOWN_SECONDS = 5
"""How long a process goes by what it has read."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Run time of a job type: `seconds` and `per_byte` (s) of input; `typical` where the bytes are not known (s)."""

    seconds: float
    per_byte: float
    typical: float

    def of(self, size: int | None) -> float:
        """Seconds that a run on so many bytes takes."""
        return self.typical if size is None else self.seconds + self.per_byte * size


def record(job: Job, seconds: float) -> None:
    """Keep how long a job has run. Now and then the oldest are forgotten."""
    row = RunTime.objects.create(
        job_type=job.job_type, input_bytes=job.input_bytes or 0, seconds=seconds, ended=timezone.now()
    )
    if row.pk % 20 == 0:
        kept = RunTime.objects.filter(job_type=job.job_type).order_by("-ended", "-pk")
        RunTime.objects.filter(pk__in=list(kept.values_list("pk", flat=True)[KEPT:])).delete()


def fitted(runs: Sequence[tuple[int, float]]) -> Fit | None:
    """The run time from (bytes, seconds) of earlier runs; None without any."""
    if not runs:
        return None
    slopes = [(t2 - t1) / (b2 - b1) for (b1, t1), (b2, t2) in combinations(runs, 2) if b1 != b2]
    slope = max(median(slopes), 0.0) if slopes else 0.0
    constant = max(median(seconds - slope * size for size, seconds in runs), 0.0)
    return Fit(constant, slope, median(seconds for _, seconds in runs))


def fit_of(job_type: str) -> Fit | None:
    """What is known of a job type; a process goes by that for KNOWN_SECONDS."""
    name = f"uws.fit.{job_type}"
    fit: Fit | None = cache.get(name)
    if fit is None:
        rows = RunTime.objects.filter(job_type=job_type).order_by("-ended", "-pk")
        fit = fitted(list(rows.values_list("input_bytes", "seconds")[:USED]))
        if fit is not None:
            cache.set(name, fit, KNOWN_SECONDS)
    return fit
