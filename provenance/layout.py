"""Where the nodes of a provenance graph stand in its picture: origins left, products right, agents above.

Layers come from the longest chain of relations between activities and entities, products of one activity standing
side by side; the order within a layer from the mean height of the neighbours (Sugiyama's method). Inputs or products
that have the same relations are drawn as one stack when there are more than a few.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from provenance.nodes import EntityNode, Graph, Node, Relation

STACKED_FROM = 5
_FLOW = (Relation.USED, Relation.WAS_GENERATED_BY, Relation.WAS_INFORMED_BY, Relation.WAS_DERIVED_FROM)


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or a stack of `count` entities that look alike, at a layer (0 is the origin) and a row."""

    key: str
    nodes: tuple[Node, ...]
    layer: int
    row: float

    @property
    def node(self) -> Node:
        return self.nodes[0]

    @property
    def count(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, slots=True)
class Arrow:
    """A relation between boxes, from the later to the earlier."""

    source: str
    target: str
    relation: Relation
    role: str


@dataclass(frozen=True, slots=True)
class Layout:
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    agents: tuple[Box, ...]
    """Agents: their layer is the one of what they answer for, their row counts upwards from 0."""


def arrange(graph: Graph) -> Layout:
    """The layout of a graph. Derivations that an activity explains are not drawn."""
    stacks = _stacks(graph)
    member = {node.id: key for key, nodes in stacks.items() for node in nodes}
    arrows = _arrows(graph, member)
    things = [key for key, nodes in stacks.items() if nodes[0].kind != "agent"]
    maker = {a.source: a.target for a in arrows if a.relation == Relation.WAS_GENERATED_BY}
    flow = [a for a in arrows if a.relation in _FLOW]
    # What is derived from a product of the same activity stands beside it.
    flow = [a for a in flow if a.source not in maker or maker[a.source] != maker.get(a.target)]
    layers = _layers(things, flow)
    rows = _rows(layers, arrows)
    boxes = tuple(Box(key, tuple(stacks[key]), layers[key], rows[key]) for key in things)
    agents: list[Box] = []
    taken: dict[int, int] = defaultdict(int)
    for key, nodes in stacks.items():
        if nodes[0].kind == "agent":
            of = [a.source for a in arrows if a.target == key]
            activities = [k for k in of if stacks[k][0].kind == "activity"]
            layer = layers[(activities or of or [next(iter(layers), key)])[0]] if layers else 0
            agents.append(Box(key, tuple(nodes), layer, taken[layer]))
            taken[layer] += 1
    return Layout(boxes, tuple(arrows), tuple(agents))


def _stacks(graph: Graph) -> dict[str, list[Node]]:
    """Nodes by key of their box: many entities with the same relations share one."""
    relations: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for edge in graph.edges:
        relations[edge.source].append((edge.relation, edge.role, "> " + edge.target))
        relations[edge.target].append((edge.relation, edge.role, "< " + edge.source))
    alike: dict[tuple[object, ...], list[Node]] = defaultdict(list)
    for node in graph.nodes.values():
        stackable = isinstance(node, EntityNode) and node.id not in graph.asked
        alike[tuple(sorted(relations[node.id])) if stackable else (node.id,)].append(node)
    stacks: dict[str, list[Node]] = {}
    for nodes in alike.values():
        if len(nodes) >= STACKED_FROM:
            stacks[nodes[0].id] = nodes
        else:
            stacks |= {node.id: [node] for node in nodes}
    return stacks


def _arrows(graph: Graph, member: dict[str, str]) -> list[Arrow]:
    arrows = dict.fromkeys(
        Arrow(member[e.source], member[e.target], e.relation, e.role)
        for e in graph.edges
        if member[e.source] != member[e.target]
    )
    used = {(a.source, a.target) for a in arrows if a.relation == Relation.USED}
    made = {(a.source, a.target) for a in arrows if a.relation == Relation.WAS_GENERATED_BY}
    maker = dict(made)
    associated = {(a.source, a.target) for a in arrows if a.relation == Relation.WAS_ASSOCIATED_WITH}
    explained = {
        Relation.WAS_DERIVED_FROM: lambda a: (maker.get(a.source), a.target) in used,
        Relation.WAS_ATTRIBUTED_TO: lambda a: (maker.get(a.source), a.target) in associated,
        Relation.WAS_INFORMED_BY: lambda a: any((a.source, e) in used for e, by in made if by == a.target),
    }
    return [a for a in arrows if a.relation not in explained or not explained[a.relation](a)]


def _layers(things: list[str], flow: list[Arrow]) -> dict[str, int]:
    """Longest distance from an origin. A cycle, which the recorder refuses, would be cut where it is entered."""
    earlier: dict[str, list[str]] = defaultdict(list)
    for arrow in flow:
        earlier[arrow.source].append(arrow.target)
    layers: dict[str, int] = {}
    for start in things:
        stack, open_ = [start], set()
        while stack:
            key = stack[-1]
            waiting = [k for k in earlier[key] if k not in layers and k not in open_]
            if key not in layers and waiting:
                open_.add(key)
                stack += waiting
                continue
            stack.pop()
            layers.setdefault(key, max((layers[k] + 1 for k in earlier[key] if k in layers), default=0))
    # An origin stands right before what first needs it, not at the far left.
    later: dict[str, list[str]] = defaultdict(list)
    for arrow in flow:
        later[arrow.target].append(arrow.source)
    for key in things:
        if not earlier[key] and later[key]:
            layers[key] = max(0, min(layers[k] for k in later[key]) - 1)
    return layers


def _rows(layers: dict[str, int], arrows: list[Arrow]) -> dict[str, float]:
    """Row of each box; every layer is centred on row 0."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        neighbours[arrow.source].append(arrow.target)
        neighbours[arrow.target].append(arrow.source)
    columns: dict[int, list[str]] = defaultdict(list)
    for key, layer in layers.items():
        columns[layer].append(key)
    rows: dict[str, float] = {}
    for order in (sorted(columns), sorted(columns, reverse=True), sorted(columns)):
        for layer in order:
            column = columns[layer]
            heights = {}
            for index, key in enumerate(column):
                placed = [rows[k] for k in neighbours[key] if k in rows and layers[k] != layer]
                heights[key] = sum(placed) / len(placed) if placed else rows.get(key, index)
            column.sort(key=lambda key: heights[key])
            for index, key in enumerate(column):
                rows[key] = index - (len(column) - 1) / 2
    return rows
