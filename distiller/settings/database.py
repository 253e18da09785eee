"""The database from DATABASE_URL: SQLite embedded by default, PostgreSQL where people share it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url

WEB_CONNECTIONS = 16
"""Connections that the threads of a web process share; queries of TAP have others (`DISTILLER_TAP_STATEMENTS`)."""

LOCK_PATIENCE = 20
"""Seconds that a statement waits for what another transaction has locked; then it fails."""
_SILENCE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}
"""After two minutes of silence the other machine is taken to be gone; the systems' own rule is two hours."""
_SESSION = {
    "lock_timeout": f"{LOCK_PATIENCE}s",
    # What a process that was stopped, or hangs, has locked is free again then. An ingest copies large files meanwhile.
    "idle_in_transaction_session_timeout": "1h",
    **{f"tcp_{name}": value for name, value in _SILENCE.items()},
}
_CONNECTION = {"connect_timeout": 10, "tcp_user_timeout": 120_000, **_SILENCE}


def databases(url: str, home: Path) -> dict[str, dict[str, Any]]:
    """Django's DATABASES for that URL."""
    config: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{home / 'distiller.sqlite3'}"))
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # Many processes write: readers must not block, and a writer must queue rather than fail on lock upgrade.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": LOCK_PATIENCE,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }
    else:
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
        given = config.get("OPTIONS", {})
        session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
        options = f"{session} {given.get('options', '')}".strip()
        config["OPTIONS"] = {**_CONNECTION, **given, "options": options}
    return {"default": config}


def shared_by_threads(config: dict[str, Any]) -> dict[str, Any]:
    """The same database for a process of many threads: on PostgreSQL they share a few connections (decision 010).

    To open SQLite's file takes more time than to look something up in it, so that a thread keeps it open for a while.

    Not for a process that forks: the connections are served by threads, which a fork does not have.
    """
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return {**config, "CONN_MAX_AGE": 60}
    pool = {"min_size": 1, "max_size": WEB_CONNECTIONS, "timeout": 10}
    return {**config, "CONN_MAX_AGE": 0, "OPTIONS": {**config.get("OPTIONS", {}), "pool": pool}}
