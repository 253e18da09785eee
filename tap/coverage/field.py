"""The database column of a time coverage."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from tap.coverage.sqlite import pack, unpack
from vo.tmoc import Ranges


class CoverageField(models.Field):
    """Half-open intervals in microseconds (`vo.tmoc.Ranges`): `int8multirange` on PostgreSQL, a BLOB on SQLite."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "int8multirange" if connection.vendor == "postgresql" else "BLOB"

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        return "%s::int8multirange" if connection.vendor == "postgresql" else "%s"

    def get_db_prep_value(self, value: Ranges | None, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        return multirange_text(value) if connection.vendor == "postgresql" else pack(value)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Ranges | None:
        if value is None:
            return None
        if connection.vendor == "postgresql":
            return tuple((part.lower, part.upper) for part in value)
        return unpack(value)


def multirange_text(ranges: Ranges) -> str:
    """How PostgreSQL writes a multirange."""
    return "{" + ",".join(f"[{start},{stop})" for start, stop in ranges) + "}"
