"""What a job may use of the machine."""

from __future__ import annotations

from django.conf import settings

from uws import processes
from uws.jobtypes import JobType

LEAST = 1024
"""MiB that a job may use on however small a machine: the science packages alone take half of it."""


def memory(kind: JobType) -> int:
    """Bytes that all processes of a run may use together: what its type declares, up to what any job may use."""
    most = settings.DISTILLER_JOB_MEMORY or _share()
    return min(kind.memory or most, most) * 2**20


def _share() -> int:
    """MiB of this machine for each job of those that a worker runs at the same time; a fifth is left for the rest."""
    slots = settings.DISTILLER_WORKER_SHORT_SLOTS + settings.DISTILLER_WORKER_LONG_SLOTS
    return max(LEAST, processes.machine_memory() * 4 // 5 // max(slots, 1) // 2**20)
