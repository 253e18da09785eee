"""Nodes and descriptions read from the tables, a fixed number of statements however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from provenance.descriptions import CONTEXT
from provenance.models import (
    Activity,
    ActivityDescription,
    Agent,
    ConfigFileDescription,
    Entity,
    EntityDescription,
    GenerationDescription,
    ParameterDescription,
    UsageDescription,
    Used,
    WasConfiguredBy,
)
from provenance.nodes import ActivityNode, AgentNode, ConfigFile, Description, EntityNode, Node, ParameterValue


def nodes(found: Mapping[str, tuple[str, int]]) -> dict[str, Node]:
    """The nodes of identifiers with their kind and distance, in the same order."""
    keys: dict[str, list[str]] = defaultdict(list)
    for key, (kind, _) in found.items():
        keys[kind].append(key)
    loaded: dict[str, Node] = {}
    if keys["activity"]:
        parameters, files = _configuration(keys["activity"])
        software = _software(keys["activity"])
        for activity in Activity.objects.filter(pk__in=keys["activity"]).select_related("description"):
            key = activity.id
            loaded[key] = _activity(activity, found[key][1], parameters[key], files[key], software[key])
    for entity in Entity.objects.filter(pk__in=keys["entity"]) if keys["entity"] else ():
        loaded[entity.id] = _entity(entity, found[entity.id][1])
    for agent in Agent.objects.filter(pk__in=keys["agent"]) if keys["agent"] else ():
        loaded[agent.id] = _agent(agent, found[agent.id][1])
    return {key: loaded[key] for key in found if key in loaded}


def _activity(
    activity: Activity,
    distance: int,
    parameters: list[ParameterValue],
    files: list[ConfigFile],
    software: list[tuple[str, str]],
) -> ActivityNode:
    described = activity.description
    return ActivityNode(
        id=activity.id,
        label=activity.name or activity.id,
        distance=distance,
        start=activity.start_time,
        end=activity.end_time,
        status=activity.status,
        comment=activity.comment,
        program=described.name if described else "",
        version=described.version if described else "",
        activity_type=described.type if described else "",
        subtype=described.subtype if described else "",
        meaning=described.description if described else "",
        description=activity.description_id,
        parameters=tuple(parameters),
        config_files=tuple(files),
        software=tuple(software),
    )


def _entity(entity: Entity, distance: int) -> EntityNode:
    return EntityNode(
        id=entity.id,
        label=entity.name or entity.id,
        distance=distance,
        entity_kind=entity.kind,
        value=entity.value,
        location=entity.location,
        content_type=entity.content_type,
        sha256=entity.sha256,
        size=entity.size,
        generated_at=entity.generated_at_time,
        invalidated_at=entity.invalidated_at_time,
        comment=entity.comment,
        description=entity.description_id,
    )


def _agent(agent: Agent, distance: int) -> AgentNode:
    return AgentNode(
        id=agent.id,
        label=agent.name,
        distance=distance,
        agent_type=agent.type,
        comment=agent.comment,
        email=agent.email,
        affiliation=agent.affiliation,
        phone=agent.phone,
        address=agent.address,
        url=agent.url,
    )


def _configuration(
    activities: Collection[str],
) -> tuple[dict[str, list[ParameterValue]], dict[str, list[ConfigFile]]]:
    parameters: dict[str, list[ParameterValue]] = defaultdict(list)
    files: dict[str, list[ConfigFile]] = defaultdict(list)
    rows = WasConfiguredBy.objects.filter(activity__in=activities).order_by("pk")
    for row in rows.select_related("parameter__description", "config_file__description"):
        if row.parameter is not None:
            described = row.parameter.description
            parameters[row.activity_id].append(
                ParameterValue(
                    name=row.parameter.name,
                    value=row.parameter.value,
                    unit=described.unit if described else "",
                    ucd=described.ucd if described else "",
                    datatype=described.datatype if described else "",
                    meaning=described.description if described else "",
                    description=row.parameter.description_id,
                )
            )
        elif row.config_file is not None:
            file = row.config_file
            files[row.activity_id].append(
                ConfigFile(
                    name=file.name,
                    location=file.location,
                    comment=file.comment,
                    content_type=file.description.content_type if file.description else "",
                    description=file.description_id,
                )
            )
    return parameters, files


def _software(activities: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    software: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = Used.objects.filter(activity__in=activities, description__type=CONTEXT, entity__kind=Entity.Kind.VALUE)
    for activity, name, version in rows.order_by("entity__name").values_list(
        "activity", "entity__name", "entity__value"
    ):
        software[activity].append((name, version or ""))
    return software


def descriptions(graph_nodes: Iterable[Node]) -> tuple[Description, ...]:
    """The descriptions of activities and of their usages, generations, parameters and files, and of entities."""
    of_activities, of_entities = set(), set()
    for node in graph_nodes:
        if isinstance(node, ActivityNode) and node.description:
            of_activities.add(node.description)
        elif isinstance(node, EntityNode) and node.description:
            of_entities.add(node.description)
    result: list[Description] = []
    for row in ActivityDescription.objects.filter(pk__in=of_activities).order_by("pk"):
        result.append(
            Description(
                row.id,
                "ActivityDescription",
                row.name,
                _present(
                    version=row.version,
                    description=row.description,
                    docurl=row.docurl,
                    type=row.type,
                    subtype=row.subtype,
                ),
            )
        )
    for cls, model in (("UsageDescription", UsageDescription), ("GenerationDescription", GenerationDescription)):
        for role in model.objects.filter(activity_description__in=of_activities).order_by("pk"):
            if role.entity_description_id:
                of_entities.add(role.entity_description_id)
            result.append(
                Description(
                    role.id,
                    cls,
                    role.role,
                    _present(
                        role=role.role, description=role.description, type=role.type, multiplicity=role.multiplicity
                    ),
                    role.activity_description_id,
                    role.entity_description_id,
                )
            )
    for parameter in ParameterDescription.objects.filter(activity_description__in=of_activities).order_by("pk"):
        result.append(_parameter(parameter))
    for file in ConfigFileDescription.objects.filter(activity_description__in=of_activities).order_by("pk"):
        result.append(
            Description(
                file.id,
                "ConfigFileDescription",
                file.name,
                _present(contentType=file.content_type, description=file.description),
                file.activity_description_id,
            )
        )
    for kind in EntityDescription.objects.filter(pk__in=of_entities).order_by("pk"):
        result.append(
            Description(
                kind.id,
                "ValueDescription" if kind.kind == EntityDescription.Kind.VALUE else "DatasetDescription",
                kind.name,
                _present(
                    description=kind.description,
                    docurl=kind.docurl,
                    type=kind.type,
                    contentType=kind.content_type,
                    valueType=kind.datatype,
                    unit=kind.unit,
                    ucd=kind.ucd,
                    utype=kind.utype,
                ),
            )
        )
    return tuple(result)


def _parameter(row: ParameterDescription) -> Description:
    value_type = row.datatype + (f"[{row.arraysize}]" if row.arraysize else "")
    return Description(
        row.id,
        "ParameterDescription",
        row.name,
        _present(
            valueType=value_type,
            xtype=row.xtype,
            unit=row.unit,
            ucd=row.ucd,
            utype=row.utype,
            min=row.min or "",
            max=row.max or "",
            default=row.default or "",
            options=" | ".join(row.options),
            description=row.description,
        ),
        row.activity_description_id,
    )


def _present(**attributes: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in attributes.items() if value)
