"""Formats that rooms above make: asked for like any other, told in the capabilities, errors with their status."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from django.test import Client

from tap import outputs
from tap.outputs import Answer, Output
from tests.tap.queries import ScriptedQuery
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db
KIND, MEDIA_TYPE = "count", "text/x-count;of=rows"


def make(answer: Answer) -> Generator[bytes]:
    """How many rows there are, and whether that is all."""
    rows = sum(batch.num_rows for batch in answer.rows)
    if rows == 0:
        raise UsageFault("there is nothing to count")
    return _pieces(f"{rows} {answer.rows.overflow} {answer.async_url}\n")


def _pieces(text: str) -> Generator[bytes]:
    yield text.encode()
    yield b"end\n"


@pytest.fixture
def query(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ScriptedQuery], None]]:
    outputs.register(Output(KIND, MEDIA_TYPE, "count.txt", make))
    yield lambda query: monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): query)
    outputs.unregister(KIND)


@pytest.mark.parametrize("asked", [KIND, "COUNT", MEDIA_TYPE, "text/x-count; of=rows"])
def test_a_registered_format(client: Client, query: Callable[..., None], asked: str) -> None:
    """DALI 1.1 section 3.4.3; the statement is closed before the document is sent."""
    scripted = ScriptedQuery(batches=3, size=10)
    query(scripted)
    response = client.get("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL", "RESPONSEFORMAT": asked, "MAXREC": 20})
    assert (response.status_code, response["Content-Type"]) == (200, MEDIA_TYPE)
    assert response.content == b"20 True http://testserver/tap/async\nend\n"
    assert response["Content-Disposition"] == 'attachment; filename="count.txt"'
    assert (scripted.opened, scripted.closed) == (1, 1)


def test_an_error_has_its_status(client: Client, query: Callable[..., None]) -> None:
    """TAP 1.1 section 3.3."""
    query(ScriptedQuery(batches=0))
    response = client.get("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL", "RESPONSEFORMAT": KIND})
    assert (response.status_code, response["Content-Type"]) == (400, "application/x-votable+xml")
    assert b"there is nothing to count" in response.content


def test_it_is_declared(client: Client, query: Callable[..., None]) -> None:
    """TAPRegExt 1.0 section 2.4."""
    declared = f"<outputFormat><mime>{MEDIA_TYPE}</mime><alias>{KIND}</alias></outputFormat>".encode()
    assert declared in client.get("/tap/capabilities").content


def test_others_are_told_of_it(client: Client, query: Callable[..., None]) -> None:
    response: Any = client.get("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL", "RESPONSEFORMAT": "gif"})
    assert response.status_code == 400
    assert KIND in response.content.decode()


def test_two_of_a_kind() -> None:
    outputs.register(output := Output("twice", "text/x", "x", make))
    try:
        outputs.register(output)
        with pytest.raises(ValueError, match="registered twice"):
            outputs.register(Output("twice", "text/y", "x", make))
    finally:
        outputs.unregister("twice")
