"""Parameters of /tap/sync that are wrong, missing, given twice, or none of ours."""

from __future__ import annotations

import io
from typing import Any

import pytest
from astropy.io.votable import parse
from django.test import Client

from tests.tap.queries import ScriptedQuery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): ScriptedQuery())


def told(response: Any) -> str:
    """The message of a DALI error document (DALI 1.1 section 4.4)."""
    assert response["Content-Type"] == "application/x-votable+xml"
    info = parse(io.BytesIO(response.content), verify="exception").resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    return str(info.content)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "QUERY is missing"),
        ({"LANG": "ADQL"}, "QUERY is missing"),
        ({"QUERY": "  "}, "QUERY is missing"),
        ({"QUERY": "1", "LANG": "PQL"}, "LANG 'PQL' is not spoken here"),
        ({"QUERY": "1", "MAXREC": "many"}, "MAXREC: 'many' is not an integer"),
        ({"QUERY": "1", "MAXREC": "-1"}, "MAXREC: must not be negative"),
        ({"QUERY": "1", "RESPONSEFORMAT": "image/gif"}, "format 'image/gif' is not offered"),
        ({"QUERY": ["1", "2"]}, "QUERY may be given once"),
        ({"QUERY": "1", "MAXREC": ["1", "1"]}, "MAXREC may be given once"),
        ({"QUERY": "1", "RUNID": "x" * 65}, "RUNID: must not be longer"),
        ({"QUERY": "1", "UPLOAD": "t,http://127.0.0.1/t"}, "is no public host"),
        ({"QUERY": "1", "UPLOAD": "t,param:t"}, "no part named 't' was sent"),
    ],
)
def test_refused(client: Client, parameters: dict[str, Any], message: str) -> None:
    """TAP 1.1 sections 2.7, 3.3 (TAP-13, 14, 16, 19, 22, 60): told in an error document, status 400."""
    for response in (client.get("/tap/sync", parameters), client.post("/tap/sync", parameters)):
        assert response.status_code == 400
        assert message in told(response)


@pytest.mark.parametrize(
    "parameters",
    [
        {"REQUEST": "doQuery", "VERSION": "1.0"},
        {"LANG": "ADQL-2.0"},
        {"LANG": "ADQL-2.1"},
        {"lang": "ADQL", "nonsense": ["1", "2"]},
        {"MAXREC": "20000000"},
        {"FORMAT": "votable", "RESPONSEFORMAT": "votable/td"},
    ],
)
def test_taken(client: Client, parameters: dict[str, Any]) -> None:
    """TAP 1.1 section 2.7 (TAP-10, 13, 15, 19, 20): what old and new clients send is taken."""
    for url in ("/tap/sync", "/tap/sync/"):
        assert client.get(url, {"QUERY": "1", **parameters}).status_code == 200
        assert client.post(url, {"query": "1", **parameters}).status_code == 200
        assert client.post(url, "query=1", content_type="application/x-www-form-urlencoded").status_code == 200


@pytest.mark.parametrize(
    ("asked", "content_type", "start"),
    [
        (None, "application/x-votable+xml", b"<?xml"),
        ("text/xml", "text/xml", b"<?xml"),
        (
            "application/x-votable+xml;serialization=TABLEDATA",
            "application/x-votable+xml;serialization=tabledata",
            b"<?xml",
        ),
        ("text/csv", "text/csv;header=present", b"n,name\r\n"),
        ("tsv", "text/tab-separated-values", b"n\tname\n"),
    ],
)
def test_format(client: Client, asked: str | None, content_type: str, start: bytes) -> None:
    """TAP 1.1 section 2.7.3, DALI 1.1 section 3.4.3 (DALI-31)."""
    response = client.get("/tap/sync", {"QUERY": "1", **({"RESPONSEFORMAT": asked} if asked else {})})
    assert response["Content-Type"] == content_type
    assert response.getvalue().startswith(start)


def test_error_of_a_csv_request_is_plain_text(client: Client) -> None:
    """DALI 1.1 section 4.2: VOTable where it was asked for or nothing was, else text/plain."""
    response = client.get("/tap/sync", {"FORMAT": "csv"})
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert response.content.startswith(b"QUERY is missing")


def test_other_methods_and_bodies(client: Client) -> None:
    assert client.put("/tap/sync").status_code == 405
    assert client.delete("/tap/sync").status_code == 405
    response = client.post("/tap/sync", {"QUERY": "1"}, content_type="application/json")
    assert response.status_code == 400
    assert "application/json" in told(response)


def test_post_needs_no_csrf_token() -> None:
    """Scripts have none, and a query changes nothing."""
    assert Client(enforce_csrf_checks=True).post("/tap/sync", {"QUERY": "1"}).status_code == 200
