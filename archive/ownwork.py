"""What the visitor's own jobs made of products: links from a data set to one's results with it."""

from __future__ import annotations

from collections import defaultdict

from uws import jobtypes
from uws.models import Job, Result
from uws.phases import Phase
from uws.service import Requester, jobs_of

JOBS = 200
"""The newest jobs that are looked at."""
_AUXILIARY = frozenset({"preview-image", "preview-plot"})


def results_by_input(who: Requester) -> dict[str, list[tuple[Job, Result]]]:
    """Data products that completed jobs of the visitor made, by the identifiers of what they used; newest first.

    Results without a kind (logs, summaries) and pictures are left out.
    """
    found: dict[str, list[tuple[Job, Result]]] = defaultdict(list)
    jobs = jobs_of(who).filter(phase=Phase.COMPLETED, job_type__in=[kind.name for kind in jobtypes.job_types()])
    for job in jobs.prefetch_related("results__file")[:JOBS]:
        results = [r for r in job.results.all() if r.product_type and r.product_type not in _AUXILIARY]
        for used in {str(entry["id"]) for entry in job.inputs}:
            found[used] += [(job, result) for result in results]
    return found
