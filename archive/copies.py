"""Columnar copies of the archive's event lists, from which events are distilled: made at ingest, or when first needed.

They hold nothing of their own: any of them can be made anew from the stored files (`manage.py prepareevents`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from archive.models import Product
from archive.store import local_path
from events.errors import Undistillable
from events.sources import Source
from events.store import EventStore

log = logging.getLogger(__name__)


def event_store() -> EventStore:
    """The copies of this installation."""
    return EventStore(Path(settings.DISTILLER_HOME) / "events")


def prepare(did: str) -> None:
    """Make the copy of a product that has just come in, if it is an event list. A failure is logged, no more."""
    for source in _sources(did=did):
        try:
            event_store().prepare(source)
        except Undistillable as reason:
            log.warning("%s has no columnar copy: %s", did, reason)
        except Exception:
            log.exception("the columnar copy of the events of %s could not be made", did)


def sources() -> Iterator[Source]:
    """Every event list in the archive."""
    return _sources()


def _sources(**conditions: str) -> Iterator[Source]:
    products = Product.objects.filter(semantics="#this", observation__isnull=False, **conditions)
    found = products.select_related("observation").prefetch_related("files__file").order_by("pk")
    for product in found.iterator(chunk_size=200):
        hdus: dict[str, str] = {}
        classes: dict[str, str] = {}
        files: dict[str, Path] = {}
        uses = list(product.files.all())
        for use in uses:
            hdus |= use.hdus
            classes |= use.hdu_classes
            files |= dict.fromkeys(use.hdus, local_path(use.file.path))
        if "events" in hdus:
            main = next(use.file for use in uses if "events" in use.hdus)
            assert product.observation is not None
            obs_id = product.observation.obs_id
            yield Source(product.did, obs_id, local_path(main.path), main.sha256, hdus, classes, files)
