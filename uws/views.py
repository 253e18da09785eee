"""The REST binding of UWS 1.1 (section 2.2): a job list for each job type, and the resources of a job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import IO

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from uws import capabilities as capabilities_document
from uws import estimates, jobtypes, negotiation, parts, service, xml
from uws.jobtypes import JobType
from uws.listing import filtered
from uws.models import Job, Part, Result
from uws.negotiation import document, negotiated
from uws.phases import Phase
from uws.results import store
from uws.service import Requester
from vo import vosi
from vo.dali import Parameters, boolean, integer, timestamp
from vo.errors import AuthorizationFault, FatalFault, NotFoundFault, UsageFault
from vo.files import ServedFile, file_response
from vo.http import base_url, vo_endpoint
from vo.votable import MEDIA_TYPE as VOTABLE
from vo.votable import error_document

logger = logging.getLogger(__name__)
CONTROL = ("PHASE", "RUNID", "EXECUTIONDURATION", "DESTRUCTION", "FRESH")
"""Names that steer a job and are no parameters of it."""
_endpoint = partial(vo_endpoint, errors=negotiation.errors)


@_endpoint()
def job_list(request: HttpRequest, type_name: str) -> HttpResponseBase:
    """List own jobs of a type, or create one (UWS 1.1 sections 2.2.2.1 and 2.2.3.1).

    Clients of DataLink ask the service of a descriptor by GET: with PHASE=RUN, which is no filter, it makes a job too.
    A page of another site can make a browser ask: such a job is nobody's, unless a program says whose it is.
    """
    kind = _kind(request, type_name)
    parameters = Parameters.of(request)
    who = service.requester(request)
    if request.method == "POST":
        _check_csrf(request)
        return _create(request, kind.name, parameters, who)
    if request.method == "GET" and parameters.all("PHASE") == ["RUN"] and not kind.path:
        is_program = hasattr(request, "signed_in_by_header") and "Sec-Fetch-Site" not in request.headers
        return _create(request, kind.name, parameters, who if is_program else replace(who, user=None, session=""))
    own = service.jobs_of(who).filter(job_type=kind.name)
    jobs = filtered(own.select_related("owner"), parameters)
    if (pages := negotiation.pages(request)) is not None:
        return negotiated(pages.job_list(request, kind, jobs))
    return negotiated(document(request, xml.job_list(jobs, base_url(request))))


@_endpoint(methods=("GET", "HEAD"))
def capabilities(request: HttpRequest, type_name: str) -> HttpResponse:
    """What a job list is, and how to sign in there (VOSI 1.1 section 3.1)."""
    body = capabilities_document.document(_kind(request, type_name), base_url(request))
    return HttpResponse(body, content_type=vosi.MEDIA_TYPE)


@_endpoint(methods=("GET", "HEAD", "POST", "DELETE"))
def job(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """A job, waited for if asked (section 2.2.1.2); DELETE or ACTION=DELETE destroys it, PHASE steers it."""
    found = _find(request, type_name, job_id)
    parameters = Parameters.of(request)
    if request.method == "DELETE":
        return _destroy(request, found)
    if request.method == "POST":
        _check_csrf(request)
        if (parameters.one("ACTION") or "").upper() == "DELETE":
            return _destroy(request, found)
        if set(parameters) == {"PHASE"}:
            return _change_phase(request, found, parameters)
        raise AuthorizationFault("a job takes ACTION=DELETE or PHASE here; its parameters are set at /parameters")
    seconds = parameters.value("WAIT", integer)
    if seconds is not None:
        waited = service.wait(found, seconds, _phase_of(parameters))
        if waited is None:
            raise NotFoundFault(f"the job {job_id!r} was deleted while it was waited for")
        found = waited
    if (pages := negotiation.pages(request)) is not None:
        return negotiated(pages.job(request, found))
    return negotiated(document(request, xml.job_summary(found, base_url(request))))


@_endpoint()
def phase(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """The phase as text; POST PHASE=RUN or PHASE=ABORT (section 2.2.3.3)."""
    found = _find(request, type_name, job_id)
    if request.method == "POST":
        _check_csrf(request)
        return _change_phase(request, found, Parameters.of(request))
    return _text(found.phase)


@_endpoint()
def execution_duration(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """Seconds that the job may run; POST changes them (section 2.2.3.4)."""
    found = _find(request, type_name, job_id)
    if request.method == "POST":
        _check_csrf(request)
        seconds = Parameters.of(request).value("EXECUTIONDURATION", integer)
        if seconds is None:
            raise UsageFault("EXECUTIONDURATION is missing")
        service.set_execution_duration(found, seconds)
        return _to_job(request, found)
    return _text(str(found.execution_duration))


@_endpoint()
def destruction(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """When the job is destroyed; POST changes that (section 2.2.3.5)."""
    found = _find(request, type_name, job_id)
    if request.method == "POST":
        _check_csrf(request)
        when = Parameters.of(request).value("DESTRUCTION", timestamp)
        if when is None:
            raise UsageFault("DESTRUCTION is missing")
        service.set_destruction(found, when)
        return _to_job(request, found)
    return _text(xml.time_text(found.destruction))


@_endpoint(methods=("GET", "HEAD"))
def quote(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """When the job is expected to be completed; empty if that is not known (section 2.1.6)."""
    return _text(xml.time_text(estimates.outlook(_find(request, type_name, job_id)).end))


@_endpoint(methods=("GET", "HEAD"))
def owner(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """The owner's name; empty for a job of nobody in particular."""
    found = _find(request, type_name, job_id)
    return _text(found.owner.get_username() if found.owner is not None else "")


