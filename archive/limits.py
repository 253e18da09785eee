"""How much event data somebody may have in one piece, and how much a file may hold to be taken in."""

from __future__ import annotations

from django.conf import settings

from tap.registry import Viewer
from vo.errors import UsageFault


def most_bytes(viewer: Viewer, *, at_once: bool) -> int:
    """Bytes of an answer at once, or of the result of a job."""
    limits = settings.DISTILLER_BUNDLE_SYNC if at_once else settings.DISTILLER_BUNDLE_ASYNC
    return int(limits[2 if viewer.is_curator else 0 if viewer.name is None else 1]) * 2**20


def check_bytes(size: int, viewer: Viewer, async_url: str | None) -> None:
    """Raises UsageFault for more than that; `async_url` is where more may be asked for, None if this is a job."""
    limit = most_bytes(viewer, at_once=async_url is not None)
    if size > limit:
        where = f"at once; ask for it as a job at {async_url}" if async_url else "of a job; ask for it in parts"
        raise UsageFault(f"the result may have {-(-size // 2**20)} MiB, and {limit // 2**20} MiB is the limit {where}")


def most_unpacked() -> int:
    """Bytes that a compressed file may hold to be taken into the archive."""
    return int(settings.DISTILLER_UNPACKED_MAX) * 2**20
