"""What a query may cost, by who asks: anonymous users, signed-in users, curators. The settings declare it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from tap.registry import Viewer


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one query; times in seconds."""

    timeout: int
    """Of a synchronous query."""
    async_timeout: int
    default_maxrec: int
    """Rows of a result when the client names no MAXREC."""
    hard_maxrec: int
    upload_bytes: int
    """Of all tables that come with a query."""
    upload_rows: int
    """Of one such table."""
    statements: int
    """Of one client, open at once in a web process."""


_CLASSES = 3


def limits_of(viewer: Viewer) -> Limits:
    """The limits of the class that the viewer belongs to."""
    return _limits(2 if viewer.is_curator else 0 if viewer.name is None else 1)


def widest() -> Limits:
    """The largest of each limit: what nobody goes beyond."""
    classes = [_limits(rank) for rank in range(_CLASSES)]
    return Limits(*(max(getattr(limits, name) for limits in classes) for name in Limits.__slots__))


@lru_cache(maxsize=_CLASSES)
def _limits(rank: int) -> Limits:
    return Limits(
        timeout=settings.DISTILLER_TAP_TIMEOUT[rank],
        async_timeout=settings.DISTILLER_TAP_ASYNC_TIMEOUT[rank],
        default_maxrec=settings.DISTILLER_TAP_DEFAULT_MAXREC[rank],
        hard_maxrec=settings.DISTILLER_TAP_HARD_MAXREC[rank],
        upload_bytes=settings.DISTILLER_UPLOAD_MAX_BYTES[rank],
        upload_rows=settings.DISTILLER_UPLOAD_MAX_ROWS[rank],
        statements=settings.DISTILLER_TAP_CLIENT_STATEMENTS[rank],
    )


def _forget(**_: Any) -> None:
    _limits.cache_clear()


setting_changed.connect(_forget)
