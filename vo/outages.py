"""Failures of the database that pass: it is away, or others hold what is needed."""

from __future__ import annotations

import sqlite3

from django.db import InterfaceError, OperationalError

AWAY = (OperationalError, InterfaceError)
"""What is raised when the database cannot be used; InterfaceError is no DatabaseError."""
_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_POSTGRESQL = ("08", "53", "57P", "55P03", "40001", "40P01")
"""Beginnings of SQLSTATE: no connection, no resources, shut down, a lock not had in time, serialisation, deadlock."""
_LOW_BYTE = 0xFF


def will_pass(error: BaseException) -> bool:
    """Whether an error of Django's has nothing to do with what was asked, so that asking again later may help."""
    return isinstance(error, AWAY) and driver_will_pass(error.__cause__)


def driver_will_pass(error: BaseException | None) -> bool:
    """The same of an OperationalError or InterfaceError of sqlite3, psycopg or ADBC."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & _LOW_BYTE in _SQLITE
    state = getattr(error, "sqlstate", None)
    return not state or str(state).startswith(_POSTGRESQL)
