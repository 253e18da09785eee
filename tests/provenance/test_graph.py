"""Lineages for pages, and their picture."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from provenance.graph import ActivityNode, AgentNode, Direction, EntityNode, Graph, Relation, lineage
from provenance.layout import arrange
from provenance.nodes import Node
from provenance.recorder import ActivityRecord, Described, EntityRef, record
from provenance.svg import draw
from tests.provenance.records import (
    COLLECTION,
    EVENTS,
    FIT,
    INGEST,
    JOB,
    MORE_EVENTS,
    PLOT,
    SOURCE,
    USER,
    job,
    record_all,
)
from vo.errors import NotFoundFault

pytestmark = pytest.mark.django_db

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def recorded() -> None:
    record_all()


def test_lineage_of_a_result() -> None:
    graph = lineage(FIT.id)
    assert graph.asked == (FIT.id,)
    assert set(graph.nodes) - {a.id for a in graph.agents} == {
        FIT.id,
        JOB,
        EVENTS.id,
        MORE_EVENTS.id,
        INGEST,
        SOURCE.id,
    }
    assert {key: node.distance for key, node in graph.nodes.items() if node.kind != "agent"} == {
        FIT.id: 0,
        JOB: 1,
        EVENTS.id: 1,
        MORE_EVENTS.id: 1,
        INGEST: 2,
        SOURCE.id: 2,
    }
    run = graph.nodes[JOB]
    assert isinstance(run, ActivityNode)
    assert (run.program, run.version, run.status) == ("spectrum", "1.0", "COMPLETED")
    assert run.software == (("gammapy", "2.1"), ("python", "3.11.2"))
    assert {p.name: (p.value, p.unit) for p in run.parameters} == {
        "energy": ("0.66 100", "TeV"),
        "model": ("power-law", ""),
        "on_radius": ("0.11", "deg"),
    }
    fit = graph.nodes[FIT.id]
    assert isinstance(fit, EntityNode)
    assert (fit.sha256, fit.size, fit.label) == (FIT.sha256, FIT.size, "fit.json")
    user = graph.nodes[USER.id]
    assert isinstance(user, AgentNode)
    assert user.type == "Person"
    assert [e.role for e in graph.edges_from(run, Relation.USED)] == ["observations", "observations"]
    assert [e.source for e in graph.edges_to(run, Relation.WAS_GENERATED_BY)] == [FIT.id]


def test_stored_results_are_no_software() -> None:
    """A job answered from the result store leads back to the job that had made the results."""
    again = EntityRef("ivo://distiller.example/jobs?again/fit")
    record(
        job(
            id="ivo://distiller.example/jobs?again",
            used=[("stored result", FIT)],
            usage=[Described("stored result", type="Context")],
            generated=[("fit", again)],
            derivations={again.id: [FIT.id]},
            informed_by=[JOB],
        )
    )
    graph = lineage(again.id)
    assert {FIT.id, JOB, EVENTS.id, SOURCE.id} <= set(graph.nodes)
    assert {e.target for e in graph.edges_from(graph.nodes["ivo://distiller.example/jobs?again"], Relation.USED)} == {
        FIT.id
    }


def test_both_directions() -> None:
    """A job's page shows what it used and what it made."""
    graph = lineage(JOB, depth=1, direction=Direction.BOTH)
    assert {FIT.id, PLOT.id, EVENTS.id, MORE_EVENTS.id, INGEST} <= set(graph.nodes)
    assert SOURCE.id not in graph.nodes


def test_collections_end() -> None:
    """PR-41: walking through collections and members ends."""
    graph = lineage(COLLECTION.id, direction=Direction.BOTH)
    assert {EVENTS.id, FIT.id, SOURCE.id} <= set(graph.nodes)


def test_unknown() -> None:
    with pytest.raises(NotFoundFault, match="no provenance is recorded of 'nothing'"):
        lineage("nothing")


def test_limit_keeps_the_nearest() -> None:
    graph = lineage(FIT.id, limit=3)
    assert graph.truncated
    assert len(graph.nodes) == 3
    assert all(node.distance <= 1 for node in graph.nodes.values())
    assert all(edge.source in graph.nodes and edge.target in graph.nodes for edge in graph.edges)


