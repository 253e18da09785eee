"""In which form an answer is given: XML, JSON beside it, and pages for people (UWS 1.1 section 2.2.2).

The pages are those of a room above, which registers them:

    register(Pages(job_list=..., job=..., problem=...))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from pydantic_xml import BaseXmlModel

from uws import jsonform, xml
from uws.jobtypes import JobType
from uws.models import Job
from vo.errors import VOError
from vo.http import votable_errors

Form = Literal["xml", "json", "html"]
_MEDIA_TYPES: tuple[tuple[Form, tuple[str, ...]], ...] = (
    ("xml", ("application/xml", "text/xml")),
    ("json", (jsonform.MEDIA_TYPE,)),
    ("html", ("text/html",)),
)
"""In the order of preference, for who takes several as gladly: `*/*` means XML."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Views that show a list of jobs, one job, or what is wrong, to people."""

    job_list: Callable[[HttpRequest, JobType, QuerySet[Job]], HttpResponseBase]
    job: Callable[[HttpRequest, Job], HttpResponseBase]
    problem: Callable[[HttpRequest, VOError], HttpResponse]


_registered: list[Pages] = []


def register(pages: Pages) -> None:
    """Make pages known; those before are replaced."""
    _registered[:] = [pages]


def wanted(request: HttpRequest) -> Form:
    """The form that the header Accept prefers among those that there are; XML if it takes none of them."""
    for_people = bool(_registered) and _is_for_people(request)
    offered = [(form, types) for form, types in _MEDIA_TYPES if form != "html" or for_people]
    best, _ = max(offered, key=lambda offer: max(_quality(request, media_type) for media_type in offer[1]))
    return best


def pages(request: HttpRequest) -> Pages | None:
    """The pages, if who asks wants one."""
    return _registered[0] if wanted(request) == "html" else None


def document(request: HttpRequest, model: BaseXmlModel) -> HttpResponse:
    """The document in XML, or in JSON if that is wanted more."""
    if wanted(request) == "json":
        return HttpResponse(jsonform.document(model), content_type=jsonform.MEDIA_TYPE)
    return HttpResponse(xml.document(model), content_type=xml.MEDIA_TYPE)


def negotiated(response: HttpResponseBase) -> HttpResponseBase:
    """The response with a word to caches: it depends on who asks and on what they accept."""
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """An error in the form that its client understands: a DALI error document, JSON, or a page."""
    form = wanted(request)
    if form == "html":
        return _registered[0].problem(request, error)
    if form == "json":
        return JsonResponse({"error": error.label, "detail": error.message}, status=error.status)
    return votable_errors(request, error)


def _is_for_people(request: HttpRequest) -> bool:
    """Whether a page may be the answer: to a browser, or to who takes no XML.

    Java's programs (TOPCAT, STILTS) say by default that they prefer HTML, and want XML. Browsers name XHTML.
    """
    browser = any(str(accepted).startswith("application/xhtml+xml") for accepted in request.accepted_types)
    return browser or _quality(request, "application/xml") == 0


def _quality(request: HttpRequest, media_type: str) -> float:
    """How gladly the client takes the media type: the most specific of what it says holds (RFC 9110 section 12.5.1)."""
    matching = [accepted for accepted in request.accepted_types if accepted.match(media_type)]
    return max(matching, key=lambda accepted: accepted.specificity).quality if matching else 0.0
