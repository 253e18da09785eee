"""Heads of requests that are read at once: fewer than RFC 9112 allows, and none in another sense."""

from __future__ import annotations

import pytest

from vo.heads import read_head

LINE = "GET /retrieve?ID=ivo%3A%2F%2Fa%2Fb%3Fc HTTP/1.1"


def request(*fields: str, line: str = LINE) -> bytes:
    return "\r\n".join((line, *fields, "", "")).encode("latin-1")


def test_an_ordinary_request_is_read() -> None:
    """What follows it on the connection is not part of it."""
    data = request("Host: a:80", "RANGE:bytes=0-9", "Accept-Encoding:  gzip, br ", 'If-None-Match: "a:b"')
    head = read_head(data + b"GET /next HTTP/1.1\r\n")
    assert head is not None
    assert (head.method, head.path, head.query) == ("GET", "/retrieve", "ID=ivo%3A%2F%2Fa%2Fb%3Fc")
    assert head.headers == {
        "host": "a:80",
        "range": "bytes=0-9",
        "accept-encoding": "gzip, br",
        "if-none-match": '"a:b"',
    }
    assert head.length == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request("Host: a")[:-1],
        request("Host: a", line="HEAD /retrieve?ID=a HTTP/1.1"),
        request("Host: a", line="POST /retrieve?ID=a HTTP/1.1"),
        request("Host: a", line="GET /retrieve HTTP/1.1"),
        request("Host: a", line="GET /retrieve?ID=a HTTP/1.0"),
        request("Host: a", line="GET  /retrieve?ID=a HTTP/1.1"),
        request("Host: a", line="GET /retrieve?ID=a#b HTTP/1.1"),
        request("Host: a", line="GET /retrieve?ID=\xe4 HTTP/1.1"),
        request("Host: a", line="GET /retri%65ve?ID=a HTTP/1.1"),
        request("Host: a", line="GET http://a/retrieve?ID=a HTTP/1.1"),
        request(),
        request("Accept: */*"),
        request("Host: a", "Host: b"),
        request("Host: a", "Range: bytes=0-1", "range: bytes=2-3"),
        request("Host : a"),
        request(" Host: a"),
        request("Host: a", "Range: bytes=0-1,", " 4-5"),
        request("Host: a", "Range: bytes=0-\x0b1"),
        request("Host: \xe4"),
        request("Host: a").replace(b"\r\n", b"\n"),
        request("Host: a\nCookie: b"),
        request("Host: a", "Connection: close"),
        request("Host: a", "Connection: keep-alive, Upgrade"),
        request("Host: a", "Cookie: sessionid=x"),
        request("Host: a", "Authorization: Basic x"),
        request("Host: a", "Content-Length: 0"),
        request("Host: a", "Transfer-Encoding: chunked"),
        request("Host: a", "Expect: 100-continue"),
        request("Host: a", "X-Forwarded-Host: b"),
        request("Host: a", "Want-Content-Digest: sha-256=1"),
    ],
    ids=repr,
)
def test_others_are_not(data: bytes) -> None:
    """RFC 9112 sections 2.2, 3 and 5: what is no request, and what brings more than a wish for a file."""
    assert read_head(data) is None
