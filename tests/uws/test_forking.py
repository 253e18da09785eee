"""Database connections over a fork: the parent's stay its own, and the fork gets others."""

from __future__ import annotations

import os

import pytest
from django.db import connection

from uws import forking
from uws.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    """The process of PostgreSQL that serves this connection; 0 for SQLite, which has none."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_connections_over_a_fork() -> None:
    """That to PostgreSQL is kept by the parent, one to SQLite closed before; what the fork asks does not reach it."""
    before = backend()
    Job.objects.exists()
    forking.prepare()
    assert (connection.connection is None) == (connection.vendor == "sqlite")
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            forking.forget()
            told = f"{backend()} {Job.objects.exists()}"
            connection.close()
            os.write(writing, told.encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    number, found = os.read(reading, 100).decode().split()
    os.close(reading)
    os.close(writing)
    assert found == "False"
    assert backend() == before
    assert int(number) != before or before == 0
