"""Jobs: the form of a job type, the list of own jobs, and the page that follows one job to its results."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from frontend import outcomes
from frontend.jobforms import JobForm
from frontend.pages import page
from frontend.recipe import recipe
from frontend.tables import Page
from frontend.views.search import page_number
from frontend.wording import sentence
from uws import inputs, jobtypes, service
from uws.activity import activity_id
from uws.errors import UserJobError
from uws.fields import fields
from uws.jobtypes import JobType, Owner
from uws.limits import LimitReached
from uws.models import Job
from uws.phases import FINAL, Phase
from uws.service import Requester
from uws.values import ParameterErrors
from vo.errors import AuthorizationFault, NotFoundFault
from vo.http import base_url

JOBS_PER_PAGE = 30
LONGEST_LINK = 4000
"""Characters that servers take in the first line of a request, whatever they are set to."""


@require_safe
@never_cache
def jobs(request: HttpRequest) -> HttpResponse:
    """The jobs of the user, or of this browser."""
    rows = service.jobs_of(service.requester(request)).exclude(job_type__in=_elsewhere())
    total, number = rows.count(), page_number(request)
    number = min(number, max(1, -(-total // JOBS_PER_PAGE)))
    start = (number - 1) * JOBS_PER_PAGE
    shown = Page((), [], number, JOBS_PER_PAGE, total, more=False)
    listed = [(job, _title(job.job_type)) for job in rows[start : start + JOBS_PER_PAGE]]
    return page(request, "jobs.html", {"section": "jobs", "jobs": listed, "page": shown, "paging": {}})


@require_safe
def job_choice(request: HttpRequest) -> HttpResponse:
    """The job types there are; a selection in the URL goes along."""
    values = {"section": "jobs", "job_types": jobtypes.job_types(), "query": request.GET.urlencode()}
    return page(request, "job_choice.html", values)


@require_http_methods(["GET", "HEAD", "POST"])
def new_job(request: HttpRequest, type_name: str) -> HttpResponse:
    """The form of a job type; sent, it makes the job, starts it and leads to its page."""
    kind = _job_type(type_name)
    if request.method != "POST":
        return _form_page(request, JobForm.from_query(kind, request.GET))
    form = JobForm.from_post(kind, request.POST, request.FILES)
    who = service.requester(request, start_session=True)
    if not _check(form, who):
        return _form_page(request, form, 400)
    try:
        job = service.create(kind.name, form.values, who)
    except ParameterErrors as error:
        for name, message in error.errors:
            form.add_error(name, sentence(message))
        return _form_page(request, form, 400)
    except LimitReached as fault:
        form.add_error("", sentence(fault.message))
        return _form_page(request, form, fault.status)
    service.run(job)
    return HttpResponseRedirect(reverse("job", args=[job.public_id]))


def _check(form: JobForm, who: Requester) -> bool:
    """Whether the job can start: parameters are right and select something that is there."""
    parameters = form.parameters()
    if parameters is None:
        return False
    try:
        inputs.resolve(form.job_type, parameters, Owner(who.user.get_username() if who.user else None))
    except UserJobError as error:
        form.add_error(
            "obs_id" if "obs_id" in form.fields and form.values.get("obs_id") else "", sentence(error.message)
        )
        return False
    return True


def _form_page(request: HttpRequest, form: JobForm, status: int = 200) -> HttpResponse:
    return page(request, "new_job.html", {"section": "jobs", "job_type": form.job_type, "form": form}, status)


@require_safe
@never_cache
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """One job: its phase and progress, and when it has ended its results. `?part=status` is the part that changes."""
    found = _find(job_id, request)
    following = found.phase not in FINAL and found.phase != Phase.PENDING
    if request.GET.get("part") == "status":
        response = page(request, "job_status.html", {"job": found, "following": following})
        if not following:
            response["HX-Refresh"] = "true"  # the results need the whole page
        return response
    kind = _known_type(found)
    values: dict[str, Any] = {
        "section": "jobs",
        "job": found,
        "title": _title(found.job_type),
        "following": following,
        "parameters": _parameters(found, kind),
        "inputs": found.inputs,
        "own": found.owner is None or found.owner == request.user,
        "provenance_id": activity_id(found),
        "recipe": recipe(found, base_url(request)),
        "again": _again(found, kind),
        "uws_url": f"{base_url(request)}/uws/{found.job_type}/{found.public_id}",
    }
    if found.phase == Phase.COMPLETED:
        values |= {"outcome": outcomes.outcome(found)}
    return page(request, "job.html", values)


@require_POST
def job_action(request: HttpRequest, job_id: str, action: str) -> HttpResponse:
    """Start, abort or delete a job."""
    found = _find(job_id, request)
    if action == "delete":
        service.destroy(found)
        return HttpResponseRedirect(reverse("jobs"))
    if action == "abort":
        service.abort(found)
    else:
        service.run(found)
    return HttpResponseRedirect(reverse("job", args=[found.public_id]))


def _find(job_id: str, request: HttpRequest) -> Job:
    try:
        found = service.find(job_id, service.requester(request))
    except NotFoundFault as fault:
        raise Http404(sentence(fault.message)) from None
    except AuthorizationFault:
        raise Http404(f"There is no job {job_id!r}; it may have been deleted.") from None
    if found.job_type in _elsewhere():
        raise Http404(f"The job {job_id!r} has no page; it is at /{jobtypes.location(found.job_type)}/{job_id}.")
    return found


def _elsewhere() -> list[str]:
    """Job types without pages: other services run their work as such jobs, and show them."""
    return [kind.name for kind in jobtypes.all_job_types() if kind.path]


def _job_type(name: str) -> JobType:
    try:
        return service.job_type(name)
    except NotFoundFault as fault:
        raise Http404(sentence(fault.message)) from None


def _known_type(job: Job) -> JobType | None:
    """The job's type; None if this archive does not offer it any more."""
    return next((t for t in jobtypes.job_types() if t.name == job.job_type), None)


def _title(name: str) -> str:
    return next((t.title for t in jobtypes.job_types() if t.name == name), name)


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
    """Link to the form filled with the parameters of this job; empty where they are too long for a link."""
    if kind is None:
        return ""
    query = QueryDict(mutable=True)
    for name, texts in job.parameters.items():
        query.setlist(name, texts)
    link = f"{reverse('new_job', args=[kind.name])}?{query.urlencode()}"
    return link if len(link) <= LONGEST_LINK else ""
