"""Sessions for queries on PostgreSQL: read-only, set up when they are opened. The database's errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

from tap.engine.faults import MESSAGES, OWN_SQLSTATE, SQLSTATES, STOPPED, took_too_long
from vo.errors import TransientFault, UsageFault

SESSION = {
    "default_transaction_read_only": "on",
    "timezone": "UTC",
    # A statement ends within 500 ms of the process that asked for it, even if that was killed.
    "client_connection_check_interval": "500",
}
_CANCELLED = "57014"


_addresses: dict[str, str] = {}


def session_address(settings: Mapping[str, Any], parameters: Callable[[], Mapping[str, Any]]) -> str:
    """The libpq connection string of sessions for queries, from Django's settings and parameters of the connection."""
    key = repr([settings.get(name) for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")])
    if key not in _addresses:
        _addresses[key] = _address(parameters())
    return _addresses[key]


def _address(given: Mapping[str, Any]) -> str:
    names = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "service", "passfile")
    options = [str(given.get("options") or ""), *(f"-c {name}={value}" for name, value in SESSION.items())]
    known = {name: str(given[name]) for name in names if given.get(name)}
    return make_conninfo("", **known, options=" ".join(options).strip(), connect_timeout="10")


def raise_told(sqlstate: str, message: str | None, timeout: float, *, timed_out: bool) -> None:
    """Raise the error of the database in our words, if it is the user's or a cancellation."""
    if sqlstate == OWN_SQLSTATE:
        raise UsageFault(message or MESSAGES["range"]) from None
    if sqlstate in SQLSTATES:
        raise UsageFault(MESSAGES[SQLSTATES[sqlstate]]) from None
    if sqlstate == _CANCELLED:
        raise TransientFault(took_too_long(timeout) if timed_out else STOPPED) from None
