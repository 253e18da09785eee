"""Turning a job's parameters into the files it may read, by the resolvers that rooms above have registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uws import jobtypes, parts
from uws.context import InputFile
from uws.errors import UserJobError
from uws.jobtypes import JobType, Owner
from uws.models import Job
from uws.parameters import JobParameters

Inputs = dict[str, tuple[InputFile, ...]]


def owner_of(job: Job) -> Owner:
    return Owner(job.owner.get_username() if job.owner is not None else None)


def of(
    job: Job, job_type: JobType, parameters: JobParameters, sent: Sequence[parts.StoredPart] | None = None
) -> Inputs:
    """All that a job reads: what its parameters select, and what was sent along with it. Raises as `resolve` does.

    `sent` is what comes with a job that has not been written yet.
    """
    selected = resolve(job_type, parameters, owner_of(job))
    return selected if job_type.uploads is None else {**selected, job_type.uploads.name: parts.files(job, sent)}


def resolve(job_type: JobType, parameters: JobParameters, owner: Owner) -> Inputs:
    """Files by role. Raises UserJobError when the selection is empty, unknown, not permitted or not there."""
    inputs: Inputs = {}
    for role in job_type.inputs:
        files = tuple(jobtypes.resolver(role.resolver)(parameters, owner))
        if len(files) > 1 and not role.multiple:
            raise UserJobError(f"{role.description}: exactly one can be used, {len(files)} were selected")
        for file in files:
            kind = file.metadata.get("product_type")
            if kind is not None and role.product_types and kind not in role.product_types:
                taken = " or ".join(role.product_types)
                raise UserJobError(f"{file.id} is a product of the type {kind}; this job takes {taken}")
            if not file.path.is_file():
                raise UserJobError(f"the file of {file.id} is missing from the archive; its curators have been told")
        inputs[role.name] = files
    return inputs


def size(inputs: Inputs) -> int:
    """Bytes of all inputs together, as far as they are in the files at their paths."""
    return sum(file.path.stat().st_size for files in inputs.values() for file in files)


def recorded(inputs: Inputs) -> list[dict[str, Any]]:
    """What the jobs table keeps of the inputs."""
    return [
        {"role": role, "id": file.id, "sha256": file.sha256, "media_type": file.media_type}
        for role, files in inputs.items()
        for file in files
    ]
