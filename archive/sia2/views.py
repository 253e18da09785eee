"""The endpoints of Simple Image Access 2.0."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from archive.obscore.columns import OBSCORE
from archive.sia2 import capabilities as capabilities_document
from archive.sia2.parameters import condition
from tap import views
from tap.answers import answer
from tap.context import query_context
from tap.registry import find
from tap.request import QueryRequest
from tap.service import prepare_selection
from vo import vosi
from vo.dali import Parameters
from vo.errors import UsageFault, VOError
from vo.http import base_url, datalink_errors, labelled_text_errors, vo_endpoint


def _errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """The message after its label (SIA 2.0 section 3.2), as VOTable, or as plain text where a text was asked for."""
    try:
        asked = QueryRequest.without_query(Parameters.of(request), "votable").format.kind
    except UsageFault:
        return datalink_errors(request, error)
    return (labelled_text_errors if asked in ("csv", "tsv", "json") else datalink_errors)(request, error)


@vo_endpoint(errors=_errors)
def query(request: HttpRequest) -> HttpResponseBase:
    """Images and cubes by the parameters of SIA 2.0; several values of one are alternatives."""
    parameters = Parameters.of(request)
    context = query_context(request)
    asked = QueryRequest.without_query(parameters, "votable", context.viewer)
    table = find(OBSCORE.name)
    assert table is not None  # published by this room
    found = prepare_selection(table, (), condition(parameters), context)
    descriptor = capabilities_document.self_descriptor(context.base_url)
    return answer(
        request,
        replace(found, descriptors=(*found.descriptors, descriptor)),
        asked,
        service=capabilities_document.url(context.base_url),
        standard=capabilities_document.STANDARD_ID,
        is_metadata_only=asked.maxrec == 0,
    )


@vo_endpoint(methods=("GET", "HEAD"))
def capabilities(request: HttpRequest) -> HttpResponse:
    """What the image service declares (VOSI 1.1 section 3.1)."""
    return HttpResponse(capabilities_document.document(base_url(request)), content_type=vosi.MEDIA_TYPE)


@vo_endpoint(methods=("GET", "HEAD"))
def availability(request: HttpRequest) -> HttpResponseBase:
    """Whether images can be asked for (VOSI 1.1 section 3.2): whenever queries can."""
    return views.availability(request)
