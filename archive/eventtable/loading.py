"""Writes the events of an observation into the tables of `gadf.events`, and removes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from django.db import connection

from archive.eventtable.cells import box, divide
from archive.eventtable.columns import BOX
from archive.eventtable.tables import Event, EventCell
from archive.models import ObsCore
from archive.readers.records import EventColumns

_TABLE = Event._meta.db_table
_FIELDS = (
    ("cell_id", ">i4"), ("number", ">i2"), ("event_id", ">i8"), ("mjd", ">f8"), ("ra", ">f8"), ("dec", ">f8"),
    ("energy", ">f8"), ("event_type", ">i8"),
)  # fmt: skip
"""Columns and their binary form in COPY (PostgreSQL, "COPY", binary format)."""
_NAMES = ", ".join(f'"{name}"' for name, _ in _FIELDS)
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.pack(">h", -1)


def load(obscore: ObsCore, events: EventColumns) -> int:
    """Write the events of an event list, which has none yet; their number. To be called in a transaction."""
    groups = [group[np.argsort(events.mjd[group], kind="stable")] for group in divide(events.ra, events.dec)]
    if not groups:
        return 0
    cells = EventCell.objects.bulk_create(
        EventCell(obscore=obscore, **dict(zip(BOX, box(events.ra[group], events.dec[group]), strict=True)))
        for group in groups
    )
    sizes = [group.size for group in groups]
    order = np.concatenate(groups)
    columns = {
        "cell_id": np.repeat([cell.pk for cell in cells], sizes),
        "number": np.concatenate([np.arange(size) for size in sizes]),
        **{name: getattr(events, name)[order] for name in ("event_id", "mjd", "ra", "dec", "energy")},
    }
    if events.event_type is not None:
        columns["event_type"] = events.event_type[order]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(f"COPY {_TABLE} ({_NAMES}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_HEADER + _packed(columns) + _TRAILER)
    else:
        marks = ", ".join(["%s"] * len(_FIELDS))
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {_TABLE} ({_NAMES}) VALUES ({marks})", list(_rows(columns)))  # noqa: S608
    return order.size


def unload(obscore: ObsCore) -> None:
    """Remove the events of an event list."""
    obscore.event_cells.all().delete()


def _packed(columns: dict[str, np.ndarray]) -> bytes:
    """Rows for COPY: the number of fields, and before each field its length in bytes, -1 for NULL."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in _FIELDS:
        layout.append((f"{name}_length", ">i4"))
        if name in columns:
            layout.append((name, kind))
    rows = np.empty(len(columns["cell_id"]), dtype=layout)
    rows["fields"] = len(_FIELDS)
    for name, kind in _FIELDS:
        rows[f"{name}_length"] = np.dtype(kind).itemsize if name in columns else -1
        if name in columns:
            rows[name] = columns[name]
    return rows.tobytes()


def _rows(columns: dict[str, np.ndarray]) -> Iterator[tuple[int | float | None, ...]]:
    count = len(columns["cell_id"])
    return zip(*(columns[name].tolist() if name in columns else [None] * count for name, _ in _FIELDS), strict=True)
