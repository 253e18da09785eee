"""A picture of a provenance graph as SVG: entities yellow ovals, activities blue boxes, agents orange houses.

The shapes and colours are those of the W3C's and the IVOA's diagrams. Time runs from left to right, arrows point to the
past. Text has the colour of the page around (`currentColor`); each node links to its page and names its identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provenance.layout import Arrow, Box, arrange
from provenance.nodes import ActivityNode, EntityNode, Graph, Node, Relation
from vo.xmltext import attributes, content

WIDTH, HEIGHT = 190, 52
COLUMN, ROW = 290, 84
AGENT_ROW = 62
MARGIN = 24
BESIDE = 70
"""Room for arrows between shapes of one column, which go around on the right."""
LETTERS = 25

_FILL = {"entity": "#fffc87", "activity": "#9fb1fc", "agent": "#fed37f"}
_LINE = {"entity": "#808000", "activity": "#3b4cc0", "agent": "#b36b00"}

_AGENCY = (Relation.WAS_ASSOCIATED_WITH, Relation.WAS_ATTRIBUTED_TO)
_VERBS = {
    Relation.USED: "used",
    Relation.WAS_GENERATED_BY: "made",
    Relation.WAS_DERIVED_FROM: "derived from",
    Relation.WAS_INFORMED_BY: "after",
    Relation.HAD_MEMBER: "member",
}

Link = Callable[[Node], str | None]


def draw(graph: Graph, link: Link | None = None) -> str:
    """The picture as a complete SVG document; `link` gives the URL of a node's page, or None."""
    plan = arrange(graph)
    boxes = [*plan.boxes, *plan.agents]
    if not boxes:
        return _document(2 * MARGIN, 2 * MARGIN, "an empty graph", [])
    top = min((box.row for box in plan.boxes), default=0.0)
    bottom = max((box.row for box in plan.boxes), default=0.0)
    headroom = AGENT_ROW * (1 + max((box.row for box in plan.agents), default=-1.0))
    first = min(box.layer for box in boxes)
    places: dict[str, tuple[float, float]] = {}
    for box in plan.boxes:
        y = MARGIN + headroom + (box.row - top) * ROW + HEIGHT / 2
        places[box.key] = (_x(box.layer - first), y)
    for box in plan.agents:
        places[box.key] = (_x(box.layer - first), MARGIN + headroom - (box.row + 1) * AGENT_ROW + HEIGHT / 2)
    width = _x(max(box.layer for box in boxes) - first) + WIDTH / 2 + MARGIN
    if any(
        arrow.relation not in _AGENCY and places[arrow.source][0] == places[arrow.target][0] for arrow in plan.arrows
    ):
        width += BESIDE
    height = MARGIN + headroom + (bottom - top) * ROW + HEIGHT + MARGIN
    labels = _labels(plan.arrows)
    body = [_arrow(arrow, places, label) for arrow, label in zip(plan.arrows, labels, strict=True)]
    body += [_box(box, places[box.key], graph, link) for box in boxes]
    names = ", ".join(graph.nodes[key].label for key in graph.asked if key in graph.nodes)
    return _document(width, height, f"Provenance of {names}", body)


def _x(layer: int) -> float:
    return MARGIN + WIDTH / 2 + layer * COLUMN


def _document(width: float, height: float, title: str, body: list[str]) -> str:
    arrow = '<path d="M0 0 L8 4 L0 8 z" fill="currentColor"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" role="img" font-family="system-ui, sans-serif" font-size="13">',
            f"<title>{content(title)}</title>",
            '<defs><marker id="provenance-arrow" markerWidth="8" markerHeight="8" refX="8" refY="4" orient="auto">'
            f"{arrow}</marker></defs>",
            *body,
            "</svg>",
        ]
    )


