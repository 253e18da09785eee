"""The filters of a job list (UWS 1.1 section 2.2.2.1): PHASE, AFTER and LAST, all together."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress

from django.db.models import QuerySet

from uws.models import Job
from uws.phases import Phase
from vo.dali import Parameters, integer
from vo.errors import UsageFault

_MOMENT = re.compile(r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?)?Z?", re.ASCII)


def filtered(jobs: QuerySet[Job], parameters: Parameters) -> QuerySet[Job]:
    """Those of the jobs (newest first) that the request asks for. Raises UsageFault for values that mean nothing.

    PHASE may be repeated; archived jobs are listed only when asked for; AFTER is strictly later; LAST is applied last.
    """
    phases = [_phase(text) for text in parameters.all("PHASE")]
    jobs = jobs.filter(phase__in=phases) if phases else jobs.exclude(phase=Phase.ARCHIVED)
    after = _given(parameters, "AFTER")
    if after is not None:
        try:
            jobs = jobs.filter(created__gt=_shown_until(moment(after)))
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


def moment(text: str) -> dt.datetime:
    """A time of ISO 8601, down to the minute or in full, as an aware UTC time; what is left out is the beginning.

    Lists are asked for by people and scripts, which shorten (`2015`, `20151026`, `2015-10-26T09:00`); that of DALI is
    one of these. Other time zones are refused: UWS 1.1 section 2.2.1 knows UTC only.
    """
    match = _MOMENT.fullmatch(re.sub(r"^(\d{4})(\d\d)(\d\d)(?!\d)", r"\1-\2-\3", text.strip(), flags=re.ASCII))
    if match is not None:
        year, month, day, clock, seconds, fraction = match.groups()
        written = (
            f"{year}-{month or '01'}-{day or '01'}T{clock or '00:00'}:{seconds or '00'}.{(fraction or '')[:6]:0<6}"
        )
        with suppress(ValueError):
            return dt.datetime.fromisoformat(written).replace(tzinfo=dt.UTC)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    raise UsageFault(f"{shown!r} is not a UTC time written YYYY-MM-DDThh:mm:ss, or shorter")


def _shown_until(when: dt.datetime) -> dt.datetime:
    """The end of its millisecond: creation times are shown to that, and after the time of a job, as it is shown, there
    must not be the job itself."""
    return when.replace(microsecond=when.microsecond // 1000 * 1000 + 999)


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
