"""How many rows the published tables have, about: for clients that show it, and choose by it how to ask."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.cache import cache
from django.db import connection

from tap.registry import tables

_SECONDS = 600
"""So long they are kept."""
_COUNTED = 1_000_000
"""Rows that are counted where the database keeps no estimate; larger tables are then told without a size."""


def sizes() -> Mapping[str, int]:
    """Rows by name of the published table, as far as they are known at little cost (VODataService 1.2, `nrows`)."""
    kept = cache.get("tap.sizes")
    if not isinstance(kept, dict):
        kept = measured()
        cache.set("tap.sizes", kept, _SECONDS)
    return kept


def measured() -> dict[str, int]:
    """The same as it is now: the estimates by which PostgreSQL plans queries, else counts."""
    names = {table.meta.name: table.sql_name for table in tables()}
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Negative: nobody has looked at the table yet.
            cursor.execute(
                "SELECT relname, reltuples FROM pg_class "
                "WHERE relname = ANY(%s) AND reltuples >= 0 AND pg_table_is_visible(oid)",
                [list(names.values())],
            )
            found = {name: int(rows) for name, rows in cursor.fetchall()}
        for sql_name in set(names.values()) - found.keys():
            table = connection.ops.quote_name(sql_name)
            cursor.execute(f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {_COUNTED + 1}) AS counted")  # noqa: S608
            (rows,) = cursor.fetchone()
            if rows <= _COUNTED:
                found[sql_name] = rows
    return {name: found[sql_name] for name, sql_name in names.items() if sql_name in found}
