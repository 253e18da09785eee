"""Errors of endpoints in the client's form."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Generator

import psycopg
import pytest
from astropy.io.votable import parse
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from vo.errors import AuthenticationFault, AuthorizationFault, NotFoundFault, TransientFault, UsageFault
from vo.http import (
    ErrorForm,
    base_url,
    datalink_errors,
    soda_errors,
    streamed,
    text_errors,
    vo_endpoint,
    votable_errors,
)
from vo.rest import json_errors


def answer(error: Exception, form: ErrorForm = votable_errors, method: str = "GET") -> HttpResponse:
    """What a client gets from an endpoint that raises this."""

    @vo_endpoint(errors=form)
    def view(request: HttpRequest) -> HttpResponseBase:
        raise error

    response = view(RequestFactory().generic(method, "/x"))
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UsageFault("bad <QUERY>"), 400, "bad <QUERY>"),
        (AuthenticationFault("who are you"), 401, "who are you"),
        (AuthorizationFault("no"), 403, "no"),
        (PermissionDenied(), 403, "not allowed"),
        (NotFoundFault("no such table"), 404, "no such table"),
        (Http404("gone"), 404, "gone"),
        (TransientFault("later"), 503, "later"),
        (SuspiciousOperation("x"), 400, "cannot be read"),
    ],
)
def test_error_votable(error: Exception, status: int, message: str) -> None:
    """DALI 1.1 section 4.2: an error document with a fitting status, never a page."""
    response = answer(error)
    assert (response.status_code, response["Content-Type"]) == (status, "application/x-votable+xml")
    info = parse(io.BytesIO(response.content), verify="exception").resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    assert message in info.content


def test_defect_is_told_by_reference_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A client never sees a traceback; the log finds it by the reference."""
    response = answer(ZeroDivisionError("secret"))
    text = response.content.decode()
    reference = text.partition("internal error, reference ")[2][:8]
    assert response.status_code == 500
    assert "secret" not in text
    assert reference in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


def raised(cause: Exception, kind: type[Exception] = OperationalError) -> Exception:
    """As Django raises it for what the database's driver has raised."""
    error = kind("secret")
    error.__cause__ = cause
    return error


def of_sqlite(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("secret")
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (raised(psycopg.OperationalError("connection refused")), 503),
        (raised(psycopg.errors.AdminShutdown()), 503),
        (raised(psycopg.errors.LockNotAvailable()), 503),
        (raised(psycopg.errors.DeadlockDetected()), 503),
        (raised(psycopg.errors.TooManyConnections()), 503),
        (raised(psycopg.InterfaceError("the connection is closed"), InterfaceError), 503),
        (raised(of_sqlite("SQLITE_BUSY")), 503),
        (raised(of_sqlite("SQLITE_BUSY_SNAPSHOT")), 503),
        (raised(of_sqlite("SQLITE_ERROR")), 500),
        (raised(sqlite3.OperationalError("no such table")), 500),
        (raised(psycopg.errors.UndefinedTable(), ProgrammingError), 500),
        (raised(psycopg.errors.QueryCanceled()), 500),
    ],
)
def test_a_database_that_is_away_or_busy(error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """The client may try again; what the database said is in the log alone. The JSON interface tells the same."""
    response = answer(error)
    assert response.status_code == status
    assert ("Retry-After" in response) is (status == 503)
    assert "secret" not in response.content.decode()
    assert "secret" in caplog.text
    told = json_errors(error, {})
    assert ("Retry-After" in told) is (status == 503)
    assert (told.status_code, told.data["error"]) == (status, "TransientFault" if status == 503 else "FatalFault")


def test_headers_of_errors() -> None:
    assert "Basic" in answer(AuthenticationFault("x"))["WWW-Authenticate"]
    assert int(answer(TransientFault("x"))["Retry-After"]) > 0
    response = answer(UsageFault("x"), method="PUT")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("form", "error", "text"),
    [
        (datalink_errors, UsageFault("x"), ">UsageFault: x<"),
        (datalink_errors, ZeroDivisionError(), ">FatalFault: internal error"),
        (text_errors, NotFoundFault("x"), "x\n"),
        (soda_errors, UsageFault("x"), "UsageError: x\n"),
        (soda_errors, AuthorizationFault("x"), "AuthorizationError: x\n"),
        (soda_errors, TransientFault("x"), "ServiceUnavailable: x\n"),
        (soda_errors, ZeroDivisionError(), "Error: internal error"),
    ],
)
def test_other_forms(form: ErrorForm, error: Exception, text: str) -> None:
    """DataLink 1.1 section 3.4, SODA 1.0 section 5.2: labels before the message; SODA in plain text."""
    assert text in answer(error, form).content.decode()


def test_base_url(settings: pytest.FixtureRequest) -> None:
    request = RequestFactory().get("/tap/sync", headers={"host": "127.0.0.1:8000"})
    assert base_url(request) == "http://127.0.0.1:8000"
    settings.DISTILLER_BASE_URL = "https://archive.example/d"  # type: ignore[attr-defined]
    assert base_url(request) == "https://archive.example/d"


def pieces(*sizes: int) -> Generator[bytes]:
    for size in sizes:
        yield b"x" * size


@pytest.mark.parametrize("sizes", [(), (10,), (10, 0, 10)])
def test_small_answers_have_a_length(sizes: tuple[int, ...]) -> None:
    """DALI 1.1 section 4.1: Content-Length where it is known."""
    response = streamed(pieces(*sizes), "text/plain")
    assert isinstance(response, HttpResponse)
    assert len(response.content) == sum(sizes)


@pytest.mark.parametrize("sizes", [(10**5, 10), (10, 10, 10**5)])
def test_longer_answers_are_streamed_whole(sizes: tuple[int, ...]) -> None:
    response = streamed(pieces(*sizes), "text/plain")
    assert isinstance(response, StreamingHttpResponse)
    assert len(b"".join(response)) == sum(sizes)
    assert "Content-Length" not in response
    assert streamed(pieces(*sizes), "text/plain", sum(sizes))["Content-Length"] == str(sum(sizes))


@pytest.mark.django_db  # closing a response closes connections
@pytest.mark.parametrize("read", [0, 1, 2])
def test_client_that_goes_away_ends_the_generator(read: int) -> None:
    """Closing the response closes the generator, whether or not a piece was sent."""
    closed = []

    def endless() -> Generator[bytes]:
        try:
            while True:
                yield b"x" * 10**5
        finally:
            closed.append(True)

    response = streamed(endless(), "text/plain")
    assert isinstance(response, StreamingHttpResponse)
    sent = iter(response)
    for _ in range(read):
        next(sent)
    response.close()
    assert closed == [True]
