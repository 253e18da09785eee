"""The search page and the results page with the ADQL behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive import names
from frontend import quantities, queries, tables
from frontend.forms import SearchForm
from frontend.pages import page
from frontend.skymap import sky_map
from frontend.wording import sentence
from tap import service
from tap.context import query_context
from tap.registry import QueryContext
from uws import offers
from vo.errors import TransientFault, VOError
from vo.http import base_url

MOST_SPOTS = 500
MOST_TARGETS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """A target of the archive: mean direction of its observations (ICRS deg) and their number."""

    name: str
    ra: float
    dec: float
    count: int

    @property
    def href(self) -> str:
        return f"{reverse('results')}?{urlencode({'target': self.name})}"


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The front page: the search form and what the archive holds."""
    return _search_page(request, SearchForm(collections=_collections(query_context(request))))


def _search_page(request: HttpRequest, form: SearchForm, status: int = 200) -> HttpResponse:
    context = query_context(request)
    targets = _targets(context)
    spots = ((t.name, t.ra, t.dec, t.count, t.href) for t in targets[:MOST_SPOTS])
    values = {
        "section": "search",
        "form": form,
        "holdings": [_holding(row) for row in _rows(queries.HOLDINGS, context)],
        "targets": sorted(targets[:MOST_TARGETS], key=lambda t: t.name.lower()),
        "more_targets": max(0, len(targets) - MOST_TARGETS),
        "targets_adql": queries.TARGETS,
        "sky": sky_map(spots) if targets else None,
    }
    return page(request, "search.html", values, status)


@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """Observations that match the criteria in the URL, a permalink; HTTP 400 and the form if they are wrong."""
    context = query_context(request)
    form = SearchForm(request.GET, collections=_collections(context))
    position, resolved = None, None
    if form.is_valid() and form.cleaned_data["target"]:
        try:
            resolved = names.resolve(form.cleaned_data["target"])
            position = (resolved.ra, resolved.dec)
        except VOError as error:
            form.add_error("target", sentence(error.message))
            return _search_page(request, form, 503 if isinstance(error, TransientFault) else 400)
    if not form.is_valid():
        return _search_page(request, form, 400)
    criteria = form.criteria(position)
    sort = request.GET.get("sort", queries.DEFAULT_SORT)
    descending = request.GET.get("order") == "descending"
    adql = queries.observations(criteria, sort if sort in queries.SORTABLE else queries.DEFAULT_SORT, descending)
    found = tables.fetch(service.prepare(adql, context), page_number(request))
    given = dict(form.given)
    order = {"sort": sort, "order": "descending" if descending else "ascending"}
    one_collection = len({row["obs_collection"] for row in found.rows}) == 1
    unique = one_collection and found.pages == 1 and len({row["obs_id"] for row in found.rows}) == len(found.rows)
    values = {
        "section": "search",
        "form": form,
        "given": given,
        "paging": {**given, **({"sort": sort, "order": order["order"]} if "sort" in request.GET else {})},
        "resolved": resolved,
        "cone": criteria.cone,
        "page": found,
        "headings": _headings(found, given, sort, descending),
        "rows": [_row(row) for row in found.rows],
        "all_chosen": found.pages == 1,
        "identifier": "obs_id" if unique else "did",
        "collection": found.rows[0]["obs_collection"] if unique else None,
        "adql": adql,
        "downloads": downloads(adql, base_url(request)),
        "datastore": tap_url(adql, base_url(request), "gadf"),
        "job_types": offers.on_observations(),
    }
    return page(request, "results.html", values)


