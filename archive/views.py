"""HTTP of the archive: DataLink."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from archive.links import COLUMNS, identifiers_within, links_of
from archive.obscore.columns import DATALINK_TYPE
from archive.policy import viewer_of
from archive.published import DATALINK_STANDARD
from vo.dali import Parameters
from vo.errors import UsageFault
from vo.http import base_url, datalink_errors, vo_endpoint
from vo.votable import MEDIA_TYPE, Info, document

MAX_IDS = 500
"""Identifiers answered in one links document; more give OVERFLOW (DataLink 1.1 section 2.1.1)."""


@vo_endpoint(errors=datalink_errors)
def links(request: HttpRequest) -> HttpResponse:
    """DataLink 1.1 `links`: ID, repeatable, and RESPONSEFORMAT, by GET or POST."""
    parameters = Parameters.of(request)
    _check_format(parameters.response_format())
    identifiers, more = identifiers_within(parameters.all("ID"), MAX_IDS)
    found = links_of(identifiers, viewer_of(request), base_url(request))
    content = document(
        COLUMNS,
        [link.row() for link in found.rows],
        infos=[Info("standardID", DATALINK_STANDARD)],
        descriptors=found.descriptors,
        status="OVERFLOW" if more else "OK",
    )
    return HttpResponse(content, content_type=DATALINK_TYPE)


def _check_format(asked: str | None) -> None:
    """There is one format: VOTable with TABLEDATA, by any of its names (DataLink 1.1 section 2.1.2)."""
    if asked is not None:
        name = asked.partition(";")[0].strip().lower().replace("x-votable xml", "x-votable+xml")
        if name not in ("votable", "votable/td", "text/xml", MEDIA_TYPE):
            raise UsageFault(f"RESPONSEFORMAT {asked[:80]!r} is not offered; offered are votable and {MEDIA_TYPE}")
