"""Anonymous requests in the lane are answered as Django answers them with all its middleware; others are not in it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse

from distiller.lane import with_lane
from vo.lane import Lane

FORM = "application/x-www-form-urlencoded"
QUERY = "SELECT ra, name FROM test.sky"
Answer = tuple[str, set[tuple[str, str]], bytes]


def environ(method: str, query: dict[str, str], **more: Any) -> WSGIEnvironment:
    text = urlencode(query)
    body = text.encode() if method == "POST" else b""
    given: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/tap/sync",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "" if method == "POST" else text,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }
    if method == "POST":
        given |= {"CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body))}
    return given | more


def ask(application: Any, request: WSGIEnvironment) -> Answer:
    """Status, headers and body."""
    told: list[tuple[str, set[tuple[str, str]]]] = []

    def start_response(status: str, headers: Iterable[tuple[str, str]], *rest: Any) -> Any:
        assert len({name.lower() for name, _ in headers}) == len(list(headers))
        told.append((status, set(headers)))

    answer = application(request, start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return *told[0], body


def elsewhere(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"the usual way"]


ASKED = {
    "CSV": {"QUERY": QUERY, "FORMAT": "csv"},
    "VOTable": {"QUERY": QUERY},
    "many": {"QUERY": "SELECT a.ra, b.name FROM test.sky AS a, test.sky AS b, test.sky AS c", "FORMAT": "csv"},
    "a mistake": {"QUERY": "SELECT nothing FROM test.sky"},
    "a mistake in CSV": {"QUERY": "SELECT nothing FROM test.sky", "FORMAT": "csv"},
    "no query": {"LANG": "ADQL"},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sky")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ASKED)
def test_the_answer_is_the_same(method: str, name: str) -> None:
    django = get_wsgi_application()
    expected = ask(django, environ(method, ASKED[name]))
    found = ask(with_lane(elsewhere), environ(method, ASKED[name]))
    assert found == expected
    assert found[2]


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_COOKIE": "sessionid=x"},
        {"HTTP_AUTHORIZATION": "Basic x"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"SCRIPT_NAME": "/archive"},
        {"PATH_INFO": "/tap/tables"},
        {"REQUEST_METHOD": "HEAD"},
        {"REQUEST_METHOD": "DELETE"},
        {"CONTENT_TYPE": "multipart/form-data; boundary=x"},
        {"CONTENT_LENGTH": ""},
    ],
    ids=str,
)
def test_others_go_the_usual_way(more: dict[str, str]) -> None:
    """Credentials, uploads and all that is out of the ordinary."""
    assert ask(with_lane(elsewhere), environ("POST", {"QUERY": QUERY}, **more))[2] == b"the usual way"


@pytest.mark.django_db
def test_requests_are_anonymous_and_answers_closed() -> None:
    closed = []

    def pieces() -> Iterable[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    def view(request: Any) -> Any:
        assert not request.user.is_authenticated
        return StreamingHttpResponse(pieces()) if request.method == "GET" else HttpResponse(b"whole")

    lane = Lane(elsewhere, {"/tap/sync": view}, [("X-Test", "1")])
    status, headers, body = ask(lane, environ("POST", {}, CONTENT_LENGTH="0"))
    assert (status, body) == ("200 OK", b"whole")
    assert {("X-Test", "1"), ("Content-Length", "5")} <= headers
    assert ask(lane, environ("GET", {}))[2] == b"ab"
    assert closed == [True]
