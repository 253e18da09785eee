"""The PostgreSQL role that queries run as: it may read what published tables need, and nothing else (decision 009).

It is a login role of its own, so that no SQL leads from it to the rights of the service. Its password is derived from
Django's secret key: all processes know it and nobody keeps it. `tap.engine.rolesetup` makes it.
"""

from __future__ import annotations

import logging
import math
import time
from functools import lru_cache

import psycopg
from django.conf import settings
from django.db import connections
from django.utils.crypto import salted_hmac
from psycopg.conninfo import make_conninfo

logger = logging.getLogger(__name__)

_NAMES = (
    *("dbname", "user", "password", "host", "port"),
    *("sslmode", "sslrootcert", "service", "passfile", "options"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
)
_LONGEST = 63
"""Bytes of a name in PostgreSQL."""
_LOOK_AGAIN = 60.0
"""Seconds after which a role that was missing is looked for again."""
_PRESENT = -math.inf
_absent_until: dict[tuple[str, str], float] = {}
"""When to look for a role again (`time.monotonic`), by the service's own address and the role's name."""


def role_name() -> str:
    """Roles belong to the whole cluster of databases, so the default has the name of the database in it."""
    database = str(connections["default"].settings_dict["NAME"])
    return settings.DISTILLER_TAP_ROLE or f"{database[: _LONGEST - 4]}_tap"


def password() -> str:
    return salted_hmac("tap.engine.role", role_name(), algorithm="sha256").hexdigest()


def service_address() -> str:
    """Where the service connects to, as itself."""
    # Read when it is needed: the tests switch the database after the settings have been loaded.
    given = connections["default"].get_connection_params()
    return _conninfo("", tuple((name, str(given[name])) for name in _NAMES if given.get(name)))


def role_address() -> str:
    """Where queries connect to, as their role."""
    return _conninfo(service_address(), (("user", role_name()), ("password", password())))


@lru_cache(maxsize=16)
def _conninfo(address: str, changes: tuple[tuple[str, str], ...]) -> str:
    # libpq parses and checks it, which takes a tenth of a millisecond: too much for each query.
    return make_conninfo(address, **dict(changes))


def address() -> str:
    """`role_address` if the database has the role, else `service_address`, with a complaint in the log."""
    given = connections["default"].settings_dict
    database = tuple(str(given.get(name)) for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"))
    service, role, own = _addresses(database, settings.DISTILLER_TAP_ROLE, settings.SECRET_KEY)
    return own if _is_there(service, role) else service


@lru_cache(maxsize=4)
def _addresses(database: tuple[str, ...], role: str, secret: str) -> tuple[str, str, str]:
    """The service's address, the role's name and its address, for these settings: they are needed for each query."""
    return service_address(), role_name(), role_address()


def can_log_in() -> bool:
    """Whether a connection as the role can be made."""
    try:
        psycopg.connect(role_address(), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def forget() -> None:
    """Look for the role again before the next query."""
    _absent_until.clear()


def _is_there(service: str, role: str) -> bool:
    until = _absent_until.get((service, role), 0.0)
    if until == _PRESENT or time.monotonic() < until:
        return until == _PRESENT
    with psycopg.connect(service, connect_timeout=10) as connection:
        found = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    there = found == (True,)
    if not there:
        logger.error(
            "PostgreSQL has no role %s that may log in: queries run with all rights of the service; "
            "`manage.py taprole` makes the role, or tells what has to be done",
            role,
        )
    _absent_until[service, role] = _PRESENT if there else time.monotonic() + _LOOK_AGAIN
    return there
