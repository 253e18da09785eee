"""Database connections of a process that forks: the fork must neither use nor close what its parent goes on using.

A connection to PostgreSQL is a socket, which the fork has replaced by /dev/null (`uws.child`) and the parent keeps: to
connect anew for every job would cost as much as all its statements. SQLite keeps its locks by process and file in
memory that the fork would have a copy of, so that its connections are closed before.
"""

from __future__ import annotations

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_of_parent: list[BaseDatabaseWrapper] = []
"""Never used, and never finalised: that would close them."""


def prepare() -> None:
    """Called before a fork: close the connections that cannot be kept."""
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "postgresql":
            connection.close()


def forget() -> None:
    """Called in the fork, once it has no file of the parent any more: whoever asks gets a connection of its own."""
    for connection in connections.all(initialized_only=True):
        _of_parent.append(connection)
        del connections[connection.alias]
