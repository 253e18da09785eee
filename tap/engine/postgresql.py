"""Sessions for queries on PostgreSQL: read-only, set up when they are opened. The database's errors in our words."""

from __future__ import annotations

from functools import lru_cache

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tap.engine.faults import MESSAGES, OWN_SQLSTATE, SQLSTATES, STOPPED, TookTooLong
from vo.errors import TransientFault, UsageFault

SESSION = {
    "default_transaction_read_only": "on",
    "timezone": "UTC",
    # A table that is being altered makes a query wait: within the time that it has (`tap.engine.watch`).
    "lock_timeout": "0",
    # A statement ends within 500 ms of the process that asked for it, even if that was killed.
    "client_connection_check_interval": "500",
    # What is quick depends on the values: how large a circle is, how many rows have a word.
    "plan_cache_mode": "force_custom_plan",
}
_CANCELLED = "57014"


@lru_cache(maxsize=16)
def session_address(address: str) -> str:
    """The libpq connection string of sessions for queries at that address."""
    given = str(conninfo_to_dict(address).get("options") or "")
    options = " ".join([given, *(f"-c {name}={value}" for name, value in SESSION.items())])
    return make_conninfo(address, options=options.strip(), connect_timeout="10")


def raise_told(sqlstate: str, message: str | None, timeout: float, *, timed_out: bool) -> None:
    """Raise the error of the database in our words, if it is the user's or a cancellation."""
    if sqlstate == OWN_SQLSTATE:
        raise UsageFault(message or MESSAGES["range"]) from None
    if sqlstate in SQLSTATES:
        raise UsageFault(MESSAGES[SQLSTATES[sqlstate]]) from None
    if sqlstate == _CANCELLED:
        raise (TookTooLong.after(timeout) if timed_out else TransientFault(STOPPED)) from None
