"""Making jobs: which types there are, and the form of each with what a program would send."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from frontend.jobforms import JobForm
from frontend.pages import page
from frontend.recipe import curl, python
from frontend.wording import sentence
from uws import describe, inputs, offers, service
from uws.errors import UserJobError
from uws.fields import fields
from uws.jobtypes import JobType, Owner
from uws.limits import LimitReached
from uws.service import Requester
from uws.values import ParameterErrors
from vo.errors import AuthorizationFault, NotFoundFault
from vo.http import base_url


@require_safe
def job_choice(request: HttpRequest) -> HttpResponse:
    """The job types there are; a selection in the URL goes along."""
    values = {"section": "jobs", "job_types": offers.offered(), "query": request.GET.urlencode()}
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
        job = service.create(kind.name, form.values, who, base_url=base_url(request), start=True)
    except ParameterErrors as error:
        for name, message in error.errors:
            form.add_error(name, sentence(message))
        return _form_page(request, form, 400)
    except AuthorizationFault as fault:
        form.add_error("", sentence(fault.message))
        return _form_page(request, form, 403)
    except LimitReached as fault:
        form.add_error("", sentence(fault.message))
        return _form_page(request, form, fault.status)
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
    kind, base = form.job_type, base_url(request)
    user = service.requester(request).user
    url = f"{base}/{kind.location}"
    data = {name: texts for name, texts in form.values.items() if any(texts)} or describe.example(kind)
    values = {
        "section": "jobs",
        "job_type": kind,
        "form": form,
        "refusal": offers.refusal(
            kind, None if user is None else user.get_username(), user is not None and user.is_staff
        ),
        "described": describe.description(kind, base),
        "specs": fields(kind.parameters),
        "python": python(url, data),
        "curl": curl(url, data),
    }
    return page(request, "new_job.html", values, status)


def _job_type(name: str) -> JobType:
    try:
        return service.job_type(name)
    except NotFoundFault as fault:
        raise Http404(sentence(fault.message)) from None
