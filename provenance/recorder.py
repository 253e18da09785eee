"""The one way to leave provenance: `record(ActivityRecord(...))`, called where input and output happen.

Callers give plain values; the recorder makes the ProvenanceDM rows (activity, entities, agents, used, generated,
derived, parameters and their descriptions), in the caller's transaction, idempotent by activity id.

Software is a value entity that is used in the role `software` (type Context), identified by its package URL, so that
everything made with a release of it can be found. Generated entities are attributed to the activity's agents in roles
that answer for content (`ATTRIBUTED`), not to who merely operated it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from provenance import store
from provenance.models import CONTENT_TYPE_LENGTH, ID_LENGTH, ROLE_LENGTH, STATUS_LENGTH, TYPE_LENGTH
from provenance.records import (
    AGENT_TYPES,
    ATTRIBUTED,
    SOFTWARE_ROLE,
    ActivityRecord,
    AgentRef,
    ConfigFileRef,
    Described,
    EntityRef,
    ParameterValue,
)

__all__ = [
    "ATTRIBUTED",
    "SOFTWARE_ROLE",
    "ActivityRecord",
    "AgentRef",
    "ConfigFileRef",
    "Described",
    "EntityRef",
    "ParameterValue",
    "check",
    "collect",
    "invalidate",
    "record",
]


def record(activity: ActivityRecord) -> None:
    """Write the records of one activity (ProvenanceDM 1.0); nothing if it has been recorded before.

    Works within the caller's transaction. Entities and agents that are known keep what is known of them; what was
    left empty is filled in. Raises ValueError, and writes nothing, for what the model forbids: an end before the
    begin, an entity used before it was generated, generated twice, of changed content, or out of itself.
    """
    check(activity)
    store.write(activity)


def collect(collection: EntityRef, members: Sequence[str]) -> None:
    """Make entities members of a collection; ValueError if a collection would be within itself (section 2.4)."""
    for identifier in (collection.id, *members):
        _check_id("entity", identifier)
    store.add_members(collection, members)


def invalidate(entities: Sequence[str], when: datetime) -> None:
    """Note that entities ceased to exist (`invalidatedAtTime`): their records stay."""
    _check_time("invalidatedAtTime", when)
    store.invalidate(entities, when)


def check(activity: ActivityRecord) -> None:
    """Everything that can be said of a record without looking at others; raises ValueError."""
    _check_id("activity", activity.id)
    _check_time("start", activity.start)
    _check_time("end", activity.end)
    if activity.end < activity.start:
        raise ValueError(f"activity {activity.id} ends at {activity.end} before it starts at {activity.start}")
    if not activity.name:
        raise ValueError(f"activity {activity.id} has no name")
    _check_length("name", activity.name, ROLE_LENGTH)
    for name, word in (("version", activity.version), ("type", activity.type), ("subtype", activity.subtype)):
        _check_length(name, word, TYPE_LENGTH)
    _check_length("status", activity.status, STATUS_LENGTH)
    used = {entity.id for _, entity in activity.used}
    generated: dict[str, str] = {}
    for role, entity in (*activity.used, *activity.generated):
        _check_id("entity", entity.id)
        _check_role(activity, role)
        _check_length("content_type", entity.content_type, CONTENT_TYPE_LENGTH)
        _check_length("sha256", entity.sha256, TYPE_LENGTH)
    for role, entity in activity.generated:
        if entity.id in used:
            raise ValueError(f"activity {activity.id} cannot generate the entity {entity.id} that it used")
        if generated.setdefault(entity.id, role) != role:
            raise ValueError(f"entity {entity.id} is generated as {generated[entity.id]!r} and as {role!r}")
    for entity_id, origins in activity.derivations.items():
        if entity_id not in generated:
            raise ValueError(f"activity {activity.id} does not generate {entity_id}, whose derivation it names")
        for origin in origins:
            _check_id("entity", origin)
            if origin == entity_id:
                raise ValueError(f"entity {entity_id} cannot be derived from itself")
    for agent in activity.agents:
        _check_id("agent", agent.id)
        if agent.type not in AGENT_TYPES:
            raise ValueError(f"agent {agent.id} is a {agent.type!r}, not one of {', '.join(sorted(AGENT_TYPES))}")
        if not agent.name:
            raise ValueError(f"agent {agent.id} has no name")
    for described in (activity.usage, activity.generation):
        roles = [d.role for d in described]
        for role in roles:
            _check_role(activity, role)
        if len(set(roles)) != len(roles):
            raise ValueError(f"activity {activity.name} describes a role twice: {', '.join(roles)}")
    for name in (*activity.parameters, *(file.name for file in activity.config_files)):
        _check_role(activity, name)
    for informant in activity.informed_by:
        _check_id("activity", informant)
        if informant == activity.id:
            raise ValueError(f"activity {activity.id} cannot be informed by itself")


def _check_id(what: str, identifier: str) -> None:
    if not identifier or identifier != identifier.strip():
        raise ValueError(f"{identifier!r} is no identifier of an {what}")
    if len(identifier) > ID_LENGTH:
        raise ValueError(f"the identifier of an {what} is longer than {ID_LENGTH} characters: {identifier[:80]}...")


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise ValueError(f"the {what} is longer than {most} characters: {text[:80]}...")


def _check_role(activity: ActivityRecord, role: str) -> None:
    if not 0 < len(role) <= ROLE_LENGTH:
        raise ValueError(f"activity {activity.id}: {role[:80]!r} is no name of a role or parameter")


def _check_time(what: str, when: datetime) -> None:
    if when.tzinfo is None:
        raise ValueError(f"the time {what} has no time zone: {when}")
