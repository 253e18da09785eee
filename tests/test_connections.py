"""Connections to the database of a web process with many threads: few, and not held while an answer is sent."""

from __future__ import annotations

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from distiller.middleware import release_while_streaming
from distiller.settings.database import databases, shared_by_threads
from tap.engine.postgresql import session_address
from tap.engine.role import service_address
from tests.environment import DATABASE, SHARED
from uws import limits


def test_threads_share_connections_of_postgresql() -> None:
    config = databases("postgresql://u@h/d?sslmode=require", SHARED)["default"]
    shared = shared_by_threads(config)
    assert shared["OPTIONS"]["pool"]["max_size"] == 16
    assert shared["OPTIONS"]["sslmode"] == "require"
    assert shared["CONN_MAX_AGE"] == 0
    assert "pool" not in config["OPTIONS"]


def test_what_the_address_says_of_the_session_holds() -> None:
    config = databases("postgresql://u@h/d?options=-c%20lock_timeout%3D1s&connect_timeout=3", SHARED)["default"]
    assert config["OPTIONS"]["options"].endswith(" -c lock_timeout=1s")
    assert int(config["OPTIONS"]["connect_timeout"]) == 3


@pytest.mark.skipif(DATABASE != "postgresql", reason="SQLite's wait for its lock is limited in any case")
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_never_ends_holds_up_nobody_for_ever() -> None:
    """Its process was stopped, or its machine is gone: others fail, and in the end the server ends it."""
    with transaction.atomic():
        limits.lock("somebody")
    with psycopg.connect(service_address()) as stopped, connection.cursor() as cursor:
        stopped.execute("SELECT * FROM uws_client FOR UPDATE")
        cursor.execute("SELECT setting::int, (reset_val || unit) FROM pg_settings WHERE name = 'lock_timeout'")
        assert cursor.fetchone() == (20_000, "20000ms")
        cursor.execute("SET lock_timeout = '20ms'")
        try:
            with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
                limits.lock("somebody")
        finally:
            cursor.execute("RESET lock_timeout")
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1h",)
    with psycopg.connect(session_address(service_address())) as query:
        assert query.execute("SHOW lock_timeout").fetchone() == ("0",)
        assert "tcp_user_timeout=120000" in query.info.dsn


def test_threads_keep_the_file_of_sqlite_open() -> None:
    config = databases("", SHARED)["default"]
    shared = shared_by_threads(config)
    assert shared["CONN_MAX_AGE"] > 0
    assert {**shared, "CONN_MAX_AGE": None} == {**config, "CONN_MAX_AGE": None}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("response", "held"), [(HttpResponse("all"), True), (StreamingHttpResponse(iter([b"much"])), False)]
)
def test_a_long_answer_holds_no_connection(response: HttpResponseBase, held: bool) -> None:
    """Its reader may be slow, and the connection is somebody else's meanwhile."""

    def view(request: object) -> HttpResponseBase:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return response

    release_while_streaming(view)(RequestFactory().get("/"))
    assert (connection.connection is not None) is held
