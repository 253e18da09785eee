"""Writing of what is shared by all runs of a program in one version, its descriptions and agents: inserted once.

A description that is known with other content stays as it is, since runs refer to it; the log asks for a new version.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from django.db import models, transaction

from provenance.identifiers import description_id
from provenance.models import (
    ID_LENGTH,
    ActivityDescription,
    Agent,
    ConfigFileDescription,
    EntityDescription,
    GenerationDescription,
    ParameterDescription,
    UsageDescription,
)
from provenance.records import SOFTWARE_ROLE, ActivityRecord, Described
from vo.xmltext import legal

M = TypeVar("M", bound=models.Model)
logger = logging.getLogger(__name__)

MAIN, CONTEXT = "Main", "Context"
_seen: dict[str, dict[type[models.Model], list[str]]] = {}
"""Keys of what was in the database, by content."""
_MOST_SEEN = 1000


def insert(model: type[M], rows: Iterable[M], besides: Sequence[str] = ()) -> dict[Any, M]:
    """Insert the rows that are not there, by key; those that were there before are returned, `besides` included."""
    wanted = {row.pk: row for row in rows}
    if not wanted and not besides:
        return {}
    known: dict[Any, M] = model._default_manager.in_bulk([*wanted, *besides])
    missing = [wanted[key] for key in sorted(wanted.keys() - known.keys())]
    if missing:
        model._default_manager.bulk_create(missing, ignore_conflicts=True)
    return known


def _insert_descriptions(model: type[M], rows: Sequence[M]) -> None:
    """Insert descriptions; one that is known with other content stays, and the log says so."""
    for key, known in insert(model, rows).items():
        new = next(row for row in rows if row.pk == key)
        names = [f.attname for f in model._meta.concrete_fields if getattr(known, f.attname) != getattr(new, f.attname)]
        if names:
            logger.warning("%s %s is known with another %s: give a new version", model.__name__, key, ", ".join(names))


def clean(text: str) -> str:
    """Text without control characters, which neither PostgreSQL (NUL) nor XML can hold."""
    return legal(text)


def _roles(described: Sequence[Described], roles: Iterable[str]) -> list[Described]:
    """The descriptions of roles, with one made up for each role that has none."""
    result = {d.role: d for d in described}
    for role in roles:
        kind = CONTEXT if role == SOFTWARE_ROLE else MAIN
        result.setdefault(role, Described(role=role, type=kind, multiplicity="*"))
    return list(result.values())


def describe(record: ActivityRecord) -> None:
    """Insert what many activities share: the description with all that belongs to it, and the agents.

    What this process has seen committed is not compared and written again; only whether all is there is asked, at once.
    """
    content = _content(record)
    if content in _seen and _are_there(_seen[content]):
        return
    rows = _rows(record)
    for model, ours in rows.items():
        _insert_descriptions(model, ours)
    rows[Agent] = [Agent(id=agent.id, name=clean(agent.name), type=agent.type) for agent in record.agents]
    insert(Agent, rows[Agent])

    def seen() -> None:
        if len(_seen) >= _MOST_SEEN:
            _seen.clear()
        _seen[content] = {model: sorted({row.pk for row in ours}) for model, ours in rows.items() if ours}

    transaction.on_commit(seen)


def key_of(record: ActivityRecord) -> str:
    """Key of the description of an activity."""
    return description_id(record.name, record.version)


def _content(record: ActivityRecord) -> str:
    """All that is shared, as text."""
    parameters = [(name, replace(value, value="")) for name, value in record.parameters.items()]
    roles = (sorted({role for role, _ in record.used}), sorted({role for role, _ in record.generated}))
    files = [(file.name, file.content_type, file.description) for file in record.config_files]
    head = (record.name, record.version, record.type, record.subtype, record.description, record.docurl)
    return repr((head, record.usage, record.generation, roles, bool(record.software), parameters, files, record.agents))


def _are_there(keys: dict[type[models.Model], list[str]]) -> bool:
    """Whether the database has all of them, in one statement."""
    first, *others = [
        model._default_manager.filter(pk__in=wanted).order_by().values_list("pk") for model, wanted in keys.items()
    ]
    return first.union(*others, all=True).count() == sum(map(len, keys.values()))


def _rows(record: ActivityRecord) -> dict[type[models.Model], list[models.Model]]:
    """The description of an activity and all that belongs to it, in the order in which they are inserted."""
    key = key_of(record)
    usages = _roles(record.usage, [r for r, _ in record.used] + [SOFTWARE_ROLE] * bool(record.software))
    generations = _roles(record.generation, [r for r, _ in record.generated])
    description = ActivityDescription(
        id=key,
        name=record.name,
        version=record.version,
        description=record.description,
        docurl=record.docurl,
        type=record.type,
        subtype=record.subtype,
    )
    entities = [
        EntityDescription(
            id=part(key, "entity", way, d.role), name=d.role, description=d.description, content_type=d.content_type
        )
        for way, roles in (("used", usages), ("generated", generations))
        for d in roles
        if d.content_type
    ]
    parameters = [
        ParameterDescription(
            id=part(key, "parameter", name),
            activity_description_id=key,
            name=name,
            datatype=p.datatype,
            arraysize=p.arraysize,
            xtype=p.xtype,
            unit=p.unit,
            ucd=p.ucd,
            min=p.min,
            max=p.max,
            default=p.default,
            options=list(p.options),
            description=p.description,
        )
        for name, p in record.parameters.items()
    ]
    files = [
        ConfigFileDescription(
            id=part(key, "config", file.name),
            activity_description_id=key,
            name=file.name,
            content_type=file.content_type,
            description=file.description,
        )
        for file in record.config_files
    ]
    return {
        ActivityDescription: [description],
        EntityDescription: list(entities),
        UsageDescription: [_role(UsageDescription, key, "used", d) for d in usages],
        GenerationDescription: [_role(GenerationDescription, key, "generated", d) for d in generations],
        ParameterDescription: list(parameters),
        ConfigFileDescription: list(files),
    }


def _role(
    model: type[UsageDescription | GenerationDescription], key: str, way: str, described: Described
) -> models.Model:
    return model(
        id=part(key, way, described.role),
        activity_description_id=key,
        entity_description_id=part(key, "entity", way, described.role) if described.content_type else None,
        role=described.role,
        description=described.description,
        type=described.type,
        multiplicity=described.multiplicity,
    )


def part(description: str, *names: str) -> str:
    """Key of a description within an activity description."""
    key = f"{description}/{description_id(*names)}"
    if len(key) > ID_LENGTH:
        raise ValueError(f"the names of an activity and its roles are too long together: {key[:200]}...")
    return key
