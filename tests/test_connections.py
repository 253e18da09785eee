"""Connections to the database of a web process with many threads: few, and not held while an answer is sent."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from distiller.middleware import release_while_streaming
from distiller.settings.database import databases, shared_by_threads
from tests.environment import SHARED


def test_threads_share_connections_of_postgresql() -> None:
    config = databases("postgresql://u@h/d?sslmode=require", SHARED)["default"]
    shared = shared_by_threads(config)
    assert shared["OPTIONS"]["pool"]["max_size"] == 16
    assert shared["OPTIONS"]["sslmode"] == "require"
    assert shared["CONN_MAX_AGE"] == 0
    assert "pool" not in config["OPTIONS"]


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