def test_statements_do_not_grow(django_assert_max_num_queries: object) -> None:
    """The number of statements depends on the depth of the graph, not on its width."""
    runs = [EntityRef(f"ivo://distiller.example/c?r1/{i}") for i in range(300)]
    record(job(id="ivo://distiller.example/jobs?wide", used=[("observations", r) for r in runs], generated=[]))
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        assert len(lineage("wide").nodes) > 300


def texts(svg: str) -> list[str]:
    return [t.text or "" for t in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_picture() -> None:
    """PR-56: entities are yellow ovals, activities blue boxes, agents orange houses; text is escaped."""

    def link(node: Node) -> str | None:
        return f"/provenance?ID={node.id}&x=\"<'" if node.kind == "entity" else None

    svg = draw(lineage(FIT.id), link)
    root = ElementTree.fromstring(svg)
    fills = {
        shape: {e.get("fill") for e in root.iter(SVG + shape) if e.get("stroke-width")}
        for shape in ("ellipse", "rect", "polygon")
    }
    assert fills == {"ellipse": {"#fffc87"}, "rect": {"#9fb1fc"}, "polygon": {"#fed37f"}}
    assert {"fit.json", "spectrum", "ingest", "Ana <b>&", "observations"} <= set(texts(svg))
    hrefs = {a.get("href") for a in root.iter(f"{SVG}a")}
    assert f"/provenance?ID={FIT.id}&x=\"<'" in hrefs
    assert len(hrefs) == 4


def test_picture_flows_from_left_to_right() -> None:
    layers = {box.key: box.layer for box in arrange(lineage(FIT.id)).boxes}
    assert layers[SOURCE.id] < layers[INGEST] < layers[EVENTS.id] < layers[JOB] < layers[FIT.id]
    assert layers[EVENTS.id] == layers[MORE_EVENTS.id]


def test_products_of_one_activity_stand_side_by_side() -> None:
    """A preview derived from the data set made with it does not hide behind it."""
    record(
        job(id="x:run", generated=[("fit", EntityRef("x:a")), ("plot", EntityRef("x:b"))], derivations={"x:b": ["x:a"]})
    )
    layers = {box.key: box.layer for box in arrange(lineage("x:run", direction=Direction.BOTH)).boxes}
    assert layers["x:a"] == layers["x:b"] == layers["x:run"] + 1


def test_shapes_do_not_overlap() -> None:
    for graph in (lineage(FIT.id), lineage(COLLECTION.id, direction=Direction.BOTH)):
        plan = arrange(graph)
        for boxes in (plan.boxes, plan.agents):
            places = [(box.layer, box.row) for box in boxes]
            assert len(places) == len(set(places))
            assert all(abs(a - b) >= 1 for la, a in places for lb, b in places if la == lb and a != b)


def test_many_inputs_are_one_stack() -> None:
    runs = [EntityRef(f"ivo://distiller.example/c?r1/{i}", name=f"run {i}") for i in range(48)]
    made = replace(FIT, id="ivo://distiller.example/jobs?wide/fit")
    record(
        job(id="ivo://distiller.example/jobs?wide", used=[("observations", r) for r in runs], generated=[("fit", made)])
    )
    svg = draw(lineage(made.id))
    assert "48 × run 0" in texts(svg)
    assert len(texts(svg)) < 40


def test_derivation_that_no_activity_explains_is_drawn() -> None:
    """A derived entity keeps its arrow when the activity between is not in the graph."""
    other = EntityRef("ivo://distiller.example/c?r1/other")
    record(
        job(id="ivo://distiller.example/jobs?o", generated=[("fit", EntityRef("x:y"))], derivations={"x:y": [other.id]})
    )
    relations = {(a.source, a.target, a.relation) for a in arrange(lineage("x:y")).arrows}
    assert ("x:y", other.id, Relation.WAS_DERIVED_FROM) in relations
    assert Relation.WAS_DERIVED_FROM not in {a.relation for a in arrange(lineage(FIT.id)).arrows}


@pytest.mark.parametrize(
    "record_", [job(id="x:failed", status="ERROR", generated=[], agents=[], used=[], informed_by=[])]
)
def test_lonely_activity(record_: ActivityRecord) -> None:
    record(record_)
    svg = draw(replace(lineage("x:failed"), edges=()))
    assert any("ERROR" in text for text in texts(svg))


def test_empty_picture() -> None:
    ElementTree.fromstring(draw(Graph(asked=(), nodes={}, edges=())))
