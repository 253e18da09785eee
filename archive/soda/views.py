"""The endpoints of SODA 1.0 but for `async`, which is a job list (`archive.soda.jobs`)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from archive.policy import viewer_of
from archive.soda import capabilities as capabilities_document
from archive.soda import examples as examples_document
from archive.soda.cutout import Cutout, Nothing
from archive.soda.datasets import datasets
from archive.soda.parameters import MEDIA_TYPES, CutoutRequest
from tap import views
from uws.wait import release_connection
from vo import vosi
from vo.dali import Parameters
from vo.http import base_url, soda_errors, streamed, vo_endpoint


@vo_endpoint(errors=soda_errors)
def sync(request: HttpRequest) -> HttpResponseBase:
    """Events cut out at once (SODA 1.0 section 2.1): one GADF file; of several observations, our extension, an archive.

    204 where nothing was observed at all (section 5.1). A departed client ends the work.
    """
    asked = CutoutRequest.of(Parameters.of(request))
    viewer, service = viewer_of(request), base_url(request)
    cutout = Cutout(asked, datasets(asked.ids, viewer), service)
    cutout.check_size(viewer, capabilities_document.async_url(service))
    try:
        cutout.check_overlap()
    except Nothing:
        return HttpResponse(status=204)
    media_type = MEDIA_TYPES[cutout.form]
    if request.method == "HEAD":
        return HttpResponse(content_type=media_type)
    release_connection()
    response = streamed(cutout.pieces(), media_type, cutout.length())
    disposition = content_disposition_header(True, cutout.filename)
    assert disposition is not None  # as an attachment it has one
    response["Content-Disposition"] = disposition
    return response


@vo_endpoint(methods=("GET", "HEAD"))
def capabilities(request: HttpRequest) -> HttpResponse:
    """What the service declares (VOSI 1.1 section 3.1)."""
    return HttpResponse(capabilities_document.document(base_url(request)), content_type=vosi.MEDIA_TYPE)


@vo_endpoint(methods=("GET", "HEAD"))
def availability(request: HttpRequest) -> HttpResponseBase:
    """Whether events can be asked for (VOSI 1.1 section 3.2): whenever queries can."""
    return views.availability(request)


@vo_endpoint(methods=("GET", "HEAD"))
def examples(request: HttpRequest) -> HttpResponse:
    """Example requests (section 2.3)."""
    body = examples_document.document(base_url(request), viewer_of(request))
    return HttpResponse(body, content_type="application/xhtml+xml; charset=utf-8")
