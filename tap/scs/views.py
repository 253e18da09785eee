"""The endpoints of the cone searches: /scs/<table>, and /scs for the first table that was published with a position."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tap import views
from tap.answers import answer
from tap.context import query_context
from tap.registry import find
from tap.scs import capabilities as capabilities_document
from tap.scs.catalogues import Catalogue, catalogue_of, catalogues
from tap.scs.cone import Cone
from vo import vosi
from vo.dali import Parameters
from vo.errors import NotFoundFault, UsageFault, VOError
from vo.http import base_url, vo_endpoint
from vo.votable import Info, error_document


def _errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """INFO `Error` in a VOTable (Simple Cone Search 1.03 section 2.3), beside the QUERY_STATUS of DALI.

    What is wrong with the parameters is told with status 200: clients of the protocol read no other document.
    """
    status = 200 if isinstance(error, UsageFault) else error.status
    document = error_document(error.message, [Info("Error", error.message)])
    return HttpResponse(document, content_type="text/xml", status=status)


@vo_endpoint(errors=_errors)
def search(request: HttpRequest, name: str | None = None) -> HttpResponseBase:
    """Simple Cone Search by RA, DEC and SR in degrees; VERB, TIME (MJD), MAXREC and RESPONSEFORMAT may be given."""
    catalogue = _catalogue(name)
    context = query_context(request)
    cone = Cone.of(Parameters.of(request), context.viewer)
    return answer(
        request,
        cone.query(catalogue, context),
        cone.request,
        service=capabilities_document.url(catalogue, context.base_url),
        standard=capabilities_document.STANDARD_ID,
        is_metadata_only=cone.is_metadata_only,
    )


@vo_endpoint(methods=("GET", "HEAD"))
def capabilities(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """What a cone search declares (VOSI 1.1 section 3.1)."""
    document = capabilities_document.document(_catalogue(name), base_url(request))
    return HttpResponse(document, content_type=vosi.MEDIA_TYPE)


@vo_endpoint(methods=("GET", "HEAD"))
def availability(request: HttpRequest, name: str | None = None) -> HttpResponseBase:
    """Whether a cone search can be answered (VOSI 1.1 section 3.2): whenever queries can."""
    _catalogue(name)
    return views.availability(request)


def _catalogue(name: str | None) -> Catalogue:
    if name is None:
        catalogue = next(catalogues(), None)
    else:
        table = find(name)
        catalogue = None if table is None else catalogue_of(table)
    if catalogue is None:
        offered = ", ".join(c.name for c in catalogues())
        raise NotFoundFault(f"there is no cone search on {name or 'any table'}; there is on {offered or 'none'}")
    return catalogue
