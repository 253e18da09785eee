"""HTTP of retrieval: one file, and many as a tar or zip, a script, a list of URLs or of checksums."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from archive import lookup, objects
from archive.gadf import parts
from archive.links import retrieve_url
from archive.models import Product, ProductFile
from archive.policy import POLICY, viewer_of
from archive.retrieval import script as scripts
from archive.retrieval import tarball, zipball
from archive.retrieval.contents import crc32, is_packed
from archive.retrieval.layout import LaidOutFile, Member
from archive.retrieval.remembered import REMEMBERED, Answer, Request
from archive.retrieval.script import Download
from archive.retrieval.selection import Chosen, chosen_files
from archive.retrieval.serving import named, representation
from archive.retrieval.turns import Turns
from archive.store import digest_bytes, open_stored
from tap.context import query_context
from tap.registry import Viewer
from vo.coding import prefers_gzip
from vo.dali import Parameters, boolean
from vo.errors import NotFoundFault, UsageFault
from vo.files import CHUNK, ServedFile, file_response
from vo.http import base_url, text_errors, vo_endpoint

BUNDLES = Turns(6)
"""Tar and zip files that a process sends at the same time, each in a thread that its client holds."""
CHECKSUMS = "SHA256SUMS"
FORMS = {"tar": (tarball.tar, tarball.MEDIA_TYPE), "zip": (zipball.zipped, zipball.MEDIA_TYPE)}
"""In which many files come as one: what puts it together, and its media type."""


@vo_endpoint(methods=("GET", "HEAD"), errors=text_errors)
def retrieve(request: HttpRequest) -> HttpResponseBase:
    """The bytes of a product: ID; FILE where it has several files, HDU for one of its HDUs as a file of its own;
    STORED=true for a compressed file as it is kept.
    """
    viewer = viewer_of(request)
    parameters = Parameters.of(request)
    identifier = parameters.one("ID")
    if identifier is None or not identifier.strip():
        raise UsageFault("give the identifier of a data set: ID")
    as_kept = parameters.value("STORED", boolean) or False
    since = REMEMBERED.clock()
    product, uses = _files_of(identifier.strip(), viewer)
    POLICY.check_read(product, viewer)
    hdu = parameters.one("HDU")
    if hdu is not None or not uses:  # a response has no file of its own: it is an HDU of its observation's
        part = parts.asked_for(product, hdu)
        if part is not None:
            return file_response(request, part)
    gzip = prefers_gzip(request.headers.get("accept-encoding"))
    name = parameters.one("FILE")
    served = representation(named(uses, name), gzip, as_kept)
    response = file_response(request, served)
    if viewer == Viewer() and served.path:
        asked = Request(request.headers.get("host", ""), request.META.get("QUERY_STRING", ""), gzip)
        REMEMBERED.keep(asked, Answer(served, product.pk, name, as_kept), since)
    return response


@vo_endpoint(errors=text_errors)
def bundle(request: HttpRequest) -> HttpResponseBase:
    """The files of many products as one tar or zip (RESPONSEFORMAT) of known length, with their checksums.

    It can be resumed (Range).
    """
    form = _form(Parameters.of(request))
    chosen = _chosen(request)
    _check_there(chosen)
    members = [_member(one, form) for one in chosen]
    listed = scripts.checksums(_downloads(request, chosen)).encode()
    newest = max(one.use.file.stored for one in chosen)
    content = digest_bytes(listed)
    sums = Member(CHECKSUMS, content.size, content.sha256, newest, lambda: io.BytesIO(listed), content.crc32 or 0)
    laid_out, media_type = FORMS[form]
    layout = laid_out([*members, sums])
    tag = layout.tag
    return file_response(
        request,
        ServedFile(
            open=lambda: io.BufferedReader(LaidOutFile(layout, BUNDLES.take("downloads of many files")), CHUNK),
            size=layout.size,
            sha256="",
            tag=tag,
            modified=newest,
            media_type=media_type,
            filename=f"distiller-{tag[:8]}.{form}",
            attachment=True,
        ),
    )


@vo_endpoint(errors=text_errors)
def script(request: HttpRequest) -> HttpResponseBase:
    """A shell script that fetches the files of many products."""
    return _listing(request, scripts.script, "distiller-fetch.sh", "text/x-shellscript; charset=utf-8")


@vo_endpoint(errors=text_errors)
def urls(request: HttpRequest) -> HttpResponseBase:
    """The URLs of the files of many products, one a line."""
    return _listing(request, scripts.urls, "distiller-urls.txt", "text/plain; charset=utf-8")


@vo_endpoint(errors=text_errors)
def checksums(request: HttpRequest) -> HttpResponseBase:
    """The SHA-256 of the files of many products under the paths that the bundle and the script give them."""
    return _listing(request, scripts.checksums, CHECKSUMS, "text/plain; charset=utf-8")


def _listing(
    request: HttpRequest, make: Callable[[Sequence[Download]], str], filename: str, media_type: str
) -> HttpResponse:
    response = HttpResponse(make(_downloads(request, _chosen(request))), content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _chosen(request: HttpRequest) -> list[Chosen]:
    return chosen_files(Parameters.of(request), query_context(request))


def _downloads(request: HttpRequest, chosen: Sequence[Chosen]) -> list[Download]:
    """The files as they are kept: smaller on the way, and under checksums that never change."""
    base = base_url(request)
    return [Download(kept_url(base, one.use), one.path, one.use.file.sha256, one.use.file.size) for one in chosen]


def kept_url(base: str, use: ProductFile) -> str:
    """Absolute URL of the bytes that are kept."""
    url = retrieve_url(base, use.product, use)
    return f"{url}&STORED=true" if is_packed(use.file) else url


def _form(parameters: Parameters) -> str:
    asked = (parameters.one("RESPONSEFORMAT") or "tar").strip().lower()
    for form, (_, media_type) in FORMS.items():
        if asked in (form, media_type):
            return form
    offered = ", ".join((*FORMS, *(media_type for _, media_type in FORMS.values())))
    raise UsageFault(f"RESPONSEFORMAT {asked[:80]!r} is not offered; offered are {offered}")


def _member(one: Chosen, form: str) -> Member:
    use = one.use
    checksum = crc32(use.file, use.name) if form == "zip" else 0
    return Member(
        one.path, use.file.size, use.file.sha256, use.file.stored, lambda: open_stored(use.file, use.name), checksum
    )


def _check_there(chosen: Sequence[Chosen]) -> None:
    """Raises FatalFault before anything is sent if a file is not there; an object store is asked when it is read."""
    for one in chosen:
        if objects.path_of(one.use.file.path) is not None:
            open_stored(one.use.file, one.use.name).close()


def _files_of(identifier: str, viewer: Viewer) -> tuple[Product, list[ProductFile]]:
    """A product and its files in their order; an identifier as we write it takes one query."""
    held = ProductFile.objects.select_related("product", "file").order_by("position")
    uses = list(held.filter(product__did=identifier, product__in=POLICY.products(viewer)))
    if uses:
        return uses[0].product, uses
    product = lookup.product(identifier, viewer)
    if product is None:
        raise NotFoundFault(f"this archive has no data set with the identifier {identifier[:200]}")
    return product, list(held.filter(product=product))
