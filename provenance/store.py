"""Writing of provenance records: few statements, safe when several processes record at the same time.

Keys are made from the data, so rows that many activities share are inserted with "on conflict do nothing" and need not
be read back. Inserts are in order of key, tables always in the same order: two writers cannot wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from provenance.descriptions import MAIN, clean, describe, insert, key_of, part
from provenance.identifiers import software_id
from provenance.models import (
    Activity,
    ConfigFile,
    Entity,
    HadMember,
    Parameter,
    Used,
    WasAssociatedWith,
    WasAttributedTo,
    WasConfiguredBy,
    WasDerivedFrom,
    WasGeneratedBy,
    WasInformedBy,
)
from provenance.records import ATTRIBUTED, SOFTWARE_ROLE, ActivityRecord, EntityRef

_FILLED = ("name", "location", "content_type", "sha256", "size", "value", "comment")


def write(record: ActivityRecord) -> None:
    """Write all rows of an activity whose record has been checked, or none."""
    try:
        with transaction.atomic():
            _write(record)
    except IntegrityError as error:
        raise ValueError(f"the records of activity {record.id} contradict others: {error}") from error


def _write(record: ActivityRecord) -> None:
    Activity.objects.bulk_create(
        [Activity(id=i) for i in sorted({record.id, *record.informed_by})], ignore_conflicts=True
    )
    description = key_of(record)
    claimed = Activity.objects.filter(id=record.id, start_time=None).update(
        name=clean(record.name),
        start_time=record.start,
        end_time=record.end,
        status=record.status,
        comment=clean(record.comment),
        description=description,
    )
    if not claimed:
        return
    describe(record)
    used, generated = _entities(record, description)
    _relations(record, description, used, generated)
    _agents(record, generated)
    _configuration(record, description)


def add_members(collection: EntityRef, members: Sequence[str]) -> None:
    """Insert a collection if it is new, and its members; known ones stay as they are."""
    with transaction.atomic():
        ids = list(dict.fromkeys(members))
        insert(
            Entity,
            [Entity(id=i) for i in ids]
            + [
                Entity(
                    id=collection.id,
                    kind=Entity.Kind.COLLECTION,
                    name=clean(collection.name),
                    comment=clean(collection.comment),
                )
            ],
        )
        Entity.objects.filter(id=collection.id).exclude(kind=Entity.Kind.COLLECTION).update(kind=Entity.Kind.COLLECTION)
        above, frontier = {collection.id}, {collection.id}
        while frontier:
            parents = HadMember.objects.filter(entity__in=frontier).values_list("collection_id", flat=True)
            frontier = set(parents) - above
            above |= frontier
        inside = above.intersection(ids)
        if inside:
            raise ValueError(f"collection {collection.id} cannot have the member {min(inside)}, which contains it")
        HadMember.objects.bulk_create(
            [HadMember(collection_id=collection.id, entity_id=i) for i in ids], ignore_conflicts=True
        )


def invalidate(entities: Sequence[str], when: datetime) -> None:
    """Set the time at which entities ceased to exist, unless it is set."""
    Entity.objects.filter(id__in=list(entities), invalidated_at_time=None).update(invalidated_at_time=when)


def _entities(record: ActivityRecord, description: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Insert or complete all entities; returns the (role, id) pairs used and generated, each once."""
    used = list(dict.fromkeys((role, entity.id) for role, entity in record.used))
    generated = list(dict.fromkeys((role, entity.id) for role, entity in record.generated))
    rows: dict[str, Entity] = {}
    for origin in (origin for origins in record.derivations.values() for origin in origins):
        rows[origin] = Entity(id=origin)
    for _, ref in record.used:
        _merge(rows, _entity(ref))
    for name, version in sorted(record.software.items()):
        identifier = software_id(name, version)
        used.append((SOFTWARE_ROLE, identifier))
        _merge(rows, Entity(id=identifier, kind=Entity.Kind.VALUE, name=name, value=version))
    described = {d.role: bool(d.content_type) for d in record.generation}
    for role, ref in record.generated:
        row = _entity(ref)
        row.generated_at_time = record.end
        if described.get(role):
            row.description_id = part(description, "entity", "generated", role)
        _merge(rows, row)

    confused = Activity.objects.filter(id__in=list(rows)).first()
    if confused:
        raise ValueError(f"{confused.id} is the identifier of an activity and cannot be that of an entity")
    known = insert(Entity, rows.values(), besides=[record.id])
    if record.id in known:
        raise ValueError(f"{record.id} is the identifier of an entity and cannot be that of an activity")
    _check_history(record, known, used, generated)
    changed = [entity for key, entity in known.items() if _merge({key: entity}, rows[key])]
    if changed:
        Entity.objects.bulk_update(
            sorted(changed, key=lambda entity: entity.id),
            [*_FILLED, "kind", "generated_at_time", "description"],
            batch_size=500,
        )
    return used, generated


def _entity(ref: EntityRef) -> Entity:
    return Entity(
        id=ref.id,
        kind=Entity.Kind.DATASET if ref.value is None else Entity.Kind.VALUE,
        name=clean(ref.name),
        location=clean(ref.location),
        content_type=ref.content_type,
        sha256=ref.sha256.lower(),
        size=ref.size,
        value=None if ref.value is None else clean(ref.value),
        comment=clean(ref.comment),
    )


