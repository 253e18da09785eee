"""Answers of protocols that ask by parameters instead of by a query, made and limited as those of TAP are."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from tap.limits import limits_of
from tap.request import QueryRequest
from tap.results import document, metadata
from tap.service import Query
from uws.wait import release_connection
from vo.http import departed, streamed

log = logging.getLogger(__name__)


def answer(
    request: HttpRequest, query: Query, asked: QueryRequest, *, service: str, standard: str, is_metadata_only: bool
) -> HttpResponseBase:
    """The result of a prepared query; `service` is the URL that was asked, `standard` the IVOID of its protocol.

    Raises VOError as long as an error can be answered with its status.
    """
    if request.method == "HEAD":
        return HttpResponse(content_type=asked.format.content_type)
    if asked.run_id:
        log.info("%s query, RUNID %s", standard.rpartition("/")[2], asked.run_id)
    if is_metadata_only:
        pieces = metadata(query, asked, service, standard)
    else:
        release_connection()
        seconds = limits_of(query.context.viewer).timeout
        pieces = document(query, asked, service, seconds, standard=standard, departed=departed(request))
    return streamed(pieces, asked.format.content_type)
