"""Job types and their registry: one declaration per job.

Registering is how rooms above publish a job:

    # analysis/countmap/job.py
    JOB = JobType(name="countmap", version="1.0", worker="analysis.countmap.worker:run", ...)
    register(JOB)      # called from the application's `ready()` in `distiller.apps`

Input resolvers are registered too: a resolver turns typed parameters into files the worker may read, under the rights
of the job's owner. `archive` registers "dl3".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from uws.context import InputFile
from uws.parameters import JobParameters


@dataclass(frozen=True, slots=True)
class InputRole:
    """Data that a job type uses: `resolver` names a registered input resolver.

    With `product_types`, files whose resolver says otherwise (`metadata["product_type"]`) are refused. `point_like`:
    instrument responses that hold for one on region only will do.
    """

    name: str
    description: str
    resolver: str
    product_types: tuple[str, ...] = ()
    multiple: bool = True
    point_like: bool = False


@dataclass(frozen=True, slots=True)
class UploadRole:
    """Files that are sent along with a job as parts of a multipart request (DALI 1.1 section 3.4.5).

    Values of the text parameter `parameter` say which: `part_names` finds the names in them. The values of several
    requests add up (TAP 1.1 section 2.7.6). The worker gets the files as inputs of the role `name`.
    """

    name: str
    description: str
    part_names: Callable[[Sequence[str]], Sequence[str]]
    parameter: str = "UPLOAD"


@dataclass(frozen=True, slots=True)
class OutputRole:
    """A result of a job type. The UWS result id is `name`, the file is served under `filename`.

    Of a `multiple` one there are as many as the worker makes: `name-1`, `name-2` and so on, under the names of their
    files. It cannot be required.
    """

    name: str
    filename: str
    media_type: str
    description: str
    product_type: str | None = None
    required: bool = True
    multiple: bool = False

    def has(self, name: str) -> bool:
        """Whether a result of that name is one of this role."""
        if not self.multiple:
            return name == self.name
        return name.startswith(f"{self.name}-") and name.removeprefix(f"{self.name}-").isdecimal()


@dataclass(frozen=True, slots=True)
class JobType:
    """All there is to know of a job type. `worker` and `warm_up` are "module:function", imported by workers only.

    `software` names the distributions whose versions decide the result: recorded in provenance, and part of the
    identity under which a result is found again.
    """

    name: str
    version: str
    title: str
    description: str
    parameters: type[JobParameters]
    inputs: tuple[InputRole, ...]
    outputs: tuple[OutputRole, ...]
    worker: str
    warm_up: str | None = None
    software: tuple[str, ...] = ()
    activity_type: str = "Analysis"
    queue: str = "short"
    """Served by worker processes of its own (`uws.queue.QUEUES`): "long" if a run takes more than seconds."""
    execution_duration: int = 600
    """Default and maximum wall-clock seconds of a run."""
    duration_of: Callable[[str | None, bool], int] | None = None
    """The same for an owner (name, whether a curator), where it depends on who asks; not above `execution_duration`."""
    memory: int | None = None
    """MiB that the processes of a run may use together, if less than what the installation allows any job."""
    primary_output: str = ""
    """Name of the output that a client without further knowledge wants; the first one if empty."""
    deterministic: bool = True
    """Identical work may be answered from the result store."""
    uploads: UploadRole | None = None
    """Files that it takes with the request; None: only text."""
    examples: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    """Where the room that declares it serves its job list, below the service's base URL (`tap/async`). Empty: it is one
    of the job types on offer, served at `uws/<name>`, with a form, an entry in lists and DataLink descriptors."""
    checked_when_run: bool = False
    """Parameters are checked when the job is run, not when they are set, and unknown ones are ignored (TAP 1.1 section
    2.7); everywhere else whoever sets a wrong one is told at once."""

    def longest_run(self, name: str | None, is_curator: bool) -> int:
        """Default and maximum wall-clock seconds of a run for an owner; name is None for anonymous users."""
        return self.execution_duration if self.duration_of is None else self.duration_of(name, is_curator)

    def role_of(self, name: str) -> OutputRole | None:
        """The role of a result of that name."""
        return next((role for role in self.outputs if role.has(name)), None)

    @property
    def location(self) -> str:
        """Path of the job list below the service's base URL."""
        return self.path or f"uws/{self.name}"


@dataclass(frozen=True, slots=True)
class Owner:
    """On whose behalf a job runs; name is None for anonymous users."""

    name: str | None = None


InputResolver = Callable[[JobParameters, Owner], Sequence[InputFile]]
"""Raises `uws.errors.UserJobError` when the selection is empty, unknown or not permitted."""

_types: dict[str, JobType] = {}
_resolvers: dict[str, InputResolver] = {}


def register(job_type: JobType) -> JobType:
    """Add a job type; a second one of the same name is a mistake."""
    known = _types.setdefault(job_type.name, job_type)
    if known != job_type:
        raise ValueError(f"job type {job_type.name!r} is registered twice")
    return job_type


def unregister(name: str) -> None:
    """Take a job type back (tests)."""
    _types.pop(name, None)


def job_types() -> tuple[JobType, ...]:
    """The job types on offer."""
    return tuple(kind for kind in _types.values() if not kind.path)


def all_job_types() -> tuple[JobType, ...]:
    """Those on offer and those that other services of ours run their work as."""
    return tuple(_types.values())


def job_type(name: str) -> JobType:
    """The job type of that name, on offer or not; KeyError if there is none."""
    return _types[name]


def known(name: str) -> JobType | None:
    """The job type of that name, if it is still there."""
    return _types.get(name)


def location(name: str) -> str:
    """Path of the job list of a type that may not be there any more."""
    return _types[name].location if name in _types else f"uws/{name}"


def register_resolver(name: str, resolver: InputResolver) -> None:
    _resolvers[name] = resolver


def resolver(name: str) -> InputResolver:
    return _resolvers[name]
