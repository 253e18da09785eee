"""The ADQL page: any query on any published table, its result, and what there is to query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from frontend import tables
from frontend.pages import page
from frontend.views.search import downloads, page_number
from tap import registry, service
from tap.context import query_context
from vo.errors import FatalFault, UsageFault, VOError
from vo.http import base_url

LONGEST_QUERY = 20_000
LONGEST_ADDRESS = 6_000
"""Characters of a link with a query in it: servers and proxies refuse addresses of more than 8000 or so."""
_POSITION = re.compile(r"line (\d+),? column (\d+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a query; the line it is in and blanks that put a mark under the place, where known."""

    message: str
    line: str = ""
    mark: str = ""


EXAMPLES = (
    (
        "Around the Crab Nebula",
        "SELECT obs_id, target_name, s_ra, s_dec, t_exptime\nFROM ivoa.obscore\n"
        "WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(83.633, 22.014, 2))\nORDER BY t_min",
    ),
    (
        "Exposure of each target",
        "SELECT target_name, COUNT(*) AS runs, SUM(t_exptime) / 3600 AS hours\nFROM ivoa.obscore\n"
        "WHERE dataproduct_type = 'event'\nGROUP BY target_name\nORDER BY hours DESC",
    ),
    (
        "High-energy columns",
        "SELECT TOP 20 *\nFROM ivoa.obscore\nNATURAL JOIN ivoa.obscore_hea\nWHERE dataproduct_type = 'event'",
    ),
)


@require_http_methods(["GET", "HEAD", "POST"])
def query(request: HttpRequest) -> HttpResponse:
    """The query given as `adql`, run; HTTP 400 with the place of the mistake if it cannot be.

    A query that is sent by the form is answered under its permalink, unless it is too long for an address.
    """
    sent = request.POST if request.method == "POST" else request.GET
    adql = sent.get("adql", "").replace("\r\n", "\n").strip()
    permalink = f"{reverse('query')}?{urlencode({'adql': adql})}"
    linkable = len(permalink) <= LONGEST_ADDRESS
    if request.method == "POST" and linkable:
        return HttpResponseRedirect(permalink, status=303)
    context = query_context(request)
    values: dict[str, Any] = {
        "section": "query",
        "adql": adql,
        "linkable": linkable,
        "paging": {"adql": adql},
        "tables": sorted((t.meta for t in registry.tables()), key=lambda meta: meta.name.lower()),
        "examples": EXAMPLES,
    }
    status = 200
    if adql:
        try:
            if len(adql) > LONGEST_QUERY:
                raise UsageFault(f"The query is longer than {LONGEST_QUERY} characters; send it to /tap/sync instead.")
            found = tables.fetch(service.prepare(adql, context), page_number(request))
            values |= {
                "page": found,
                "table": tables.table(found, "Result of the query"),
                "downloads": downloads(adql, base_url(request)) if linkable else [],
            }
        except VOError as error:
            status = 500 if isinstance(error, FatalFault) else error.status
            values["mistake"] = mistake(error.message, adql)
    return page(request, "query.html", values, status)


def mistake(message: str, adql: str) -> Mistake:
    """The message with the line of the query that it speaks of."""
    found = _POSITION.search(message)
    lines = adql.split("\n")
    if not found or not 1 <= int(found[1]) <= len(lines):
        return Mistake(message)
    line, column = lines[int(found[1]) - 1], int(found[2])
    return Mistake(message, line, " " * (max(1, column) - 1) + "^")
