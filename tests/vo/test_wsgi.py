"""Chunked bodies reach Django with their length."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from vo.wsgi import ChunkedBodies


def run(body: bytes, **environ: Any) -> tuple[str, bytes]:
    """Status and body of an application that answers what Content-Length let it read."""
    told: list[str] = []

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]

    def start_response(status: str, *rest: Any) -> Any:
        told.append(status)

    answer = ChunkedBodies(application, 10**6)({"wsgi.input": io.BytesIO(body), **environ}, start_response)
    body_read = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return told[0], body_read


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.parametrize("size", [0, 1, 65536, 10**6])
def test_chunked_body_is_read_whole(size: int) -> None:
    assert run(b"x" * size, **CHUNKED) == ("200 OK", b"x" * size)


def test_body_above_the_limit_is_refused() -> None:
    status, text = run(b"x" * (10**6 + 1), **CHUNKED)
    assert status.startswith("413")
    assert b"longer than 1000000 bytes" in text


def test_other_bodies_are_left_alone() -> None:
    assert run(b"abc", CONTENT_LENGTH="2") == ("200 OK", b"ab")
    assert run(b"abc", HTTP_TRANSFER_ENCODING="chunked") == ("200 OK", b"")
