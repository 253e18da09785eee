"""The page of one observation: what it is, its files, and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive import lookup
from archive.acceptance import foreign_lists, takes
from archive.links import retrieve_url
from archive.models import Product
from archive.policy import POLICY
from archive.retrieval.contents import announced_digest, content_name
from frontend import quantities, queries, tables
from frontend.pages import page
from frontend.views.search import listing
from tap.context import query_context
from tap.registry import Viewer
from tap.service import prepare
from uws import offers, service
from uws.jobtypes import JobType
from uws.models import Job
from vo.columns import ColumnMeta

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Target and pointing", ("target_name", "s_ra", "s_dec", "s_fov", "s_region", "s_resolution")),
    ("Time", ("t_min", "t_max", "t_exptime", "t_resolution")),
    ("Energy", ("energy_min", "energy_max", "em_min", "em_max", "em_res_power", "em_ucd")),
    ("Instrument", ("facility_name", "instrument_name", "obs_mode", "tracking_type", "pointing_mode", "scan_mode")),
    ("Data", ("dataproduct_type", "dataproduct_subtype", "calib_level", "access_format", "access_estsize", "o_ucd")),
    ("Identity and rights", ("obs_id", "obs_collection", "obs_publisher_did", "obs_creator_name", "data_rights")),
)
"""Which columns of ivoa.obscore and ivoa.obscore_hea are shown together; all others follow, folded."""
_GROUPED = frozenset({"access_url", *(name for _, names in GROUPS for name in names)})
JOBS_LOOKED_AT = 200
HDU_NAMES = {
    "events": "Event list",
    "gti": "Good time intervals",
    "aeff": "Effective area",
    "edisp": "Energy dispersion",
    "psf": "Point spread function",
    "bkg": "Background model",
    "rad_max": "Size of the on region",
    "spectrum": "Counts spectrum",
    "background": "Background spectrum",
    "arf": "Effective area",
    "rmf": "Redistribution of energies",
    "lightcurve": "Light curve",
    "sed": "Flux points",
    "catalogue": "Sources",
    "exposure": "Exposure",
    "gtpsf": "Point spread function",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A value with its meaning."""

    name: str
    text: str
    title: str
    description: str


@require_safe
def observation(request: HttpRequest, did: str) -> HttpResponse:
    """The observation of that publisher DID."""
    did = re.sub(r"^ivo:/+", "ivo://", did)  # servers before ours may have made one slash of two
    context = query_context(request)
    if request.META.get("QUERY_STRING") and "?" not in did:
        did = f"{did}?{request.META['QUERY_STRING']}"  # a DID that was pasted into the address as it is
    if not did.isprintable():
        raise Http404("No observation has such an identifier.")
    adql = (
        "SELECT *\nFROM ivoa.obscore NATURAL LEFT OUTER JOIN ivoa.obscore_hea\n"
        f"WHERE obs_publisher_did = {queries.text(did)}"
    )
    found = tables.fetch(prepare(adql, context), size=1)
    if not found.rows:
        raise Http404(f"This archive has no observation {did}. It may be spelt differently, or not be public yet.")
    row = found.rows[0]
    product = lookup.product(did, context.viewer)
    newer = lookup.successor(product) if product else None
    columns = {column.name: column for column in found.columns}
    encoded = urlencode({"ID": did})
    values = {
        "section": "search",
        "did": did,
        "row": row,
        "siblings": listing(row["obs_collection"], row["dataproduct_type"]),
        "energies": _energies(row),
        "groups": _groups(row, columns),
        "other": _facts(row, columns, tuple(name for name in columns if name not in _GROUPED)),
        "files": _files(product),
        "pictures": _pictures(product, context.viewer),
        "notes": product.observation.notes if product and product.observation else (),
        "retrieve": f"{reverse('retrieve')}?{encoded}",
        "datalink": f"{reverse('links')}?{encoded}",
        "provenance": f"{reverse('provenance')}?{encoded}",
        "job_types": _job_types(product),
        "neighbours": _neighbours_link(row),
        "newer": newer.did if newer else "",
        "jobs": _own_jobs(request, did),
    }
    return page(request, "observation.html", values)


def _groups(row: Mapping[str, Any], columns: Mapping[str, ColumnMeta]) -> list[tuple[str, list[Fact]]]:
    shown = ((title, _facts(row, columns, names)) for title, names in GROUPS)
    return [(title, facts) for title, facts in shown if facts]


def _facts(row: Mapping[str, Any], columns: Mapping[str, ColumnMeta], names: Iterable[str]) -> list[Fact]:
    return [_fact(row[name], columns[name]) for name in names if row.get(name) is not None]


def _fact(value: Any, column: ColumnMeta) -> Fact:
    cell = tables.cell(value, column)
    text = f"{cell.text} {column.unit}" if column.unit else cell.text
    if column.name in ("t_min", "t_max"):
        text = f"{quantities.date_text(value)} UTC (MJD {value:.6f})"
    elif column.name == "t_exptime":
        text = f"{quantities.duration_text(value)} ({value:.1f} s)"
    elif column.name in ("em_min", "em_max"):
        text = f"{cell.text} m ({quantities.significant(queries.energy(value), 3)} TeV)"
    elif column.name in ("energy_min", "energy_max"):
        text = f"{quantities.significant(value / 1e12, 3)} TeV"
    elif column.name == "access_estsize":
        text = quantities.size_text(value * 1000)
    return Fact(column.name, text, cell.title, column.description)


def _energies(row: Mapping[str, Any]) -> str:
    if not row["em_max"]:
        return ""
    return quantities.energies_text(
        queries.energy(row["em_max"]), queries.energy(row["em_min"]) if row["em_min"] else None
    )


def _files(product: Product | None) -> list[dict[str, Any]]:
    """The product's files with their HDUs, explained."""
    if product is None:
        return []
    files = []
    for use in product.files.select_related("file"):
        hdus = [
            {"type": kind, "name": name, "form": use.hdu_classes.get(kind, ""), "meaning": HDU_NAMES.get(kind, kind)}
            for kind, name in use.hdus.items()
        ]
        content = announced_digest(use.file)
        url = retrieve_url("", product, use)
        files.append(
            {"name": content_name(use), "url": url, "size": content.size, "sha256": content.sha256, "hdus": hdus}
        )
    return files


def _job_types(product: Product | None) -> list[JobType]:
    """Those that are offered for the data set."""
    if product is None:
        return []
    foreign = foreign_lists([product])
    return [kind for kind in offers.on_observations() if takes(kind, product, foreign)]


def _pictures(product: Product | None, viewer: Viewer) -> list[dict[str, str]]:
    """URLs of the pictures that the visitor may see, and what they show."""
    if product is None or product.observation is None:
        return []
    found = POLICY.products(viewer).filter(observation=product.observation, semantics__startswith="#preview")
    return [
        {"url": f"{reverse('retrieve')}?{urlencode({'ID': each.did})}", "shown": each.description}
        for each in found.order_by("pk")
        if POLICY.may_read(each, viewer)
    ]


def _neighbours_link(row: Mapping[str, Any]) -> str:
    if row["s_ra"] is None or row["s_dec"] is None:
        return ""
    return f"{reverse('results')}?{urlencode({'ra': row['s_ra'], 'dec': row['s_dec'], 'radius': 2})}"


def _own_jobs(request: HttpRequest, did: str) -> list[Job]:
    """The latest of the visitor's own jobs that used the product."""
    latest = service.jobs_of(service.requester(request))[:JOBS_LOOKED_AT]
    return [job for job in latest if any(used["id"] == did for used in job.inputs)]
