"""The provenance page: where a product or a result comes from, step by step back to the event files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from archive import lookup
from frontend.pages import page
from frontend.wording import sentence
from provenance import graph, identifiers, policy, svg
from provenance.graph import Direction
from provenance.nodes import ActivityNode, AgentNode, Graph, Node, Relation
from tap.context import query_context
from uws import service
from vo.errors import NotFoundFault

LONGEST_ID = 400
LARGEST_GRAPH = 500
FORMATS = ("PROV-JSON", "PROV-N", "PROV-XML", "PROV-SVG")


@dataclass(frozen=True, slots=True)
class Linked:
    """A node in a role, and the page that tells more of it."""

    role: str
    node: Node
    href: str


@dataclass(frozen=True, slots=True)
class Step:
    """One activity with what it used and made, and who was responsible."""

    activity: ActivityNode
    href: str
    used: list[Linked] = field(default_factory=list)
    made: list[Linked] = field(default_factory=list)
    agents: list[Linked] = field(default_factory=list)


@require_safe
def provenance(request: HttpRequest) -> HttpResponse:
    """Lineage of `?ID=`; HTTP 404 with the form if nothing of that identifier is recorded."""
    identifier = request.GET.get("ID", "").strip()
    forth = request.GET.get("DIRECTION", "").upper() == "FORTH"
    values: dict[str, Any] = {"section": "provenance", "identifier": identifier, "forth": forth}
    if not identifier:
        return page(request, "provenance.html", values)
    direction = Direction.FORTH if forth else Direction.BACK
    try:
        if len(identifier) > LONGEST_ID or "\x00" in identifier:
            raise NotFoundFault("no identifier of this archive looks like that")
        found = _lineage(identifier, direction, policy.viewer_of(request))
    except NotFoundFault as fault:
        return page(request, "provenance.html", {**values, "error": sentence(fault.message)}, 404)
    links = _links(found, request)
    values |= {
        "graph": found,
        "asked": found.nodes[found.asked[0]],
        "asked_href": links.get(found.asked[0], ""),
        "steps": _steps(found, links),
        "entities": sorted(found.entities, key=lambda node: node.distance),
        "picture": svg.draw(found, lambda node: links[node.id] if node.id in links else _lineage_link(node.id)),
        "formats": [(name, _service_link(identifier, name, direction)) for name in FORMATS],
        "turned": f"?{urlencode({'ID': identifier, **({} if forth else {'DIRECTION': 'FORTH'})})}",
    }
    return page(request, "provenance.html", values)


def _lineage(identifier: str, direction: Direction, viewer: policy.Viewer) -> Graph:
    """The graph of an identifier; an activity is shown with what it made."""
    found = graph.lineage(identifier, direction=direction, viewer=viewer)
    asked = found.nodes[found.asked[0]]
    if direction is not Direction.BACK or not isinstance(asked, ActivityNode):
        return found
    around = graph.lineage(identifier, depth=1, direction=Direction.FORTH, viewer=viewer)
    made = [edge.source for edge in around.edges_to(around.nodes[asked.id], Relation.WAS_GENERATED_BY)]
    return graph.trace([identifier, *made], depth=None, viewer=viewer, context=False, limit=LARGEST_GRAPH)


def _lineage_link(identifier: str) -> str:
    return f"{reverse('provenance')}?{urlencode({'ID': identifier})}"


def _service_link(identifier: str, form: str, direction: Direction) -> str:
    query = {"ID": identifier, "DEPTH": "ALL", "DIRECTION": direction.value, "RESPONSEFORMAT": form}
    return f"{reverse('provsap')}?{urlencode(query)}"


def _links(found: Graph, request: HttpRequest) -> dict[str, str]:
    """Pages of the nodes that have one: observations and jobs."""
    job_start = identifiers.job_id("")
    activities = {
        node.id: node.id.removeprefix(job_start).split("/")[0]
        for node in found.nodes.values()
        if node.id.startswith(job_start) and not isinstance(node, AgentNode)
    }
    jobs = service.pages_of(activities.values(), service.requester(request))
    links = {node: reverse("job", args=[jobs[name]]) for node, name in activities.items() if name in jobs}
    others = [node.id for node in found.entities if node.id not in links]
    for identifier, product in lookup.products(others, query_context(request).viewer).items():
        if product.observation is not None and product.semantics == "#this":
            links[identifier] = reverse("observation", args=[product.did])
    return links


def _steps(found: Graph, links: Mapping[str, str]) -> list[Step]:
    """Activities, the nearest first, each with its relations."""

    def linked(role: str, identifier: str) -> Linked:
        return Linked(role, found.nodes[identifier], links.get(identifier) or _lineage_link(identifier))

    steps = []
    for activity in sorted(found.activities, key=lambda node: (node.distance, node.label)):
        step = Step(activity, links.get(activity.id, ""))
        for edge in found.edges_from(activity, Relation.USED):
            step.used.append(linked(edge.role, edge.target))
        for edge in found.edges_to(activity, Relation.WAS_GENERATED_BY):
            step.made.append(linked(edge.role, edge.source))
        for edge in found.edges_from(activity, Relation.WAS_ASSOCIATED_WITH):
            step.agents.append(linked(edge.role, edge.target))
        steps.append(step)
    return steps
