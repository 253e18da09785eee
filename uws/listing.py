"""The filters of a job list (UWS 1.1 section 2.2.2.1): PHASE, AFTER and LAST, all together."""

from __future__ import annotations

from django.db.models import QuerySet

from uws.models import Job
from uws.phases import Phase
from vo.dali import Parameters, integer, timestamp
from vo.errors import UsageFault


def filtered(jobs: QuerySet[Job], parameters: Parameters) -> QuerySet[Job]:
    """Those of the jobs (newest first) that the request asks for. Raises UsageFault for values that mean nothing.

    PHASE may be repeated; archived jobs are listed only when asked for; AFTER is strictly later; LAST is applied last.
    """
    phases = [_phase(text) for text in parameters.all("PHASE")]
    jobs = jobs.filter(phase__in=phases) if phases else jobs.exclude(phase=Phase.ARCHIVED)
    after = _given(parameters, "AFTER")
    if after is not None:
        try:
            jobs = jobs.filter(created__gt=timestamp(after))
        except UsageFault as error:
            raise UsageFault(f"AFTER: {error.message}") from None
    last = _given(parameters, "LAST")
    if last is not None:
        try:
            count = integer(last)
        except UsageFault as error:
            raise UsageFault(f"LAST: {error.message}") from None
        if count < 1:
            raise UsageFault(f"LAST: must be 1 or more, not {count}")
        jobs = jobs[: min(count, 2**31)]
    return jobs


def _given(parameters: Parameters, name: str) -> str | None:
    """The value of a filter; an empty one means nothing and is refused."""
    text = parameters.one(name)
    if text is not None and not text.strip():
        raise UsageFault(f"{name}: has no value")
    return text


def _phase(text: str) -> Phase:
    try:
        return Phase(text)
    except ValueError:
        raise UsageFault(f"PHASE: {text!r} is no phase; there are {', '.join(Phase.values)}") from None
