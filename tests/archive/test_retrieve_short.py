"""The short way of retrieval gives the answers that Django gives, and holds to what anybody may read."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import Error, close_old_connections

from archive.identifiers import make_did
from archive.models import ProductFile
from archive.policy import POLICY
from archive.retrieval import renewing, views
from archive.retrieval.remembered import FRESH, LASTING, Remembered, Stale
from archive.store import local_path
from distiller import shortway
from distiller.lane import HEADERS, with_lane
from distiller.shortway import ShortWay

pytestmark = pytest.mark.django_db

MODIFIED = "Mon, 01 Jan 2001 00:00:00 GMT"
ASKED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "whole": ({}, {}),
    "gzip": ({}, {"Accept-Encoding": "gzip"}),
    "as kept": ({"STORED": "true"}, {"Accept-Encoding": "gzip"}),
    "by name": ({"FILE": "demo_001001.fits"}, {}),
    "range": ({}, {"Range": "bytes=100-299"}),
    "packed range": ({}, {"Range": "bytes=100-", "Accept-Encoding": "gzip"}),
    "end": ({}, {"Range": "bytes=-5"}),
    "beyond the end": ({}, {"Range": "bytes=999999999-"}),
    "two ranges": ({}, {"Range": "bytes=0-1,5-6"}),
    "range of another version": ({}, {"Range": "bytes=0-9", "If-Range": '"other"'}),
    "range of an old version": ({}, {"Range": "bytes=0-9", "If-Range": MODIFIED}),
    "known": ({}, {"If-None-Match": "*"}),
    "another known": ({}, {"If-None-Match": '"other"'}),
    "unmodified": ({}, {"If-Modified-Since": "Fri, 31 Dec 2100 00:00:00 GMT"}),
    "modified": ({}, {"If-Modified-Since": MODIFIED}),
}


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The end of a request does not end the test's transaction, as Django's own client sees to."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Answered:
    """Status, headers and body of an answer; the fields that the server adds itself are left out."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = {(name, value) for name, value in headers if name not in ("Server", "Date", "Connection")}
        assert len({name.lower() for name, _ in headers}) == len(headers)

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"{self.status} {sorted(self.headers)} {self.body[:50]!r}"


@pytest.fixture
def did(demo_archive: str) -> str:
    return make_did(demo_archive, "r1", "1001")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remembered(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Remembered:
    """An empty memory, which the view uses; all files are in that of the machine."""
    memory = Remembered(clock=clock)
    monkeypatch.setattr(views, "REMEMBERED", memory)
    monkeypatch.setattr(shortway, "_in_memory", lambda file, position: True)
    return memory


@pytest.fixture
def short_way(remembered: Remembered) -> ShortWay:
    return ShortWay(HEADERS, remembered)


@pytest.fixture(params=["", "/stored/"], ids=["alone", "behind nginx"])
def front(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    settings.DISTILLER_ACCEL_PREFIX = request.param
    return


def ask(application: Any, parameters: dict[str, str], fields: dict[str, str], **more: str) -> Answered:
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/retrieve",
        "SCRIPT_NAME": "",
        "QUERY_STRING": urlencode(parameters),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in fields.items()},
        **more,
    }
    answer = application(environ, lambda *status_and_headers: told.append(status_and_headers))
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return Answered(*told[0], body)


