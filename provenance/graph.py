"""Following the records from what is asked for, towards its origin or what was made of it.

graph = lineage("ivo://.../jobs?Ab3/fit")      # all its ancestors, for pages
graph = trace(["ivo://..."], depth=1, direction=Direction.FORTH, viewer=viewer)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from django.db import models

from provenance import aliases, loading, policy
from provenance.descriptions import CONTEXT
from provenance.identifiers import spellings
from provenance.models import (
    Activity,
    Agent,
    Entity,
    HadMember,
    Used,
    WasAssociatedWith,
    WasAttributedTo,
    WasDerivedFrom,
    WasGeneratedBy,
    WasInformedBy,
)
from provenance.nodes import ActivityNode, AgentNode, Edge, EntityNode, Graph, Node, Relation
from provenance.policy import Viewer
from vo.errors import NotFoundFault

__all__ = ["NODE_LIMIT", "ActivityNode", "AgentNode", "Direction", "Edge", "EntityNode", "Graph", "Node", "Relation"]
__all__ += ["lineage", "trace", "without_configuration"]

NODE_LIMIT = 2000
EDGE_LIMIT = 20_000


class Direction(StrEnum):
    """Towards the origin, towards what was made of it, or both."""

    BACK = "BACK"
    FORTH = "FORTH"
    BOTH = "BOTH"


@dataclass(frozen=True, slots=True)
class _Step:
    """A relation that is followed from nodes of one kind to nodes of another."""

    model: type[models.Model]
    start: str
    end: str
    kinds: tuple[str, str]


_BACK = (
    _Step(WasGeneratedBy, "entity", "activity", ("entity", "activity")),
    _Step(WasDerivedFrom, "generated_entity", "used_entity", ("entity", "entity")),
    _Step(Used, "activity", "entity", ("activity", "entity")),
    _Step(WasInformedBy, "informed", "informant", ("activity", "activity")),
)
_FORTH = tuple(_Step(s.model, s.end, s.start, (s.kinds[1], s.kinds[0])) for s in _BACK)
_MEMBERS = _Step(HadMember, "collection", "entity", ("entity", "entity"))
_COLLECTIONS = _Step(HadMember, "entity", "collection", ("entity", "entity"))
_FROM_AGENT = (
    _Step(WasAssociatedWith, "agent", "activity", ("agent", "activity")),
    _Step(WasAttributedTo, "agent", "entity", ("agent", "entity")),
)
_EDGES: tuple[tuple[Relation, type[models.Model], tuple[str, str], tuple[str, str]], ...] = (
    (Relation.USED, Used, ("activity", "entity"), ("activity", "entity")),
    (Relation.WAS_GENERATED_BY, WasGeneratedBy, ("entity", "activity"), ("entity", "activity")),
    (Relation.WAS_DERIVED_FROM, WasDerivedFrom, ("generated_entity", "used_entity"), ("entity", "entity")),
    (Relation.WAS_INFORMED_BY, WasInformedBy, ("informed", "informant"), ("activity", "activity")),
    (Relation.HAD_MEMBER, HadMember, ("collection", "entity"), ("entity", "entity")),
    (Relation.WAS_ASSOCIATED_WITH, WasAssociatedWith, ("activity", "agent"), ("activity", "agent")),
    (Relation.WAS_ATTRIBUTED_TO, WasAttributedTo, ("entity", "agent"), ("entity", "agent")),
)


def lineage(
    identifier: str,
    depth: int | None = None,
    direction: Direction = Direction.BACK,
    viewer: Viewer | None = None,
    limit: int = 500,
) -> Graph:
    """The graph for a page: software is told with the activities that used it, not as nodes of its own.

    Raises NotFoundFault if nothing of that identifier is recorded, or may be shown to the viewer.
    """
    return trace([identifier], depth=depth, direction=direction, viewer=viewer, context=False, limit=limit)


def trace(
    identifiers: Sequence[str],
    *,
    depth: int | None = 1,
    direction: Direction = Direction.BACK,
    viewer: Viewer | None = None,
    agents: bool = True,
    members: bool = True,
    context: bool = True,
    descriptions: bool = False,
    limit: int = NODE_LIMIT,
) -> Graph:
    """What is within `depth` relations (None: all) of the entities, activities or agents asked for.

    Agents of what is found cost no depth. `context=False` leaves out values used as context (software), `members`
    follows collections. The nodes are cut at `limit`, nearest first. Raises NotFoundFault for an unknown identifier.
    """
    viewer = viewer or Viewer()
    asked = _find(identifiers, viewer)
    steps: list[_Step] = [*_FROM_AGENT]
    if direction in (Direction.BACK, Direction.BOTH):
        steps += [*_BACK, _MEMBERS] if members else _BACK
    if direction in (Direction.FORTH, Direction.BOTH):
        steps += [*_FORTH, _COLLECTIONS] if members else _FORTH
    found, truncated = _walk(asked, steps, depth, viewer, context, limit)
    if agents:
        truncated |= _add_agents(found, asked, viewer, limit)
    edges = _edges(found)
    nodes = loading.nodes(found)
    return Graph(
        asked=tuple(asked),
        nodes=nodes,
        edges=tuple(edges[:EDGE_LIMIT]),
        descriptions=loading.descriptions(nodes.values()) if descriptions else (),
        truncated=truncated or len(edges) > EDGE_LIMIT,
    )


Found = dict[str, tuple[str, int]]
"""Kind and distance by identifier, nearest first."""


def _find(identifiers: Iterable[str], viewer: Viewer) -> dict[str, str]:
    """Kind by identifier as recorded, of identifiers in any of their spellings."""
    asked: dict[str, str] = {}
    for identifier in identifiers:
        candidates = spellings(identifier)
        if ":" not in identifier and "\0" not in identifier:
            candidates += aliases.meant([identifier.strip()])
        kinds = {
            key: kind
            for kind, model in (("agent", Agent), ("entity", Entity), ("activity", Activity))
            for key in model._default_manager.filter(pk__in=candidates).values_list("pk", flat=True)
        }
        key = next((c for c in candidates if c in kinds), None)
        if key is None or policy.hidden([key], viewer, [key]):
            raise NotFoundFault(f"no provenance is recorded of {identifier[:200]!r}")
        asked[key] = kinds[key]
    return asked


def _walk(
    asked: dict[str, str], steps: Iterable[_Step], depth: int | None, viewer: Viewer, context: bool, limit: int
) -> tuple[Found, bool]:
    found: Found = {key: (kind, 0) for key, kind in asked.items()}
    frontier: dict[str, str] = dict(asked)
    distance = 0
    while frontier and (depth is None or distance < depth):
        distance += 1
        reached: dict[str, str] = {}
        for step in steps:
            start = [key for key, kind in frontier.items() if kind == step.kinds[0]]
            if start:
                rows = _rows(step.model, context or step.start != "activity").filter(**{f"{step.start}__in": start})
                names = rows.order_by(step.end).values_list(step.end, flat=True).distinct()
                # One more than there is room for tells that there are more; known ones take no room.
                for key in names[: limit + 1]:
                    if key not in found:
                        reached.setdefault(key, step.kinds[1])
        for key in policy.hidden(list(reached), viewer, list(asked)):
            del reached[key]
        room = limit - len(found)
        frontier = dict(list(reached.items())[:room])
        found |= {key: (kind, distance) for key, kind in frontier.items()}
        if len(reached) > room:
            return found, True
    return found, False


def _rows(model: type[models.Model], context: bool) -> models.QuerySet[Any]:
    """Rows of a relation, the use of values as context (software) only if wanted."""
    rows: models.QuerySet[Any] = model._default_manager.all()
    if context or model is not Used:
        return rows
    return rows.exclude(description__type=CONTEXT, entity__kind=Entity.Kind.VALUE)


def _add_agents(found: Found, asked: Collection[str], viewer: Viewer, limit: int) -> bool:
    """Add the agents of all activities and entities found; True if there was no room for all."""
    keys: dict[str, None] = {}
    for step in _FROM_AGENT:
        things = [key for key, (kind, _) in found.items() if kind == step.kinds[1]]
        rows = step.model._default_manager.filter(**{f"{step.end}__in": things})
        keys |= dict.fromkeys(rows.order_by("agent").values_list("agent", flat=True).distinct())
    new = [key for key in keys if key not in found]
    unseen = policy.hidden(new, viewer, asked)
    new = [key for key in new if key not in unseen]
    room = max(limit - len(found), 0)
    found |= dict.fromkeys(new[:room], ("agent", 1))
    return len(new) > room


def _edges(found: Found) -> list[Edge]:
    """All relations with both ends among what was found, at most one more than the limit."""
    keys = {kind: [key for key, (k, _) in found.items() if k == kind] for kind in ("entity", "activity", "agent")}
    edges: list[Edge] = []
    for relation, model, (source, target), kinds in _EDGES:
        if not keys[kinds[0]] or not keys[kinds[1]]:
            continue
        names = {field.name for field in model._meta.concrete_fields}
        columns = [source, target, *(n for n in ("role", "time", "description") if n in names)]
        rows = model._default_manager.filter(
            **{f"{source}__in": keys[kinds[0]], f"{target}__in": keys[kinds[1]]}
        ).order_by(*columns[:2], "pk")
        for row in rows.values(*columns)[: EDGE_LIMIT + 1 - len(edges)]:
            edges.append(
                Edge(
                    relation,
                    row[source],
                    row[target],
                    row.get("role", ""),
                    row.get("time"),
                    row.get("description"),
                )
            )
    return edges


def without_configuration(graph: Graph) -> Graph:
    """The graph without parameters and configuration files."""
    nodes = {
        key: replace(node, parameters=(), config_files=()) if isinstance(node, ActivityNode) else node
        for key, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)
