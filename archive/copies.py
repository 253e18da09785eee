"""Columnar copies of the archive's event lists, from which events are distilled: made at ingest, or when first needed.

They hold nothing of their own: any of them can be made anew from the stored files (`manage.py prepareevents`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from archive.models import Product, ProductFile, StoredFile
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
    for events in event_lists(did=did):
        try:
            event_store().prepare(events.source())
        except Undistillable as reason:
            log.warning("%s has no columnar copy: %s", did, reason)
        except Exception:
            log.exception("the columnar copy of the events of %s could not be made", did)


@dataclass(frozen=True, slots=True)
class EventList:
    """A product with events, in files that are fetched only when they are needed."""

    product: Product
    uses: tuple[ProductFile, ...]
    main: StoredFile
    """The file with the events."""

    def source(self) -> Source:
        """What its copy is made of. Raises a VOError where a file cannot be had."""
        hdus: dict[str, str] = {}
        classes: dict[str, str] = {}
        files: dict[str, Path] = {}
        for use in self.uses:
            hdus |= use.hdus
            classes |= use.hdu_classes
            files |= dict.fromkeys(use.hdus, local_path(use.file.path))
        assert self.product.observation is not None
        obs_id = self.product.observation.obs_id
        path = local_path(self.main.path)
        return Source(self.product.did, obs_id, path, self.main.sha256, hdus, classes, files)


def event_lists(**conditions: str) -> Iterator[EventList]:
    """The event lists in the archive."""
    products = Product.objects.filter(semantics="#this", observation__isnull=False, **conditions)
    found = products.select_related("observation").prefetch_related("files__file").order_by("pk")
    for product in found.iterator(chunk_size=200):
        uses = tuple(product.files.all())
        main = next((use.file for use in uses if "events" in use.hdus), None)
        if main is not None:
            yield EventList(product, uses, main)
