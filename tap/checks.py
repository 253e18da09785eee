"""What `manage.py check --deploy` says of the guard rails of queries."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError, connection

from tap.engine import rolesetup

HINT = "Run `manage.py taprole`, or what `manage.py taprole --sql` writes as somebody who may create roles."


def queries_have_a_role(**kwargs: Any) -> list[CheckMessage]:
    """Queries run as a role that reads published tables only (PostgreSQL)."""
    if connection.vendor != "postgresql":
        return []
    try:
        troubles = rolesetup.troubles()
    except DatabaseError:
        return [Warning("The database does not tell what queries may read.", id="tap.W002")]
    return [
        Warning(f"Queries may do more than read published tables: {t}.", hint=HINT, id="tap.W001") for t in troubles
    ]