def _box(box: Box, place: tuple[float, float], graph: Graph, link: Link | None) -> str:
    x, y = place
    node = box.node
    left, top = x - WIDTH / 2, y - HEIGHT / 2
    stroke = 3 if node.id in graph.asked else 1.2
    style = f'fill="{_FILL[node.kind]}" stroke="{_LINE[node.kind]}" stroke-width="{stroke}"'
    if isinstance(node, ActivityNode) and node.status not in ("", "COMPLETED"):
        style += ' stroke-dasharray="6 3"'
    shapes = []
    for offset in (8, 4, 0) if box.count > 1 else (0,):
        if node.kind == "entity":
            shapes.append(
                f'<ellipse cx="{x - offset:.1f}" cy="{y - offset:.1f}" rx="{WIDTH / 2}" ry="{HEIGHT / 2}" {style}/>'
            )
        elif node.kind == "activity":
            shapes.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="3" {style}/>')
        else:
            roof = f"{left:.1f},{top + 14:.1f} {x:.1f},{top:.1f} {left + WIDTH:.1f},{top + 14:.1f}"
            floor = f"{left + WIDTH:.1f},{top + HEIGHT:.1f} {left:.1f},{top + HEIGHT:.1f}"
            shapes.append(f'<polygon points="{roof} {floor}" {style}/>')
    down = 5 if node.kind == "agent" else 0
    label, subtitle = (content(_short(text)) for text in (_label(box), _subtitle(node, graph)))
    lines = [
        f'<text x="{x:.1f}" y="{y - 2 + down:.1f}" text-anchor="middle" fill="#111">{label}</text>',
        f'<text x="{x:.1f}" y="{y + 14 + down:.1f}" text-anchor="middle" fill="#333" font-size="11">{subtitle}</text>',
    ]
    title = f"<title>{content(chr(10).join(n.id for n in box.nodes[:20]))}</title>"
    url = link(node) if link and box.count == 1 else None
    inside = "".join([title, *shapes, *lines])
    return f"<a{attributes({'href': url})}>{inside}</a>" if url else f"<g>{inside}</g>"


def _arrow(arrow: Arrow, places: dict[str, tuple[float, float]], label: str) -> str:
    (x1, y1), (x2, y2) = places[arrow.source], places[arrow.target]
    line = 'fill="none" stroke="currentColor" stroke-opacity="0.6" marker-end="url(#provenance-arrow)"'
    if arrow.relation in (Relation.WAS_DERIVED_FROM, Relation.WAS_INFORMED_BY, Relation.HAD_MEMBER):
        line += ' stroke-dasharray="4 3"'
    if arrow.relation in _AGENCY:
        start, end = (x1, y1 - HEIGHT / 2), (x2, y2 + HEIGHT / 2)
        if x1 != x2:
            end = (x2 + (WIDTH / 2 if x1 > x2 else -WIDTH / 2), y2)
        path = f"M{start[0]:.1f} {start[1]:.1f} L{end[0]:.1f} {end[1]:.1f}"
    else:
        side = 1 if x1 > x2 else -1
        start, end = (x1 - side * WIDTH / 2, y1), (x2 + side * WIDTH / 2, y2)
        if x1 == x2:
            start, end, side = (x1 + WIDTH / 2, y1), (x2 + WIDTH / 2, y2), -1
        bend = max(40.0, abs(start[0] - end[0]) / 2) * side
        path = (
            f"M{start[0]:.1f} {start[1]:.1f} C{start[0] - bend:.1f} {start[1]:.1f} "
            f"{end[0] + (bend if x1 != x2 else -bend):.1f} {end[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        )
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 5)
    if x1 == x2:
        middle = (start[0] + BESIDE / 2 + 10, middle[1] + 9)
    if not label:
        return f'<path d="{path}" {line}/>'
    text = (
        f'<text x="{middle[0]:.1f}" y="{middle[1]:.1f}" text-anchor="middle" fill="currentColor" font-size="11" '
        f'fill-opacity="0.85">{content(label)}</text>'
    )
    return f'<path d="{path}" {line}/>{text}'


def _labels(arrows: Iterable[Arrow]) -> list[str]:
    """What is written on each arrow; where an activity has several arrows of one role, on the first only."""
    labels, written = [], set()
    for arrow in arrows:
        if arrow.relation in _AGENCY:
            labels.append("")
            continue
        activity = arrow.target if arrow.relation == Relation.WAS_GENERATED_BY else arrow.source
        label = (arrow.role or _VERBS[arrow.relation])[:14]
        labels.append("" if (activity, arrow.relation, label) in written else label)
        written.add((activity, arrow.relation, label))
    return labels


def _label(box: Box) -> str:
    return f"{box.count} × {box.node.label}" if box.count > 1 else box.node.label


def _subtitle(node: Node, graph: Graph) -> str:
    if isinstance(node, ActivityNode):
        when = node.start.strftime("%Y-%m-%d %H:%M") if node.start else ""
        return " · ".join(part for part in (node.status if node.status != "COMPLETED" else "", when) if part)
    if isinstance(node, EntityNode):
        if node.value is not None:
            return node.value
        return node.content_type or node.entity_kind
    roles = dict.fromkeys(edge.role for edge in graph.edges_to(node) if edge.role)
    return " · ".join([", ".join(roles) or "agent", node.type])


def _short(text: str) -> str:
    """Text that fits into a shape."""
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 12]}…{text[-11:]}"
