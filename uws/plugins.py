"""Job types from elsewhere: the setting DISTILLER_JOB_TYPES, and the entry points of installed packages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points

from uws.jobtypes import JobType, register
from uws.queue import QUEUES

GROUP = "distiller.job_types"


def register_plugins(names: Iterable[str]) -> None:
    """Register what the names ("package.module:NAME") and the entry points of the group GROUP refer to.

    Each is a JobType or an iterable of them. Whatever cannot be loaded stops the start: a job type that is configured
    and silently missing would be worse.
    """
    for name in names:
        module, _, attribute = name.partition(":")
        _register(name, getattr(import_module(module), attribute or "JOB"))
    for entry in entry_points(group=GROUP):
        _register(f"entry point {entry.name}", entry.load())


def _register(source: str, found: object) -> None:
    for job_type in [found] if isinstance(found, JobType) else list(found) if isinstance(found, Iterable) else [None]:
        if not isinstance(job_type, JobType):
            raise TypeError(f"{source} is no JobType, and no list of them")
        if job_type.queue not in QUEUES:
            raise ValueError(f"{source}: there is no queue {job_type.queue!r}; there are {', '.join(QUEUES)}")
        register(job_type)
