"""Which event lists are in `gadf.events`, and taking in those that are in the archive already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.conf import settings
from django.db import transaction

from archive.eventtable.loading import load, unload
from archive.eventtable.tables import EventCell
from archive.models import ObsCore
from archive.policy import POLICY
from archive.readers.records import EventColumns, ObservationRecord, Refused
from archive.rereading import read_again
from tap.registry import ANONYMOUS


def is_wanted(row: ObsCore) -> bool:
    """Whether the events of a list shall be in the table: public ones of `DISTILLER_EVENT_COLLECTIONS`."""
    named = any(fnmatchcase(row.obs_collection, pattern) for pattern in settings.DISTILLER_EVENT_COLLECTIONS)
    return named and POLICY.may_read(row.product, ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of an event list: events that are in the table now, None where there are none to be had."""

    did: str
    events: int | None
    reason: str = ""


def fill(*, refresh: bool = False) -> Iterator[Filled]:
    """Make the table hold what it should: take in what is missing, remove what is not wanted, one list at a time.

    `refresh` reads all lists again.
    """
    present = set(EventCell.objects.order_by().values_list("obscore_id", flat=True).distinct())
    lists = ObsCore.objects.filter(dataproduct_type="event").select_related("product__observation").order_by("pk")
    for row in lists:
        if not is_wanted(row):
            if row.pk in present:
                unload(row)
                yield Filled(row.obs_publisher_did, 0)
        elif refresh or row.pk not in present:
            yield _replaced(row)


def _replaced(row: ObsCore) -> Filled:
    try:
        events = stored_events(row)
    except Refused as refusal:
        return Filled(row.obs_publisher_did, None, refusal.reason)
    with transaction.atomic():
        unload(row)
        return Filled(row.obs_publisher_did, load(row, events))


def stored_events(row: ObsCore) -> EventColumns:
    """The events of a stored event list. `Refused` if they cannot be read."""
    record = read_again(row.product).record
    if not isinstance(record, ObservationRecord):
        raise Refused("it is no event list")
    return record.events
