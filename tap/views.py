"""The endpoints of the TAP service: HTTP in, documents out (TAP 1.1 section 2)."""

from __future__ import annotations

import datetime as dt
import logging
import shutil

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import condition

from tap import capabilities as capabilities_document
from tap import examples as examples_document
from tap import outputs
from tap.context import query_context, viewer
from tap.limits import limits_of
from tap.names import written
from tap.registry import find
from tap.request import FORMATS, QueryRequest
from tap.results import document
from tap.schema import published
from tap.service import prepare
from tap.sizes import sizes
from tap.uploads import parts, receive
from uws.wait import release_connection
from vo import vosi
from vo.dali import Parameters
from vo.errors import NotFoundFault, UsageFault, VOError
from vo.formats import choose
from vo.http import base_url, departed, streamed, text_errors, vo_endpoint, votable_errors
from vo.xmltext import DECLARATION, content, element

log = logging.getLogger(__name__)
_STARTED = dt.datetime.now(dt.UTC).replace(microsecond=0)
_AVAILABILITY_SECONDS = 5
_MIN_FREE_BYTES = 100 * 2**20


def _query_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """A DALI error document that suits the format that was asked for: plain text for text formats, else VOTable."""
    try:
        asked = choose(Parameters.of(request).response_format(), FORMATS, further=outputs.media_types())
    except UsageFault:
        return votable_errors(request, error)
    return text_errors(request, error) if asked.kind in ("csv", "tsv", "json") else votable_errors(request, error)


@vo_endpoint(errors=_query_errors)
def sync(request: HttpRequest) -> HttpResponseBase:
    """A query answered at once (section 2.2), as VOTable, CSV, TSV, FITS, JSON, Parquet, Arrow stream, or in a format
    that a room above makes of it."""
    parameters = Parameters.of(request)
    context = query_context(request)
    asked = QueryRequest.of(parameters, context.viewer)
    query = prepare(asked.query, context, uploads=receive(asked.uploads, parts(parameters), context.viewer))
    if request.method == "HEAD":
        return HttpResponse(content_type=asked.format.content_type)
    if asked.run_id:
        log.info("sync query, RUNID %s", asked.run_id)
    release_connection()
    service, seconds = f"{context.base_url}/tap", limits_of(context.viewer).timeout
    pieces = document(query, asked, service, seconds, departed=departed(request), async_url=f"{service}/async")
    response = streamed(pieces, asked.format.content_type)
    if (output := outputs.find(asked.format.kind)) is not None:
        response["Content-Disposition"] = f'attachment; filename="{output.filename}"'
    return response


@vo_endpoint(methods=("GET", "HEAD"))
def tables(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """The tables of the service, or one of them (VOSI 1.1 section 3.3); `detail` is min or max."""
    detail = Parameters.of(request).one("detail") or "max"
    if detail not in ("min", "max"):
        raise UsageFault(f"detail is min or max, not {detail[:40]!r}")
    columns = detail == "max"
    if name is None:
        body = vosi.tableset(published(), written=written, columns=columns, sizes=sizes())
    else:
        table = find(name)
        if table is None:
            raise NotFoundFault(f"there is no table {name}")
        body = vosi.table(table.meta, written=written, columns=columns, size=sizes().get(table.meta.name))
    return HttpResponse(body, content_type=vosi.MEDIA_TYPE)


@vo_endpoint(methods=("GET", "HEAD"))
@condition(last_modified_func=lambda request: _STARTED if viewer(request).name is None else None)
def capabilities(request: HttpRequest) -> HttpResponse:
    """What the service can do for whoever asks (VOSI 1.1 section 3.1); for all anonymous users the same."""
    body = capabilities_document.document(base_url(request), limits_of(viewer(request)))
    return HttpResponse(body, content_type=vosi.MEDIA_TYPE)


@vo_endpoint(methods=("GET", "HEAD"))
def availability(request: HttpRequest) -> HttpResponse:
    """Whether queries can be answered (VOSI 1.1 section 3.2), looked at every few seconds at most."""
    notes: list[str] = cache.get_or_set("tap.availability", _troubles, _AVAILABILITY_SECONDS) or []
    return HttpResponse(
        vosi.availability(available=not notes, up_since=_STARTED, notes=notes), content_type=vosi.MEDIA_TYPE
    )


def _troubles() -> list[str]:
    """What stands in the way of answering, in words for the client."""
    troubles = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM tap_schema_schemas")
            if cursor.fetchone() is None:
                troubles.append("no table is published yet")
    except DatabaseError:
        log.exception("availability: the database does not answer")
        troubles.append("the database does not answer")
    try:
        if shutil.disk_usage(settings.DISTILLER_HOME).free < _MIN_FREE_BYTES:
            troubles.append("the disk is full")
    except OSError:
        log.exception("availability: the disk cannot be read")
        troubles.append("the disk cannot be read")
    return troubles


@vo_endpoint(methods=("GET", "HEAD"))
def examples(request: HttpRequest) -> HttpResponse:
    """Example queries (section 2.6)."""
    return HttpResponse(examples_document.document(), content_type="application/xhtml+xml; charset=utf-8")


@vo_endpoint(methods=("GET", "HEAD"))
def index(request: HttpRequest) -> HttpResponse:
    """A page for people who follow the base URL (section 2)."""
    tap = f"{base_url(request)}/tap"
    links = [
        ("sync", "queries: QUERY, LANG=ADQL, RESPONSEFORMAT, MAXREC, UPLOAD"),
        ("async", "the same as jobs (UWS 1.1), for queries that take long"),
        ("tables", "tables and columns"),
        ("examples", "example queries"),
        ("capabilities", "what the service can do"),
        ("availability", "whether it is up"),
    ]
    page = element(
        "html",
        {"xmlns": "http://www.w3.org/1999/xhtml", "lang": "en"},
        element("head", {}, element("title", {}, "TAP service")),
        element(
            "body",
            {},
            element("h1", {}, "TAP service"),
            element("p", {}, content("Give this URL to TOPCAT, pyvo or another client of the Virtual Observatory: ")),
            element("pre", {}, content(tap)),
            element("ul", {}, *(_link(f"{tap}/{name}", name, text) for name, text in links)),
        ),
    )
    return HttpResponse(f"{DECLARATION}<!DOCTYPE html>\n{page}\n", content_type="application/xhtml+xml; charset=utf-8")


def _link(url: str, name: str, text: str) -> str:
    return element("li", {}, element("a", {"href": url}, content(name)), content(f": {text}"))


@vo_endpoint(errors=text_errors)
def missing(request: HttpRequest) -> HttpResponse:
    """Anything else below the base URL: clients probe for `properties` and for endpoints that are not offered."""
    raise NotFoundFault("there is nothing at this URL")
