"""Rows of the workers: who is running, with which software. Written by the supervisor, read by web processes."""

from __future__ import annotations

import secrets
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.core.cache import cache
from django.utils import timezone

from uws import jobtypes
from uws.identity import LIVE, installed
from uws.models import Worker

KNOWN_SECONDS = 5
"""How long a process goes by the slots that it has read."""
_CACHE = "uws.live-slots"


@dataclass
class Registration:
    """This worker's row. `beat` writes it, again if it was lost."""

    slots: Mapping[str, int]
    """Jobs that it runs at the same time, by queue."""
    boot_id: str = field(default_factory=lambda: secrets.token_hex(8))
    started: datetime = field(default_factory=timezone.now)

    def beat(self) -> None:
        names = {name for kind in jobtypes.all_job_types() for name in kind.software}
        Worker.objects.update_or_create(
            boot_id=self.boot_id,
            defaults={
                "host": socket.gethostname(),
                "slots": dict(self.slots),
                "started": self.started,
                "heartbeat": timezone.now(),
                "software": installed(names),
            },
        )

    def end(self) -> None:
        Worker.objects.filter(boot_id=self.boot_id).delete()


def live_slots(queue: str) -> int:
    """How many jobs of a queue the live workers run at the same time; a process goes by that for KNOWN_SECONDS."""
    slots: dict[str, int] | None = cache.get(_CACHE)
    if slots is None:
        live = Worker.objects.filter(heartbeat__gt=timezone.now() - LIVE)
        slots = sum((Counter(worker) for worker in live.values_list("slots", flat=True)), Counter[str]())
        cache.set(_CACHE, slots, KNOWN_SECONDS)
    return slots.get(queue, 0)


def live_workers() -> int:
    """How many workers have given a sign of life lately."""
    return Worker.objects.filter(heartbeat__gt=timezone.now() - LIVE).count()
