"""The execution phases of a job (UWS 1.1 section 2.1.3) and which of them mean what."""

from __future__ import annotations

from django.db.models import TextChoices


class Phase(TextChoices):
    PENDING = "PENDING", "pending"
    QUEUED = "QUEUED", "queued"
    EXECUTING = "EXECUTING", "executing"
    COMPLETED = "COMPLETED", "completed"
    ERROR = "ERROR", "error"
    ABORTED = "ABORTED", "aborted"
    UNKNOWN = "UNKNOWN", "unknown"
    HELD = "HELD", "held"
    SUSPENDED = "SUSPENDED", "suspended"
    ARCHIVED = "ARCHIVED", "archived"


FINAL = frozenset({Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED})
"""Nothing happens to the job any more."""
WAITED = frozenset({Phase.PENDING, Phase.QUEUED, Phase.EXECUTING})
"""Phases in which WAIT blocks (UWS 1.1 section 2.2.1.2)."""
STARTABLE = frozenset({Phase.PENDING, Phase.HELD})
ACTIVE = frozenset({Phase.QUEUED, Phase.EXECUTING})
"""The work is waited for or under way."""
UNSTARTED = frozenset({Phase.PENDING, Phase.QUEUED, Phase.HELD, Phase.SUSPENDED})
"""Aborting these needs no worker."""
