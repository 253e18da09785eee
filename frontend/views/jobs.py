"""Jobs: the list of own ones, and the page that follows one job to its results."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from frontend import outcomes
from frontend.pages import page
from frontend.recipe import python
from frontend.tables import Page
from frontend.views.search import page_number
from frontend.wording import sentence
from tap.jobs import JOB_TYPE as QUERIES
from uws import estimates, jobtypes, logs, service
from uws.activity import activity_id
from uws.fields import fields
from uws.jobtypes import JobType
from uws.limits import LimitReached
from uws.models import Job
from uws.phases import FINAL, Phase
from uws.xml import job_url
from vo.errors import AuthorizationFault, NotFoundFault
from vo.http import base_url

JOBS_PER_PAGE = 30


@require_safe
@never_cache
def jobs(request: HttpRequest) -> HttpResponse:
    """The jobs of the user, or of this browser."""
    own = service.jobs_of(service.requester(request)).exclude(phase=Phase.ARCHIVED)
    return _list(request, own.exclude(job_type__in=_elsewhere()), {"others": _others()})


def job_list(request: HttpRequest, kind: JobType, rows: QuerySet[Job]) -> HttpResponse:
    """A job list of the UWS interface as a page."""
    return _list(request, rows, {"kind": kind, "phases": Phase.values, "chosen": request.GET.getlist("PHASE")})


def _list(request: HttpRequest, rows: QuerySet[Job], values: dict[str, Any]) -> HttpResponse:
    total, number = rows.count(), page_number(request)
    number = min(number, max(1, -(-total // JOBS_PER_PAGE)))
    start = (number - 1) * JOBS_PER_PAGE
    shown = Page((), [], number, JOBS_PER_PAGE, total, more=False)
    listed = [(job, _title(job.job_type)) for job in rows[start : start + JOBS_PER_PAGE]]
    return page(
        request, "jobs.html", {"section": "jobs", "jobs": listed, "page": shown, "paging": request.GET, **values}
    )


@require_safe
@never_cache
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """One job: its phase and progress, and when it has ended its results. `?part=status` is the part that changes."""
    return job_page(request, _find(job_id, request))


def job_page(request: HttpRequest, found: Job, refusal: LimitReached | None = None) -> HttpResponse:
    """The page of a job that may be seen; `refusal`: why it was not started."""
    status = _status(found)
    if request.GET.get("part") == "status":
        response = page(request, "job_status.html", status)
        if not status["following"]:
            response["HX-Refresh"] = "true"  # the results need the whole page
        return response
    kind = _known_type(found)
    own_id = activity_id(found)
    values: dict[str, Any] = {
        "section": "jobs",
        **status,
        "title": _title(found.job_type),
        "parameters": _parameters(found, kind),
        "inputs": [{**given, "sent": given["id"].startswith(own_id)} for given in found.inputs],
        "own": found.owner is None or found.owner == request.user,
        "provenance_id": own_id,
        "recipe": python(f"{base_url(request)}/{jobtypes.location(found.job_type)}", found.parameters),
        "again": _again(found, kind),
        "uws_url": job_url(base_url(request), found),
        "list_url": f"/{kind.location}" if kind is not None and kind.path else reverse("jobs"),
    }
    if found.phase == Phase.COMPLETED:
        values |= {"outcome": outcomes.outcome(found)}
    if refusal is None:
        return page(request, "job.html", values)
    response = page(request, "job.html", {**values, "refusal": sentence(refusal.message)}, refusal.status)
    response["Retry-After"] = str(refusal.retry_after)
    return response


def _status(job: Job) -> dict[str, Any]:
    """What changes while a job waits and runs. `following`: the page asks again for it."""
    outlook = estimates.outlook(job)
    return {
        "job": job,
        "following": job.phase not in FINAL and job.phase != Phase.PENDING,
        "log": logs.read(job)[0],
        "place": outlook.place,
        "expected_start": outlook.start,
    }


@require_POST
def job_action(request: HttpRequest, job_id: str, action: str) -> HttpResponse:
    """Start, abort or delete a job."""
    found = _find(job_id, request)
    if action == "delete":
        service.destroy(found)
        elsewhere = found.job_type in _elsewhere()
        return HttpResponseRedirect(f"/{jobtypes.location(found.job_type)}" if elsewhere else reverse("jobs"))
    if action == "abort":
        service.abort(found)
    else:
        try:
            service.run(found)
        except LimitReached as fault:
            return job_page(request, found, fault)
    return HttpResponseRedirect(reverse("job", args=[found.public_id]))


def _find(job_id: str, request: HttpRequest) -> Job:
    try:
        found = service.find(job_id, service.requester(request))
    except NotFoundFault as fault:
        raise Http404(sentence(fault.message)) from None
    except AuthorizationFault:
        raise Http404(f"There is no job {job_id!r}; it may have been deleted.") from None
    return found


def _others() -> list[JobType]:
    """Job types that are not on offer: other services run their work as such jobs, and list them."""
    return [kind for kind in jobtypes.all_job_types() if kind.path]


def _elsewhere() -> list[str]:
    return [kind.name for kind in _others()]


def _known_type(job: Job) -> JobType | None:
    """The job's type; None if this archive does not offer it any more."""
    return next((t for t in jobtypes.all_job_types() if t.name == job.job_type), None)


def _title(name: str) -> str:
    return next((t.title for t in jobtypes.all_job_types() if t.name == name), name)


def _parameters(job: Job, kind: JobType | None) -> list[dict[str, Any]]:
    """Parameters in use (or as given, before the job has run), labelled; `given` marks those that are not defaults."""
    specs = {spec.name: spec for spec in fields(kind.parameters)} if kind else {}
    shown = []
    for name, texts in (job.used_parameters or job.parameters).items():
        if texts:
            spec = specs.get(name)
            label, unit = (spec.label, spec.unit) if spec else (name, "")
            shown.append({"name": name, "label": label, "texts": texts, "unit": unit, "given": name in job.parameters})
    return shown


def _again(job: Job, kind: JobType | None) -> str:
    """Link to the form filled with the parameters of this job."""
    if kind is None:
        return ""
    if kind.name == QUERIES:
        adql = job.parameters.get("QUERY")
        return f"{reverse('query')}?{urlencode({'adql': adql[0]})}" if adql else ""
    if kind.path:
        return ""
    query = QueryDict(mutable=True)
    for name, texts in job.parameters.items():
        query.setlist(name, texts)
    return f"{reverse('new_job', args=[kind.name])}?{query.urlencode()}"
