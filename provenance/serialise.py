"""The graph as a W3C PROV document, and its forms PROV-JSON, PROV-N and PROV-XML (package `prov`).

Activities, entities, agents and their relations map one to one. Parameters, configuration files and descriptions have
no class in PROV: with `Model.IVOA` they are entities of the ProvenanceDM classes that the activities "were influenced
by"; with `Model.W3C` parameters and files are used entities, and the activity description is the plan of its agents.
Checksums, sizes and media types have the names of schema.org, the status of a job that of UWS.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from provenance import identifiers
from provenance.nodes import ActivityNode, AgentNode, Description, Edge, EntityNode, Graph, Relation

if TYPE_CHECKING:
    from prov.identifier import Namespace, QualifiedName
    from prov.model import ProvDocument

Attributes = list[tuple[Any, Any]]


class Model(StrEnum):
    """IVOA: with the classes of ProvenanceDM. W3C: plain PROV."""

    IVOA = "IVOA"
    W3C = "W3C"


def to_json(graph: Graph, model: Model = Model.IVOA, base_url: str = "") -> str:
    """PROV-JSON (W3C member submission 2013-04-24)."""
    return str(_Writer(model, base_url).document(graph).serialize(format="json", indent=1))


def to_provn(graph: Graph, model: Model = Model.IVOA, base_url: str = "") -> str:
    """PROV-N (W3C REC 2013-04-30)."""
    return str(_Writer(model, base_url).document(graph).get_provn())


def to_xml(graph: Graph, model: Model = Model.IVOA, base_url: str = "") -> str:
    """PROV-XML (W3C note 2013-04-30). Qualified names are XML names there; see `provenance.identifiers`."""
    return str(
        _Writer(model, base_url, identifiers.xml_name).document(graph).serialize(format="xml", encoding="unicode")
    )


class _Writer:
    """Makes one document. `base_url` completes locations that are relative to the service."""

    def __init__(self, model: Model, base_url: str, cut: Callable[[str], tuple[str, str]] | None = None) -> None:
        from prov.model import ProvDocument

        self.model, self.base_url, self.cut = model, base_url, cut
        self.doc: ProvDocument = ProvDocument()
        self.voprov: Namespace = self.doc.add_namespace("voprov", identifiers.VOPROV)
        self.schema: Namespace = self.doc.add_namespace("schema", identifiers.SCHEMA_ORG)
        self.uws: Namespace = self.doc.add_namespace("uws", identifiers.UWS)
        self.namespaces: dict[str, Namespace] = {}
        self.prefixes = {"prov", "xsd", "xsi", "voprov", "schema", "uws"}
        self.entities: set[str] = set()
        self.known: dict[str, Description] = {}

    def document(self, graph: Graph) -> ProvDocument:
        """All of the graph as a document of package `prov`."""
        for activity in graph.activities:
            self._activity(activity)
        for entity in graph.entities:
            self._entity(entity)
        for agent in graph.agents:
            self._agent(agent)
        planned = self._descriptions(graph)
        for edge in graph.edges:
            self._edge(edge, planned)
        for activity in graph.activities:
            self._configuration(activity)
        if graph.truncated:
            self._new_entity(
                f"ivo://{identifiers.authority()}/provenance#overflow",
                [
                    ("prov:type", self.schema["Comment"]),
                    ("prov:label", f"This answer was cut at a limit, with {len(graph.nodes)} elements. Ask for less."),
                ],
            )
        return self.doc

    def _name(self, identifier: str) -> QualifiedName:
        prefix, namespace = identifiers.namespace_of(identifier)
        local = identifiers.local_name(identifier, namespace)
        if self.cut is not None:
            namespace, local = self.cut(namespace + local)
        if namespace not in self.namespaces:
            unique, number = prefix, 1
            while unique in self.prefixes or not unique[0].isalpha():
                number += 1
                unique = f"{prefix if prefix[:1].isalpha() else 'ns'}{number}"
            self.prefixes.add(unique)
            self.namespaces[namespace] = self.doc.add_namespace(unique, namespace)
        return self.namespaces[namespace][local]

    def _attributes(self, **voprov: object) -> Attributes:
        """Attributes of ProvenanceDM that have a value."""
        return [
            (self.voprov[name], _utc(value) if isinstance(value, datetime) else value)
            for name, value in voprov.items()
            if value not in ("", None)
        ]

    def _new_entity(self, identifier: str, attributes: Attributes) -> QualifiedName:
        name = self._name(identifier)
        if identifier not in self.entities:
            self.entities.add(identifier)
            self.doc.entity(name, attributes)
        return name

    def _activity(self, node: ActivityNode) -> None:
        attributes: Attributes = [("prov:label", node.label)]
        attributes += self._attributes(id=node.id, name=node.label, comment=node.comment)
        if node.activity_type:
            attributes.append(("prov:type", node.activity_type))
        if node.status:
            attributes.append((self.uws["phase"], node.status))
        if node.version:
            attributes.append((self.schema["softwareVersion"], node.version))
        self.doc.activity(self._name(node.id), _utc(node.start), _utc(node.end), attributes)

    def _entity(self, node: EntityNode) -> None:
        from prov.constants import PROV, XSD_LONG
        from prov.model import Literal

        kinds = {
            "dataset": self.voprov["DatasetEntity"],
            "value": self.voprov["ValueEntity"],
            "collection": PROV["Collection"],
        }
        attributes: Attributes = [("prov:label", node.label), ("prov:type", kinds[node.entity_kind])]
        attributes += self._attributes(
            id=node.id,
            name=node.label,
            generatedAtTime=node.generated_at,
            invalidatedAtTime=node.invalidated_at,
            comment=node.comment,
        )
        if node.value is not None:
            attributes.append(("prov:value", node.value))
        if node.location:
            location = self.base_url + node.location if node.location.startswith("/") else node.location
            attributes.append(("prov:location", location))
        if node.content_type:
            attributes.append((self.schema["encodingFormat"], node.content_type))
        if node.sha256:
            attributes.append((self.schema["sha256"], node.sha256))
        if node.size is not None:
            attributes.append((self.schema["contentSize"], Literal(str(node.size), XSD_LONG)))
        self._new_entity(node.id, attributes)

    def _agent(self, node: AgentNode) -> None:
        from prov.constants import PROV

        attributes: Attributes = [("prov:label", node.label), ("prov:type", PROV[node.agent_type])]
        attributes += self._attributes(
            id=node.id,
            name=node.label,
            comment=node.comment,
            email=node.email,
            affiliation=node.affiliation,
            phone=node.phone,
            address=node.address,
            url=node.url,
        )
        self.doc.agent(self._name(node.id), attributes)

    def _edge(self, edge: Edge, planned: dict[str, QualifiedName]) -> None:
        source, target = self._name(edge.source), self._name(edge.target)
        attributes: Attributes = [("prov:role", edge.role)] if edge.role else []
        match edge.relation:
            case Relation.USED:
                self.doc.used(source, target, _utc(edge.time), other_attributes=attributes)
            case Relation.WAS_GENERATED_BY:
                self.doc.wasGeneratedBy(source, target, other_attributes=attributes)
            case Relation.WAS_DERIVED_FROM:
                self.doc.wasDerivedFrom(source, target)
            case Relation.WAS_INFORMED_BY:
                self.doc.wasInformedBy(source, target)
            case Relation.WAS_ASSOCIATED_WITH:
                plan = planned.get(edge.source)
                self.doc.wasAssociatedWith(source, target, plan=plan, other_attributes=attributes)
            case Relation.WAS_ATTRIBUTED_TO:
                # PROV-XML has no prov:role here.
                self.doc.wasAttributedTo(source, target, other_attributes=self._attributes(role=edge.role))
            case Relation.HAD_MEMBER:
                self.doc.hadMember(source, target)

    def _configuration(self, node: ActivityNode) -> None:
        """Parameters and configuration files, with the relation to the activity, and to their descriptions if told."""
        artefacts: list[tuple[str, str, str | None, Attributes]] = []
        for parameter in node.parameters:
            attributes: Attributes = [("prov:label", parameter.name), ("prov:value", parameter.value)]
            attributes += self._attributes(
                name=parameter.name, unit=parameter.unit, ucd=parameter.ucd, valueType=parameter.datatype
            )
            artefacts.append(("Parameter", parameter.name, parameter.description, attributes))
        for file in node.config_files:
            attributes = [("prov:label", file.name), *self._attributes(name=file.name, comment=file.comment)]
            if file.location:
                attributes.append(("prov:location", file.location))
            artefacts.append(("ConfigFile", file.name, file.description, attributes))
        activity = self._name(node.id)
        for cls, name, description, attributes in artefacts:
            identifier = f"{node.id}#{cls.lower()}/{name}"
            entity = self._new_entity(identifier, [*attributes, ("prov:type", self.voprov[cls])])
            if self.model == Model.W3C:
                self.doc.used(activity, entity, other_attributes=[("prov:role", name)])
                continue
            self.doc.wasInfluencedBy(
                activity,
                entity,
                other_attributes=[
                    ("prov:type", self.voprov["ConfigurationRelation"]),
                    (self.voprov["artefactType"], cls),
                ],
            )
            if description in self.known:
                self._described(entity, description)

    def _descriptions(self, graph: Graph) -> dict[str, QualifiedName]:
        """Descriptions and their relations; returns the plan by activity (W3C model)."""
        from prov.constants import PROV

        planned: dict[str, QualifiedName] = {}
        self.known = known = {d.id: d for d in graph.descriptions}
        if self.model == Model.W3C:
            plans = {d.id: d for d in graph.descriptions if d.cls == "ActivityDescription"}
            for description in plans.values():
                attributes = [("prov:label", description.name), ("prov:type", PROV["Plan"])]
                attributes += self._attributes(name=description.name, **dict(description.attributes))
                self._new_entity(self._description_id(description.cls, description.id), attributes)
            for activity in graph.activities:
                if activity.description in plans:
                    cls = plans[activity.description].cls
                    planned[activity.id] = self._name(self._description_id(cls, activity.description))
            return planned
        for description in graph.descriptions:
            attributes = [("prov:label", description.name), ("prov:type", self.voprov[description.cls])]
            attributes += self._attributes(name=description.name, **dict(description.attributes))
            name = self._new_entity(self._description_id(description.cls, description.id), attributes)
            for other in (description.belongs_to, description.entity):
                if other in known:
                    self.doc.wasInfluencedBy(
                        name,
                        self._name(self._description_id(known[other].cls, other)),
                        other_attributes=[("prov:type", self.voprov["RelatedToRelation"])],
                    )
        for key, description_id in [(n.id, n.description) for n in graph.activities] + [
            (n.id, n.description) for n in graph.entities
        ]:
            if description_id in known:
                self._described(self._name(key), description_id)
        return planned

    def _described(self, name: QualifiedName, description: str) -> None:
        self.doc.wasInfluencedBy(
            name,
            self._name(self._description_id(self.known[description].cls, description)),
            other_attributes=[("prov:type", self.voprov["DescriptionRelation"])],
        )

    @staticmethod
    def _description_id(cls: str, key: str) -> str:
        return f"ivo://{identifiers.authority()}/provenance#{cls}/{key}"


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None