@_endpoint(methods=("GET", "HEAD"))
def error(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """Why the job did not complete, as a DALI document with status 200 (DALI 1.1 section 4.2)."""
    found = _find(request, type_name, job_id)
    if not found.error_message:
        raise NotFoundFault("this job has no error")
    return HttpResponse(error_document(found.error_message), content_type=VOTABLE)


@_endpoint()
def parameters(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """The job's parameters; POST sets them while it is PENDING (section 2.2.3.1)."""
    found = _find(request, type_name, job_id)
    if request.method == "POST":
        _check_csrf(request)
        given = Parameters.of(request)
        service.set_parameters(found, {name: given.all(name) for name in given}, given.part)
        return _to_job(request, found)
    return negotiated(document(request, xml.parameters(found, base_url(request))))


@_endpoint(methods=("GET", "HEAD"))
def parameter(request: HttpRequest, type_name: str, job_id: str, name: str) -> HttpResponseBase:
    """One parameter as text, a line for each value; or what was sent along under that name (section 2.2.3.1.1)."""
    found = _find(request, type_name, job_id)
    part = Part.objects.filter(job=found, name=name).first()
    if part is not None:
        if found.owner is not None and found.owner != service.requester(request).user:
            raise AuthorizationFault("what was sent along with a job is for its owner only")
        return file_response(request, parts.served(part))
    given = {known.lower(): texts for known, texts in found.parameters.items()}
    if not given.get(name.lower()):
        raise NotFoundFault(f"the parameter {name!r} was not given")
    return _text("\n".join(given[name.lower()]))


@_endpoint(methods=("GET", "HEAD"))
def results(request: HttpRequest, type_name: str, job_id: str) -> HttpResponseBase:
    """References to the results."""
    found = _find(request, type_name, job_id)
    return negotiated(document(request, xml.results(found, base_url(request))))


@_endpoint(methods=("GET", "HEAD"))
def result(request: HttpRequest, type_name: str, job_id: str, name: str) -> HttpResponseBase:
    """A result itself, whole or in part."""
    found = _find(request, type_name, job_id)
    row = Result.objects.filter(job=found, name=name).select_related("file").first()
    if row is None:
        why = f": {found.error_message}" if found.error_message else ""  # astroquery shows no other reason
        raise NotFoundFault(f"this job has no result {name!r}{why}")
    return file_response(request, _served(row))


def _served(row: Result) -> ServedFile:
    def open_file() -> IO[bytes]:
        try:
            file: IO[bytes] = store().open(row.file.storage_name)
        except OSError:
            logger.exception("result %s of job %s has lost its file", row.name, row.job_id)
            raise FatalFault("the file of this result is missing; the operators have been told") from None
        return file

    return ServedFile(open_file, row.file.size, row.file.sha256, row.file.stored, row.media_type, row.filename)


def _find(request: HttpRequest, type_name: str, job_id: str) -> Job:
    return service.find(job_id, service.requester(request), _kind(request, type_name).name)


def _kind(request: HttpRequest, type_name: str) -> JobType:
    """The job type that is served at the URL of the request: under /uws those on offer, elsewhere the one named."""
    return service.job_type(type_name) if request.path_info.startswith("/uws/") else jobtypes.job_type(type_name)


def _create(request: HttpRequest, type_name: str, parameters: Parameters, who: Requester) -> HttpResponseBase:
    """A new job, started at once with PHASE=RUN. Nothing is created if anything in the request is wrong."""
    command = (parameters.one("PHASE") or "").strip().upper()
    if command not in ("", "RUN"):
        raise UsageFault(f"PHASE: a job is created with PHASE=RUN or without PHASE, not {command!r}")
    seconds = parameters.value("EXECUTIONDURATION", integer)
    when = parameters.value("DESTRUCTION", timestamp)
    created = service.create(
        type_name,
        {name: parameters.all(name) for name in parameters if name not in CONTROL},
        who,
        run_id=parameters.run_id() or "",
        base_url=base_url(request),
        part=parameters.part,
        fresh=parameters.value("FRESH", boolean) or False,
        seconds=seconds,
        destruction=when,
        start=bool(command),
    )
    return _to_job(request, created)


def _change_phase(request: HttpRequest, found: Job, parameters: Parameters) -> HttpResponseBase:
    command = (parameters.one("PHASE") or "").strip().upper()
    actions: dict[str, Callable[[Job], None]] = {"RUN": service.run, "ABORT": service.abort}
    if command not in actions:
        raise UsageFault(f"PHASE: takes RUN or ABORT, not {command!r}")
    actions[command](found)
    return _to_job(request, found)


def _destroy(request: HttpRequest, found: Job) -> HttpResponseBase:
    _check_csrf(request)
    service.destroy(found)
    return _see_other(f"{base_url(request)}/{jobtypes.location(found.job_type)}")


def _phase_of(parameters: Parameters) -> str | None:
    text = parameters.one("PHASE")
    if text is not None and text not in Phase.values:
        raise UsageFault(f"PHASE: {text!r} is no phase; there are {', '.join(Phase.values)}")
    return text


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def _check_csrf(request: HttpRequest) -> None:
    """A request that is somebody's only by the browser's cookie must prove that it comes from our pages.

    Programs that send no session, or say who they are in the request itself, need no token.
    """
    session = getattr(request, "session", None)
    if session is None or SESSION_KEY not in session:
        return
    check = _CsrfCheck(lambda _: HttpResponse())
    check.process_request(request)
    refusal = check.process_view(request, lambda _: HttpResponse(), (), {})
    if refusal is not None:
        reason = refusal.content.decode().rstrip(".")
        raise AuthorizationFault(f"the request does not come from this site's own pages ({reason})")


def _to_job(request: HttpRequest, found: Job) -> HttpResponse:
    return _see_other(xml.job_url(base_url(request), found))


def _see_other(url: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": url})


def _text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