def page_number(request: HttpRequest) -> int:
    """The page asked for; 1 for anything that is no page number."""
    text = request.GET.get("page", "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 9 else 1


def downloads(adql: str, base: str) -> list[tuple[str, str]]:
    """(label, URL) of the whole result in the formats that people save."""
    formats = (("VOTable", "votable"), ("CSV", "csv"), ("FITS", "fits"), ("JSON", "json"), ("Parquet", "parquet"))
    return [(label, tap_url(adql, base, name)) for label, name in formats]


def tap_url(adql: str, base: str, form: str) -> str:
    """URL of the whole result in a format."""
    query = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": form}
    return f"{base}/tap/sync?{urlencode(query)}"


_LABELS = {
    "obs_id": ("Observation", ""),
    "target_name": ("Target", ""),
    "obs_collection": ("Collection", ""),
    "s_ra": ("Pointing RA", "deg"),
    "s_dec": ("Pointing Dec", "deg"),
    queries.SEPARATION: ("Separation", "deg"),
    "t_min": ("Start", "UTC"),
    "t_exptime": ("Livetime", "min"),
    "em_max": ("Energies", "TeV"),
}


def _headings(found: tables.Page, given: dict[str, str], sort: str, descending: bool) -> list[tables.Heading]:
    headings = []
    for column in found.columns:
        if column.name not in _LABELS:
            continue
        label, unit = _LABELS[column.name]
        order = ("descending" if descending else "ascending") if column.name == sort else "none"
        turned = {"order": "descending"} if order == "ascending" else {}
        link = f"?{urlencode({**given, 'sort': column.name, **turned})}"
        numeric = tables.is_numeric(column) and column.name not in ("t_min", "em_max")
        headings.append(tables.Heading(column.name, label, unit, column.description, numeric, link, order))
    return headings


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its cells in the order of the headings."""
    cells = []
    for name, value in row.items():
        if name not in _LABELS:
            continue
        if value is None:
            cells.append(tables.Cell("", "unknown"))
        elif name in ("s_ra", "s_dec"):
            cells.append(tables.Cell(f"{value:.3f}", repr(value), numeric=True))
        elif name == queries.SEPARATION:
            cells.append(tables.Cell(f"{value:.2f}", repr(value), numeric=True))
        elif name == "t_min":
            cells.append(tables.Cell(quantities.date_text(value), f"MJD {value:.6f}"))
        elif name == "t_exptime":
            cells.append(tables.Cell(f"{value / 60:.1f}", f"{value:.1f} s", numeric=True))
        elif name == "em_max":
            cells.append(_energies(row["em_min"], value))
        elif name == "obs_id":
            href = reverse("observation", args=[row["obs_publisher_did"]])
            cells.append(tables.Cell(str(value), row["obs_publisher_did"], href))
        else:
            cells.append(tables.Cell(str(value)))
    return {"cells": cells, "obs_id": row["obs_id"], "did": row["obs_publisher_did"], "target": row["target_name"]}


def _energies(em_min: float | None, em_max: float) -> tables.Cell:
    low = quantities.significant(queries.energy(em_max), 2)
    if not em_min:
        return tables.Cell(f"above {low}")
    return tables.Cell(
        f"{low} – {quantities.significant(queries.energy(em_min), 2)}", f"em_min {em_min:g} m, em_max {em_max:g} m"
    )


def _rows(adql: str, context: QueryContext) -> list[dict[str, Any]]:
    return tables.fetch(service.prepare(adql, context), size=tables.MAX_ROWS).rows


def listing(collection: str, kind: str | None) -> str:
    """Where the data sets of a collection that are of one `dataproduct_type` are listed."""
    if kind == "event":
        return f"{reverse('results')}?{urlencode({'collection': collection})}"
    return f"{reverse('query')}?{urlencode({'adql': queries.products(collection, kind)})}"


def _holding(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the holdings with the word for its kind, and where its data sets are listed."""
    kind = row["dataproduct_type"]
    href = listing(row["obs_collection"], kind)
    return {**row, "kind": _KINDS.get(kind, kind), "href": href}


_KINDS = {
    "event": "event lists", "spectrum": "spectra", "timeseries": "light curves", "sed": "flux points",
    "measurements": "tables", "image": "images", "cube": "cubes",
}  # fmt: skip


def _collections(context: QueryContext) -> tuple[str, ...]:
    """Those with observations, by name."""
    return tuple(
        row["obs_collection"] for row in _rows(queries.HOLDINGS, context) if row["dataproduct_type"] == "event"
    )


def _targets(context: QueryContext) -> list[Target]:
    """Targets by falling number of observations."""
    found = []
    for row in _rows(queries.TARGETS, context):
        if row["target_name"]:
            ra = math.degrees(math.atan2(row["y"], row["x"])) % 360.0
            dec = math.degrees(math.atan2(row["z"], math.hypot(row["x"], row["y"])))
            found.append(Target(row["target_name"], ra, dec, row["observations"]))
    return found
