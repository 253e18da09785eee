"""When are two jobs the same work? The key under which a finished job is found again in the result store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache as remembered
from importlib import metadata

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from uws.context import InputFile
from uws.fields import fields
from uws.jobtypes import JobType
from uws.models import Job, Result, Worker
from uws.phases import Phase
from vo import version

LIVE = timedelta(seconds=30)
"""A worker whose heartbeat is older is not counted on."""
KNOWN_SECONDS = 1
"""How long a process goes by what it has read of the workers."""
_CACHE = "uws.software-of-workers"


def installed(distributions: Iterable[str]) -> dict[str, str]:
    """Versions of Distiller itself and of the distributions that are installed here; the others are left out."""
    found = {"distiller": version.version()}
    for name in sorted(set(distributions)):
        if (version_here := _version(name)) is not None:
            found[name] = version_here
    return found


@remembered
def _version(distribution: str) -> str | None:
    """The version that this process runs: one that is installed meanwhile is another process's."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def workers_software(job_type: JobType) -> dict[str, str] | None:
    """Versions of what the job type names in the newest live worker; None without a worker, or if it lacks one."""
    software: dict[str, str] | None = cache.get(_CACHE)
    if software is None:
        live = Worker.objects.filter(heartbeat__gt=timezone.now() - LIVE).order_by("-started")
        software = live.values_list("software", flat=True).first()
        if software is not None:
            cache.set(_CACHE, software, KNOWN_SECONDS)
    names = sorted({"distiller", *job_type.software})
    if software is None or any(name not in software for name in names):
        return None
    return {name: software[name] for name in names}


def cache_key(
    job_type: JobType,
    parameters: Mapping[str, Sequence[str]],
    inputs: Mapping[str, Sequence[InputFile]],
    software: Mapping[str, str],
) -> str:
    """SHA-256 of all that decides the result: job type, parameters as used, content of the inputs, versions."""
    unordered = {spec.name for spec in fields(job_type.parameters) if spec.unordered}
    work = {
        "job_type": [job_type.name, job_type.version],
        "parameters": {n: sorted(set(texts)) if n in unordered else list(texts) for n, texts in parameters.items()},
        "inputs": sorted(_content(job_type, role, file) for role, files in inputs.items() for file in files),
        "software": dict(software),
    }
    return hashlib.sha256(json.dumps(work, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _content(job_type: JobType, role: str, file: InputFile) -> list[str]:
    """What an input is: its identifier and all its bytes. A file sent along is known by its names instead."""
    sent = job_type.uploads is not None and role == job_type.uploads.name
    name = [str(file.metadata["part"]), str(file.metadata["filename"])] if sent else [file.id]
    return [role, *name, file.media_type, file.sha256, *map(str, file.metadata.get("sha256", ()))]


def is_known(key: str) -> bool:
    """Whether there may be a job of that key that others can be answered from, or join."""
    finished = Q(cache_key=key, phase=Phase.COMPLETED, destroyed=False)
    return Job.objects.filter(finished | Q(leads=key)).exists()


def finished_twin(key: str, job_type: JobType) -> Job | None:
    """A completed job of that key with all its required results, the latest one."""
    required = {output.name for output in job_type.outputs if output.required}
    candidates = Job.objects.filter(cache_key=key, phase=Phase.COMPLETED, destroyed=False).order_by("-ended")
    for job in candidates[:5]:
        if required <= set(Result.objects.filter(job=job).values_list("name", flat=True)):
            return job
    return None
