"""HTTP of the archive: DataLink and retrieval."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive import lookup
from archive.gadf import parts
from archive.links import BATCH, LinksDocument, identifiers_within
from archive.models import Product, ProductFile
from archive.obscore.columns import DATALINK_TYPE
from archive.policy import POLICY, viewer_of
from archive.store import open_stored
from vo.dali import Parameters
from vo.errors import NotFoundFault, UsageFault
from vo.files import ServedFile, file_response
from vo.http import datalink_errors, text_errors, vo_endpoint
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


@vo_endpoint(methods=("GET", "HEAD"), errors=text_errors)
def retrieve(request: HttpRequest) -> HttpResponseBase:
    """The bytes of a product: ID, FILE where it has several files, HDU for one of its HDUs as a file of its own.

    Ranges, ETag, Last-Modified, digests.
    """
    parameters = Parameters.of(request)
    identifier = parameters.one("ID")
    if identifier is None or not identifier.strip():
        raise UsageFault("give the identifier of a data set: ID")
    viewer = viewer_of(request)
    product = lookup.product(identifier, viewer)
    if product is None:
        raise NotFoundFault(f"this archive has no data set with the identifier {identifier.strip()[:200]}")
    POLICY.check_read(product, viewer)
    part = parts.asked_for(product, parameters.one("HDU"))
    if part is not None:
        return file_response(request, part)
    use = _file_of(product, parameters.one("FILE"))
    stored, name = use.file, use.name
    served = ServedFile(
        open=lambda: open_stored(stored, name),
        size=stored.size,
        sha256=stored.sha256,
        modified=stored.stored,
        media_type=stored.media_type,
        filename=name,
        attachment=not stored.media_type.startswith(("image/", "text/")),
    )
    return file_response(request, served)


def _file_of(product: Product, name: str | None) -> ProductFile:
    uses = {use.name: use for use in product.files.select_related("file").order_by("position")}
    if name is None:
        return next(iter(uses.values()))
    if name not in uses:
        raise NotFoundFault(f"{product.did} has no file {name[:100]!r}; it has {', '.join(uses)}")
    return uses[name]