def _merge(rows: dict[str, Entity], new: Entity) -> bool:
    """Put an entity among the rows, or fill in what the one that is there does not say; True if that changed it."""
    known = rows.setdefault(new.id, new)
    if known is new:
        return True
    for name in ("sha256", "size", "value"):
        old, value = getattr(known, name), getattr(new, name)
        if old not in ("", None) and value not in ("", None) and old != value:
            raise ValueError(
                f"entity {new.id} is known with another {name} ({old}, not {value}): changed content is a new entity"
            )
    changed = False
    if known.value is None and new.value is not None and known.kind == Entity.Kind.DATASET:
        known.kind, changed = Entity.Kind.VALUE, True
    for name in (*_FILLED, "generated_at_time", "description_id"):
        if getattr(known, name) in ("", None) and getattr(new, name) not in ("", None):
            setattr(known, name, getattr(new, name))
            changed = True
    return changed


def _check_history(
    record: ActivityRecord, known: dict[str, Entity], used: list[tuple[str, str]], generated: list[tuple[str, str]]
) -> None:
    """What the model says of times, single generation and cycles, against what was recorded before."""
    for _, key in used:
        entity = known.get(key)
        if entity and entity.generated_at_time and entity.generated_at_time > record.end:
            raise ValueError(
                f"activity {record.id} ended at {record.end} and cannot have used {key}, "
                f"generated at {entity.generated_at_time}"
            )
    old = [key for _, key in generated if key in known]
    if not old:
        return
    other = WasGeneratedBy.objects.filter(entity__in=old).first()
    if other:
        raise ValueError(f"entity {other.entity_id} was generated by {other.activity_id} already")
    early = Used.objects.filter(entity__in=old, activity__end_time__lt=record.end).first()
    if early:
        raise ValueError(
            f"entity {early.entity_id} was used by {early.activity_id} before {record.id} ended and generated it"
        )
    if Used.objects.filter(entity__in=old).exists():
        _check_cycles(record, {key for _, key in used}, set(old))


def _check_cycles(record: ActivityRecord, used: set[str], generated: set[str]) -> None:
    """No entity of `generated` may be among the ancestors of those used."""
    seen, frontier = set(used), set(used)
    while frontier:
        if frontier & generated:
            raise ValueError(
                f"activity {record.id} would use what was made from {min(frontier & generated)} of its own"
            )
        activities = WasGeneratedBy.objects.filter(entity__in=frontier).values("activity_id")
        frontier = set(Used.objects.filter(activity__in=activities).values_list("entity_id", flat=True)) - seen
        seen |= frontier


def _relations(
    record: ActivityRecord,
    description: str,
    used: list[tuple[str, str]],
    generated: list[tuple[str, str]],
) -> None:
    Used.objects.bulk_create(
        [
            Used(
                activity_id=record.id,
                entity_id=key,
                role=role,
                description_id=part(description, "used", role),
            )
            for role, key in used
        ]
    )
    WasGeneratedBy.objects.bulk_create(
        [
            WasGeneratedBy(
                entity_id=key,
                activity_id=record.id,
                role=role,
                description_id=part(description, "generated", role),
            )
            for role, key in generated
        ]
    )
    types = {d.role: d.type for d in record.usage}
    main = [key for role, key in used if types.get(role, MAIN) == MAIN and not _is_software(role, types)]
    WasDerivedFrom.objects.bulk_create(
        [
            WasDerivedFrom(generated_entity_id=key, used_entity_id=origin)
            for key in dict.fromkeys(key for _, key in generated)
            for origin in dict.fromkeys(record.derivations.get(key, main))
        ],
        batch_size=5000,
    )
    WasInformedBy.objects.bulk_create(
        [
            WasInformedBy(informed_id=record.id, informant_id=informant)
            for informant in dict.fromkeys(record.informed_by)
        ]
    )


def _is_software(role: str, types: dict[str, str]) -> bool:
    return role == SOFTWARE_ROLE and role not in types


def _agents(record: ActivityRecord, generated: list[tuple[str, str]]) -> None:
    parts = dict.fromkeys((agent.id, agent.role) for agent in record.agents)
    WasAssociatedWith.objects.bulk_create(
        [WasAssociatedWith(activity_id=record.id, agent_id=agent, role=role) for agent, role in parts]
    )
    WasAttributedTo.objects.bulk_create(
        [
            WasAttributedTo(entity_id=key, agent_id=agent, role=role)
            for key in dict.fromkeys(key for _, key in generated)
            for agent, role in parts
            if role in ATTRIBUTED
        ],
        ignore_conflicts=True,
    )


def _configuration(record: ActivityRecord, description: str) -> None:
    parameters = Parameter.objects.bulk_create(
        [
            Parameter(name=name, value=clean(p.value), description_id=part(description, "parameter", name))
            for name, p in record.parameters.items()
        ]
    )
    files = ConfigFile.objects.bulk_create(
        [
            ConfigFile(
                name=file.name,
                location=clean(file.location),
                comment=clean(file.comment),
                description_id=part(description, "config", file.name),
            )
            for file in record.config_files
        ]
    )
    kinds = WasConfiguredBy.ArtefactType
    WasConfiguredBy.objects.bulk_create(
        [WasConfiguredBy(activity_id=record.id, artefact_type=kinds.PARAMETER, parameter=p) for p in parameters]
        + [WasConfiguredBy(activity_id=record.id, artefact_type=kinds.CONFIG_FILE, config_file=f) for f in files]
    )
