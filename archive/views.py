"""HTTP of the archive: DataLink."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive.links import BATCH, LinksDocument, identifiers_within
from archive.obscore.columns import DATALINK_TYPE
from vo.dali import Parameters
from vo.errors import UsageFault
from vo.http import datalink_errors, vo_endpoint
from vo.votable import MEDIA_TYPE


@vo_endpoint(errors=datalink_errors)
def links(request: HttpRequest) -> HttpResponseBase:
    """DataLink 1.1 `links`: ID, repeatable, and RESPONSEFORMAT, by GET or POST.

    Identifiers beyond DISTILLER_LINKS_MAX_IDS are left out, and OVERFLOW says so (section 2.1.1).
    """
    parameters = Parameters.of(request)
    _check_format(parameters.response_format())
    identifiers, more = identifiers_within(parameters.all("ID"), settings.DISTILLER_LINKS_MAX_IDS)
    pieces = LinksDocument(identifiers, request).pieces(is_cut=more)
    if len(identifiers) <= BATCH:
        return HttpResponse(b"".join(pieces), content_type=DATALINK_TYPE)
    return StreamingHttpResponse(pieces, content_type=DATALINK_TYPE)


def _check_format(asked: str | None) -> None:
    """There is one format: VOTable with TABLEDATA, by any of its names (DataLink 1.1 section 2.1.2)."""
    if asked is not None:
        name = asked.partition(";")[0].strip().lower().replace("x-votable xml", "x-votable+xml")
        if name not in ("votable", "votable/td", "text/xml", MEDIA_TYPE):
            raise UsageFault(f"RESPONSEFORMAT {asked[:80]!r} is not offered; offered are votable and {MEDIA_TYPE}")