def head(parameters: dict[str, str], fields: dict[str, str]) -> bytes:
    lines = [f"GET /retrieve?{urlencode(parameters)} HTTP/1.1", "Host: 127.0.0.1"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()


def shortly(short_way: ShortWay, parameters: dict[str, str], fields: dict[str, str]) -> Answered | None:
    """The answer of the short way, as it would come."""
    ready = short_way(head(parameters, fields))
    if ready is None:
        return None
    assert ready.read == len(head(parameters, fields))
    begin, _, body = ready.head.partition(b"\r\n\r\n")
    if ready.file is not None:
        body += os.pread(ready.file, ready.length, ready.start)
    ready.close()
    status, *lines = begin.decode().split("\r\n")
    version, _, told = status.partition(" ")
    assert version == "HTTP/1.1"
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    assert {"Server", "Date", "Connection"} <= {name for name, _ in headers}
    return Answered(told, headers, body)


def elsewhere(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"the usual way"]


@pytest.mark.usefixtures("front")
@pytest.mark.parametrize("name", ASKED)
def test_the_answers_are_the_same(did: str, name: str, short_way: ShortWay) -> None:
    """Those of Django with all its middleware, of the lane, and of the short way, header by header."""
    parameters, fields = {"ID": did, **ASKED[name][0]}, ASKED[name][1]
    expected = ask(get_wsgi_application(), parameters, fields)
    assert ask(with_lane(elsewhere), parameters, fields) == expected
    assert shortly(short_way, parameters, fields) == expected
    assert expected.status[:3] in ("200", "206", "304", "416")


@pytest.mark.parametrize(
    ("parameters", "more"),
    [
        ({"ID": "ivo://no/such?thing"}, {}),
        ({}, {}),
        ({"STORED": "perhaps"}, {}),
        ({"HDU": "AEFF"}, {}),
        ({"FILE": "other"}, {}),
        ({}, {"HTTP_HOST": "elsewhere.example"}),
    ],
    ids=str,
)
def test_what_the_short_way_leaves_to_others(
    did: str, short_way: ShortWay, parameters: dict[str, str], more: dict[str, str], settings: Any
) -> None:
    """Errors are the lane's, and the same as Django's; a foreign Host is Django's."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    asked = {"ID": did, **parameters} if parameters or more else {}
    expected = ask(get_wsgi_application(), asked, {}, **more)
    found = ask(with_lane(elsewhere), asked, {}, **more)
    assert (found.body == b"the usual way") if more else (found == expected)
    assert shortly(short_way, asked, {}) is None


def test_who_signs_in_teaches_the_short_way_nothing(did: str, short_way: ShortWay, admin_client: Any) -> None:
    """Only what an anonymous viewer was given is given to others."""
    response = admin_client.get("/retrieve", {"ID": did}, headers={"host": "127.0.0.1"})
    assert response.status_code == 200
    response.close()
    assert shortly(short_way, {"ID": did}, {}) is None


def withdrawn(monkeypatch: pytest.MonkeyPatch, did: str) -> None:
    monkeypatch.setattr(POLICY, "may_read", lambda product, viewer: False)


def hidden(monkeypatch: pytest.MonkeyPatch, did: str) -> None:
    everything = POLICY.products
    monkeypatch.setattr(POLICY, "products", lambda viewer: everything(viewer).exclude(did=did))


def replaced(monkeypatch: pytest.MonkeyPatch, did: str) -> None:
    use = ProductFile.objects.get(product__did=did)
    use.file.sha256 = "0" * 64
    use.file.save()


def missing(monkeypatch: pytest.MonkeyPatch, did: str) -> None:
    path = local_path(ProductFile.objects.get(product__did=did).file.path)
    monkeypatch.setattr(renewing.Path, "stat", lambda self: (_ for _ in ()).throw(FileNotFoundError(path)))


def unreachable(monkeypatch: pytest.MonkeyPatch, did: str) -> None:
    def refuse(viewer: object) -> None:
        raise Error

    monkeypatch.setattr(POLICY, "products", refuse)


@pytest.mark.parametrize("change", [withdrawn, hidden, replaced, missing, unreachable])
def test_a_change_is_obeyed_within_a_second(
    did: str, short_way: ShortWay, clock: Clock, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a file is asked for, an answer lasts no longer than `FRESH`, from before it was looked up."""
    gzip = {"Accept-Encoding": "gzip"}
    ask(with_lane(elsewhere), {"ID": did}, gzip)
    for _ in range(3):  # it holds on while nothing changes
        clock.now += FRESH - 0.01
        assert shortly(short_way, {"ID": did}, gzip)
        clock.now += 0.02
        with pytest.raises(Stale):
            shortly(short_way, {"ID": did}, gzip)
        short_way.look_up_again()
    change(monkeypatch, did)
    clock.now += FRESH
    with pytest.raises(Stale):
        shortly(short_way, {"ID": did}, gzip)
    short_way.look_up_again()
    assert shortly(short_way, {"ID": did}, gzip) is None


def test_a_file_that_is_not_as_it_was_goes_the_ordinary_way(
    did: str, short_way: ShortWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: each answer opens the file anew. So does one whose bytes would have to be waited for."""
    gzip = {"Accept-Encoding": "gzip"}
    ask(with_lane(elsewhere), {"ID": did}, gzip)
    monkeypatch.setattr(shortway, "_in_memory", lambda file, position: False)
    assert shortly(short_way, {"ID": did}, gzip) is None
    monkeypatch.undo()
    path = local_path(ProductFile.objects.get(product__did=did).file.path)
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        assert shortly(short_way, {"ID": did}, gzip) is None
        path.write_bytes(aside.read_bytes()[:-1])
        assert shortly(short_way, {"ID": did}, gzip) is None
        assert shortly(short_way, {"ID": did}, {"If-None-Match": '"other"', **gzip}) is None
    finally:
        aside.replace(path)


def test_what_is_not_asked_for_is_forgotten(did: str, clock: Clock, remembered: Remembered) -> None:
    """A memory has its limits in time and number."""
    ask(with_lane(elsewhere), {"ID": did}, {})
    ask(with_lane(elsewhere), {"ID": did}, {"Accept-Encoding": "gzip"})
    (first, answer), (second, _) = remembered.asked_lately().items()
    small = Remembered(most=1, clock=clock)
    small.keep(first, answer, clock.now)
    small.keep(second, answer, clock.now)
    assert small.find(second) is None
    assert small.find(first) == answer.served
    clock.now += LASTING
    small.keep(second, answer, clock.now)
    assert small.find(first) is None
    assert small.find(second) == answer.served
