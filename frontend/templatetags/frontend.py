"""Tags and filters of the pages: static files with or without a build, query strings, numbers and times."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from frontend import quantities, wording
from frontend.outcomes import Parameter
from uws.jobtypes import JobType
from uws.models import Job

register = template.Library()
_ACTIONS = {
    "countmap": "Count map",
    "distil": "Distil these events",
    "spectrum": "Fit spectrum",
    "lightcurve": "Make light curve",
    "stack": "Compare spectra",
}


@register.simple_tag
def asset(name: str) -> str:
    """URL of a static file, "" if it has not been built."""
    return _asset(name)


@cache
def _asset(name: str) -> str:
    try:
        return str(staticfiles_storage.url(name))
    except ValueError:  # not collected: the development server and the tests serve from the source folders
        return f"{settings.STATIC_URL}{name}" if finders.find(name) else ""


@register.simple_tag
def query_string(given: dict[str, str] | None = None, **changes: Any) -> str:
    """`?...` of these parameters with some replaced, or removed by None."""
    values = given.copy() if isinstance(given, QueryDict) else QueryDict(mutable=True)
    replaced = changes if isinstance(given, QueryDict) else {**(given or {}), **changes}
    for name, value in replaced.items():
        if value is not None and value != "":
            values[name] = str(value)
        else:
            values.pop(name, None)
    return f"?{values.urlencode()}" if values else "?"


@register.filter
def significant(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else quantities.significant(float(value), digits)


@register.filter
def exact(value: float) -> str:
    """A number as a program reads it back."""
    return repr(float(value))


@register.filter
def job_action(job_type: JobType) -> str:
    """What the button that leads to a job says."""
    return _ACTIONS.get(job_type.name, job_type.title)


@register.filter
def mjd_date(value: float | None) -> str:
    return "–" if value is None else quantities.date_text(float(value))


@register.filter
def duration(value: float | None) -> str:
    return "–" if value is None else quantities.duration_text(float(value))


@register.filter
def size(value: int | None) -> str:
    return "–" if value is None else quantities.size_text(int(value))


@register.filter
def utc(value: datetime | None) -> str:
    return "–" if value is None else value.strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def run_time(job: Job) -> str:
    """How long a finished job ran."""
    if job.started is None or job.ended is None:
        return "–"
    return quantities.duration_text((job.ended - job.started).total_seconds())


@register.filter
def percent(job: Job) -> int:
    """How far a job is."""
    return round(100 * job.progress_fraction)


@register.filter
def sentence(text: str) -> str:
    return wording.sentence(text)


@register.filter
def end_of(text: str, length: int) -> str:
    """The last lines of a text, of about that many characters."""
    return text if len(text) <= length else text[-length:].partition("\n")[2]


@register.filter
def marked(text: str) -> SafeString:
    """Text with `names` between backquotes set as code."""
    parts = text.split("`")
    shown = [format_html("<code>{}</code>" if i % 2 else "{}", part) for i, part in enumerate(parts)]
    return mark_safe("".join(shown))  # noqa: S308 - put together from escaped parts


@register.filter
def measured(parameter: Parameter) -> SafeString:
    """Value and error of a parameter as published: 2.61 ± 0.04, or (4.31 ± 0.15) × 10⁻¹¹."""
    value, error = parameter.mantissas
    if not parameter.scale:
        return format_html("{} ± {}", value, error)
    exponent = f"{int(parameter.scale)}".replace("-", "−")
    return format_html("({} ± {}) × 10<sup>{}</sup>", value, error, exponent)


@register.filter
def unit(text: str) -> SafeString:
    """A unit such as `cm-2 s-1 TeV-1` (VOUnit, or astropy's) with raised exponents."""
    parts = re.findall(r"([A-Za-zµ%]+)(?:\*\*)?(?:\((-?\d+)\)|(-?\d+))?|([^A-Za-zµ%]+)", text)
    shown = [
        format_html("{}<sup>{}</sup>", name, (inner or bare).replace("-", "−"))
        if inner or bare
        else format_html("{}", name or other)
        for name, inner, bare, other in parts
    ]
    return mark_safe("".join(shown))  # noqa: S308 - put together from escaped parts
