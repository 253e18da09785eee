"""The provenance of a job: what it used and made, in whose name, with which parameters and software (decision 7)."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from provenance.identifiers import job_id
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, ParameterValue
from uws import jobtypes
from uws.fields import FieldSpec, fields
from uws.jobtypes import JobType
from uws.models import Job, Result
from vo.version import version

STORE_ROLE = "stored result"
"""Role of the results of another job that this one was answered with."""


def activity_id(job: Job) -> str:
    """The identifier of a job's activity. It may be shown to anybody: it does not tell the job's own (decision 018)."""
    return job_id(job.activity)


def result_entity_id(job: Job, name: str) -> str:
    """The identifier of a job's result as an entity."""
    return f"{activity_id(job)}/{name}"


def software_agent() -> AgentRef:
    return AgentRef(
        id=f"ivo://{settings.DISTILLER_AUTHORITY}/distiller",
        name=f"Distiller {version()}",
        type="SoftwareAgent",
        role="executor",
    )


def activity_record(job: Job, rows: Iterable[Result]) -> ActivityRecord:
    """The record of a job that has ended with these results."""
    job_type = jobtypes.job_type(job.job_type)
    start = job.started or job.ended or job.created
    end = max(job.ended or start, start)
    used = [
        (entry["role"], EntityRef(id=entry["id"], sha256=entry["sha256"], content_type=entry["media_type"]))
        for entry in job.inputs
    ]
    rows = list(rows)
    generated = [(row.name, _entity(job, row)) for row in rows]
    origins = {f"{job_id(job.answered_from)}/{row.name}": row for row in rows} if job.answered_from else {}
    used += [(STORE_ROLE, EntityRef(id=origin, name=row.filename)) for origin, row in origins.items()]
    return ActivityRecord(
        id=activity_id(job),
        name=job_type.name,
        version=job_type.version,
        type=job_type.activity_type,
        description=job_type.description,
        start=start,
        end=end,
        status=job.phase,
        comment=_comment(job),
        used=used,
        generated=generated,
        agents=[_operator(job), software_agent()],
        parameters=_parameters(job_type, job),
        software=job.software,
        usage=[
            *(
                Described(
                    role=role.name,
                    description=role.description,
                    content_type="",
                    multiplicity="*" if role.multiple else "1",
                )
                for role in job_type.inputs
            ),
            *_uploads(job_type),
            Described(
                role=STORE_ROLE,
                description="Results of an identical job that had been completed before",
                type="Context",
                multiplicity="*",
            ),
        ],
        generation=[
            Described(role=output.name, description=output.description, content_type=output.media_type)
            for output in job_type.outputs
        ],
        derivations={result_entity_id(job, row.name): [origin] for origin, row in origins.items()},
        informed_by=[job_id(job.answered_from)] if job.answered_from else [],
    )


def _uploads(job_type: JobType) -> list[Described]:
    role = job_type.uploads
    return [] if role is None else [Described(role=role.name, description=role.description, multiplicity="*")]


def _entity(job: Job, row: Result) -> EntityRef:
    return EntityRef(
        id=result_entity_id(job, row.name),
        name=row.filename,
        location=_location(job, row),
        content_type=row.media_type,
        sha256=row.file.sha256,
        size=row.file.size,
        comment=row.description,
    )


def _location(job: Job, row: Result) -> str:
    """Where its owner fetches a result; nothing for an anonymous job, to whose address nobody may be led."""
    if job.owner is None:
        return ""
    return f"/{jobtypes.location(job.job_type)}/{job.public_id}/results/{row.name}"


def _comment(job: Job) -> str:
    if job.answered_from and job.computed is not None:
        return f"Answered with the results that the same work had given at {job.computed:%Y-%m-%dT%H:%M:%SZ}."
    return job.error_message


def _operator(job: Job) -> AgentRef:
    base = f"ivo://{settings.DISTILLER_AUTHORITY}/agents"
    if job.owner is None:
        return AgentRef(id=f"{base}?anonymous", name="anonymous user", type="Person", role="operator")
    return AgentRef(id=f"{base}?user-{job.owner.pk}", name=job.owner.get_username(), type="Person", role="operator")


def parameter_value(spec: FieldSpec, texts: list[str]) -> ParameterValue:
    """A parameter as ProvenanceDM describes it."""
    return ParameterValue(
        value=" ".join(texts) if not spec.multiple else ", ".join(texts),
        unit=spec.unit,
        ucd=spec.ucd,
        description=spec.help,
        datatype=spec.datatype,
        arraysize=spec.arraysize or "",
        xtype=spec.xtype,
        default=spec.default or None,
        options=spec.choices,
        min=spec.minimum,
        max=spec.maximum,
    )


def _parameters(job_type: JobType, job: Job) -> dict[str, ParameterValue]:
    texts = job.used_parameters or job.parameters
    specs = {spec.name: spec for spec in fields(job_type.parameters)}
    return {name: parameter_value(specs[name], values) for name, values in texts.items() if name in specs and values}
