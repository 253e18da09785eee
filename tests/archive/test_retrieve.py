"""Retrieval: the stored bytes, whole and in parts (RFC 9110, RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from django.test import Client

from archive.identifiers import make_did
from archive.models import ProductFile
from archive.store import local_path
from tests.archive.test_ingest import TakeIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def did(demo_archive: str) -> str:
    return make_did(demo_archive, "r1", "1001")


@pytest.fixture
def content(did: str) -> bytes:
    return local_path(ProductFile.objects.get(product__did=did).file.path).read_bytes()


def get(client: Client, did: str, **headers: str) -> Any:
    return client.get("/retrieve", {"ID": did}, headers={k.replace("_", "-"): v for k, v in headers.items()})


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_file(client: Client, did: str, content: bytes, tmp_path: Path) -> None:
    """The bytes as they were stored: no Content-Encoding, length, digests and name that fit them."""
    response = get(client, did)
    assert response.status_code == 200
    assert body(response) == content
    assert "Content-Encoding" not in response
    assert response["Content-Type"] == "application/fits"
    assert response["Content-Length"] == str(len(content))
    digest = hashlib.sha256(content)
    assert response["ETag"] == f'"{digest.hexdigest()}"'
    assert response["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert response["Content-Disposition"] == 'attachment; filename="demo_001001.fits.gz"'
    assert response["Accept-Ranges"] == "bytes"
    saved = tmp_path / "demo.fits.gz"
    saved.write_bytes(content)
    with fits.open(saved) as hdus:
        assert hdus["EVENTS"].header["OBS_ID"] == 1001


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=500-", 500, None),
        ("bytes=-64", -64, None),
        ("bytes=0-0", 0, 0),
        ("bytes=10-999999999999", 10, None),
        ("bytes=-999999999999", 0, None),
    ],
)
def test_ranges(client: Client, did: str, content: bytes, asked: str, first: int, last: int | None) -> None:
    """RFC 9110 section 14: one range of bytes, open at the end, or from the end."""
    response = get(client, did, range=asked)
    expected = content[first : None if last is None else last + 1]
    assert response.status_code == 206
    assert body(response) == expected
    start = len(content) + first if first < 0 else first
    assert response["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"
    assert response["Content-Length"] == str(len(expected))


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=999999999-9999999999", "bytes=-0"])
def test_ranges_beyond_the_end(client: Client, did: str, content: bytes, asked: str) -> None:
    """RFC 9110 section 15.5.17."""
    response = get(client, did, range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-2", "pages=1-2", "bytes=x", "bytes=-", "bytes"])
def test_ranges_that_are_ignored(client: Client, did: str, content: bytes, asked: str) -> None:
    """RFC 9110 section 14.2: a server may ignore the header; several ranges and bad ones give the whole file."""
    response = get(client, did, range=asked)
    assert response.status_code == 200
    assert body(response) == content


def test_conditions(client: Client, did: str, content: bytes) -> None:
    """RFC 9110 section 13: what the client has is not sent again; a range of another version is not sent."""
    first = get(client, did)
    body(first)
    etag, modified = first["ETag"], first["Last-Modified"]
    for headers in (
        {"if_none_match": etag},
        {"if_none_match": f'"other", W/{etag}'},
        {"if_none_match": "*"},
        {"if_modified_since": modified},
    ):
        response = get(client, did, **headers)
        assert (response.status_code, body(response)) == (304, b"")
        assert response["ETag"] == etag
    old = "Mon, 01 Jan 2001 00:00:00 GMT"
    for headers in (
        {"if_none_match": '"other"'},
        {"if_modified_since": old},
        {"if_none_match": '"o"', "if_modified_since": modified},
    ):
        assert body(get(client, did, **headers)) == content
    for same in (etag, modified):
        response = get(client, did, range="bytes=0-9", if_range=same)
        assert (response.status_code, body(response)) == (206, content[:10])
    for other in ('"other"', f"W/{etag}", old):
        response = get(client, did, range="bytes=0-9", if_range=other)
        assert (response.status_code, body(response)) == (200, content)


def test_head(client: Client, did: str, content: bytes) -> None:
    response = client.head("/retrieve", {"ID": did})
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(content))
    assert response["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, 400),
        ({"ID": ""}, 400),
        ({"ID": "ivo://no/such?thing"}, 404),
        ({"ID": "../../secret_key"}, 404),
        ({"ID": ["a", "b"]}, 400),
    ],
)
def test_errors_are_text(client: Client, demo_archive: str, parameters: dict[str, Any], status: int) -> None:
    response = client.get("/retrieve", parameters)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/plain")
    assert "<" not in response.content.decode()


def test_a_file_that_the_product_does_not_have(client: Client, did: str, content: bytes) -> None:
    response = client.get("/retrieve", {"ID": did, "FILE": "../settings.py"})
    assert response.status_code == 404
    assert "demo_001001.fits.gz" in response.content.decode()
    response = client.get("/retrieve", {"ID": did, "FILE": "demo_001001.fits.gz"})
    assert (response.status_code, body(response)) == (200, content)


def test_a_file_that_vanished(take_in: TakeIn, folder: Path, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A clear message for the client, the path for the log, no traceback and no page."""
    take_in(folder)
    did = make_did("c", "r1", "1")
    path = local_path(ProductFile.objects.get(product__did=did).file.path)
    path.write_bytes(path.read_bytes()[:-10])
    response = get(client, did)
    assert response.status_code == 500
    assert "damaged" in response.content.decode()
    path.unlink()
    response = get(client, did)
    assert response.status_code == 500
    assert response.content.decode() == "run1.fits is missing from the archive; the curators have been told\n"
    assert path.name in caplog.text
    assert path.name not in response.content.decode()


def test_deleting_is_not_for_clients(client: Client, did: str) -> None:
    assert client.delete("/retrieve").status_code == 405
    assert client.post("/retrieve", {"ID": did}).status_code == 405
