"""UWS 1.1 documents: the job list, a job, and its parts, from vo-models (UWS 1.1 section 2.2.2, UWS-1.1.xsd)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic_xml import BaseXmlModel, element
from vo_models.uws import ErrorSummary, Jobs, JobSummary, Parameter, ResultReference, Results, ShortJobDescription
from vo_models.uws.models import NSMAP
from vo_models.uws.types import ErrorType, ExecutionPhase, UWSVersion
from vo_models.xlink import XlinkType

from provenance import identifiers
from uws import estimates, jobtypes
from uws.activity import activity_id
from uws.estimates import Outlook
from uws.jobtypes import location
from uws.models import Job, Part, Result

MEDIA_TYPE = "application/xml"
INFO_NAMESPACE = "urn:distiller:uws:jobinfo:1"


class JobParameters(BaseXmlModel, tag="parameters", ns="uws", nsmap=NSMAP):
    """Parameters of any names, in the order given; one element for each value."""

    parameter: list[Parameter] = element(tag="parameter", default_factory=list)


class JobInfo(BaseXmlModel, tag="jobInfo", ns="uws", nsmap={**NSMAP, "d": INFO_NAMESPACE}, skip_empty=True):
    """What UWS has no element for, in a namespace of our own."""

    job_type: str = element(tag="jobType", ns="d")
    job_type_version: str = element(tag="jobTypeVersion", ns="d")
    progress: str | None = element(tag="progress", ns="d", default=None)
    fraction: float | None = element(tag="progressFraction", ns="d", default=None)
    queue_position: int | None = element(tag="queuePosition", ns="d", default=None)
    expected_start: str | None = element(tag="expectedStart", ns="d", default=None)
    answered_from: str | None = element(tag="answeredFrom", ns="d", default=None)
    computed: str | None = element(tag="computed", ns="d", default=None)
    provenance: str | None = element(tag="provenance", ns="d", default=None)


class JobDocument(JobSummary[JobParameters], tag="job", nsmap=NSMAP):
    """A job with its additional information as elements."""

    job_info: JobInfo | None = element(tag="jobInfo", default=None)  # type: ignore[assignment]


def job_url(base: str, job: Job) -> str:
    return f"{base}/{quote(location(job.job_type))}/{job.public_id}"


def time_text(when: datetime | None) -> str:
    """A time as UWS 1.1 section 2.2.1 wants it; empty if there is none."""
    if when is None:
        return ""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_summary(job: Job, base: str) -> JobDocument:
    """The job (section 2.2.2.2)."""
    outlook = estimates.outlook(job)
    return JobDocument(
        job_id=job.public_id,
        **_run_id(job),
        owner_id=_owner(job),
        phase=ExecutionPhase(job.phase),
        quote=outlook.end,
        creation_time=job.created,
        start_time=job.started,
        end_time=job.ended,
        execution_duration=job.execution_duration,
        destruction=job.destruction,
        parameters=parameters(job, base),
        results=results(job, base),
        **_error(job),
        version=UWSVersion.V1_1,
        **_info(job, base, outlook),
    )


def job_list(jobs: Iterable[Job], base: str) -> Jobs:
    """The job list (section 2.2.2.1)."""
    references = [
        ShortJobDescription(
            job_id=job.public_id,
            phase=ExecutionPhase(job.phase),
            **_run_id(job),
            owner_id=_owner(job),
            creation_time=job.created,
            type=XlinkType.SIMPLE,
            href=job_url(base, job),
        )
        for job in jobs
    ]
    return Jobs(jobref=references, version=UWSVersion.V1_1)


def parameters(job: Job, base: str) -> JobParameters:
    """Parameters as given, and by reference what was sent along (section 2.2.2.4)."""
    given = [Parameter(id=name, value=_text(text)) for name, texts in job.given for text in texts]
    kind = jobtypes.known(job.job_type)
    may_have_parts = kind is None or kind.uploads is not None
    sent = [
        Parameter(id=part.name, by_reference=True, value=f"{job_url(base, job)}/parameters/{quote(part.name, safe='')}")
        for part in (Part.objects.filter(job=job).order_by("pk") if may_have_parts else ())
    ]
    return JobParameters(parameter=given + sent)


def results(job: Job, base: str) -> Results:
    """References to the results (section 2.2.2.3); there are none before the job has ended."""
    rows = Result.objects.filter(job=job).select_related("file") if job.is_final else ()
    return Results(
        results=[
            ResultReference(
                id=row.name,
                type=XlinkType.SIMPLE,
                href=f"{job_url(base, job)}/results/{quote(row.name)}",
                size=row.file.size,
                mime_type=row.media_type,
            )
            for row in rows
        ]
    )


def _error(job: Job) -> dict[str, Any]:
    if not job.error_message:
        return {}
    kind = ErrorType.TRANSIENT if job.error_kind == "transient" else ErrorType.FATAL
    return {"error_summary": ErrorSummary(message=_text(job.error_message), type=kind, has_detail=True)}


def _info(job: Job, base: str, outlook: Outlook) -> dict[str, Any]:
    """What we tell besides; not where the list belongs to a standard service, whose validators know no other schema."""
    if not location(job.job_type).startswith("uws/"):
        return {}
    known: dict[str, Any] = {"job_type": job.job_type, "job_type_version": job.type_version}
    if job.progress_message:
        known |= {"progress": _text(job.progress_message), "fraction": job.progress_fraction}
    if outlook.place is not None:
        known["queue_position"] = outlook.place
    if outlook.start is not None:
        known["expected_start"] = time_text(outlook.start)
    if job.answered_from:
        known["answered_from"] = identifiers.job_id(job.answered_from)
        if job.computed is not None:
            known["computed"] = time_text(job.computed)
    if job.is_final:
        known["provenance"] = f"{base}/provenance/provsap?ID={quote(activity_id(job), safe='')}"
    return {"job_info": JobInfo(**known)}


def _run_id(job: Job) -> dict[str, Any]:
    return {"run_id": _text(job.run_id)} if job.run_id else {}


def _owner(job: Job) -> str | None:
    return _text(job.owner.get_username()) if job.owner is not None else None


def _text(text: str) -> str:
    """Text that XML 1.0 can hold: control characters become spaces."""
    return "".join(c if c >= " " or c in "\t\n\r" else " " for c in text if c not in "\ufffe\uffff")


def document(model: BaseXmlModel) -> bytes:
    """The XML of one of these; what was not set is left out, what is set to None is nil."""
    text = model.to_xml(exclude_unset=True, encoding="UTF-8", xml_declaration=True)
    return text if isinstance(text, bytes) else text.encode()
