"""Index rows and responses of event lists that are in the archive already, from their stored files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from archive.gadf.indexing import index
from archive.models import Product
from archive.readers.records import ObservationRecord, Refused
from archive.rereading import read_again

_EVENT_LISTS = ("event-bundle", "event-list")


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What became of one event list; `problem` is empty if all went well."""

    did: str
    problem: str = ""


def reindex(*, everything: bool = False) -> Iterator[Reindexed]:
    """Make the rows of event lists that have none, or of all; each in a transaction of its own."""
    products = Product.objects.filter(semantics="#this", subtype__in=_EVENT_LISTS, observation__isnull=False)
    if not everything:
        products = products.filter(hdus=None)
    for key in list(products.order_by("pk").values_list("pk", flat=True)):
        product = Product.objects.select_related("release__collection", "observation", "obscore").get(pk=key)
        try:
            _reindex(product)
        except Refused as refusal:
            yield Reindexed(product.did, refusal.reason)
        else:
            yield Reindexed(product.did)


def _reindex(product: Product) -> None:
    again = read_again(product)
    if not isinstance(again.record, ObservationRecord):
        raise Refused("it is no event list")
    released = product.obscore.obs_release_date or datetime.now(UTC)
    with transaction.atomic():
        index(product, again.record, again.files, released)
