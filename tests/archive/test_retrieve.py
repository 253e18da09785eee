"""Retrieval of one file: in two codings, whole and in parts (RFC 9110, RFC 9530)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from django.test import Client

from archive.identifiers import make_did
from archive.ingest import Status
from archive.models import ObsCore, ProductFile, StoredFile
from archive.retrieval import serving
from archive.retrieval.contents import content_size
from archive.store import local_path
from tests.archive import samples
from tests.archive.test_ingest import TakeIn
from vo.errors import FatalFault

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Form:
    """A way to ask for the file, and the bytes that come."""

    content: bytes
    headers: dict[str, str]
    parameters: dict[str, str]
    encoding: str | None
    media_type: str
    filename: str


@pytest.fixture
def did(demo_archive: str) -> str:
    return make_did(demo_archive, "r1", "1001")


@pytest.fixture
def stored(did: str) -> bytes:
    """The file as it is kept: a gzip file."""
    return local_path(ProductFile.objects.get(product__did=did).file.path).read_bytes()


@pytest.fixture(params=["plain", "gzip", "stored", "streamed"])
def form(request: pytest.FixtureRequest, stored: bytes, monkeypatch: pytest.MonkeyPatch) -> Form:
    if request.param == "gzip":
        return Form(stored, {"accept-encoding": "gzip"}, {}, "gzip", "application/fits", "demo_001001.fits")
    if request.param == "stored":
        parameters = {"STORED": "true"}
        return Form(stored, {"accept-encoding": "gzip"}, parameters, None, "application/gzip", "demo_001001.fits.gz")
    if request.param == "streamed":  # as a file that is too large to be unpacked before the answer begins
        monkeypatch.setattr(serving, "AT_ONCE", 0)
    return Form(gzip.decompress(stored), {}, {}, None, "application/fits", "demo_001001.fits")


def get(client: Client, did: str, form: Form | None = None, **headers: str) -> Any:
    asked = {k.replace("_", "-"): v for k, v in headers.items()} | (form.headers if form else {})
    return client.get("/retrieve", {"ID": did, **(form.parameters if form else {})}, headers=asked)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def sha256(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_the_whole_file(client: Client, did: str, form: Form) -> None:
    """RFC 9110 sections 8.4, 8.8.3 and 12.5.5, RFC 9530 section 3: headers are those of the bytes that come."""
    response = get(client, did, form)
    assert response.status_code == 200
    assert body(response) == form.content
    assert response.get("Content-Encoding") == form.encoding
    assert response["Content-Type"] == form.media_type
    assert response["Content-Length"] == str(len(form.content))
    assert response["ETag"] == f'"{hashlib.sha256(form.content).hexdigest()}"'
    assert response["Repr-Digest"] == response["Content-Digest"] == sha256(form.content)
    assert response["Content-Disposition"] == f'attachment; filename="{form.filename}"'
    assert response["Accept-Ranges"] == "bytes"
    assert ("Accept-Encoding" in response.get("Vary", "")) == (not form.parameters)


def test_what_comes_opens(client: Client, did: str, stored: bytes) -> None:
    with fits.open(io.BytesIO(body(get(client, did)))) as hdus:
        assert hdus["EVENTS"].header["OBS_ID"] == 1001


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("x-gzip", True),
        ("*", True),
        ("GZIP;q=0.5", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity;q=0, gzip;q=0.1", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.2, identity", False),
        ("deflate, br", False),
        ("gzip;q=x", False),
    ],
)
def test_coding(client: Client, did: str, accepted: str, packed: bool) -> None:
    """RFC 9110 section 12.5.3: the coding that the client prefers, plain bytes where it names none that is offered."""
    response = client.head("/retrieve", {"ID": did}, headers={"accept-encoding": accepted})
    assert (response.get("Content-Encoding") == "gzip") == packed


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
def test_ranges(client: Client, did: str, form: Form, asked: str, first: int, last: int | None) -> None:
    """RFC 9110 section 14: one range of the bytes of the representation, open at the end, or from the end."""
    response = get(client, did, form, range=asked)
    expected = form.content[first : None if last is None else last + 1]
    assert response.status_code == 206
    assert body(response) == expected
    start = len(form.content) + first if first < 0 else first
    assert response["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(form.content)}"
    assert response["Content-Length"] == str(len(expected))
    assert response["Repr-Digest"] == sha256(form.content)


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=999999999-9999999999", "bytes=-0"])
def test_ranges_beyond_the_end(client: Client, did: str, form: Form, asked: str) -> None:
    """RFC 9110 section 15.5.17."""
    response = get(client, did, form, range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{len(form.content)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-2", "pages=1-2", "bytes=x", "bytes=-", "bytes"])
def test_ranges_that_are_ignored(client: Client, did: str, stored: bytes, asked: str) -> None:
    """RFC 9110 section 14.2: a server may ignore the header; several ranges and bad ones give the whole file."""
    response = get(client, did, range=asked, accept_encoding="gzip")
    assert response.status_code == 200
    assert body(response) == stored


def test_conditions(client: Client, did: str, form: Form) -> None:
    """RFC 9110 section 13: what the client has is not sent again; a range of another version is not sent."""
    first = get(client, did, form)
    body(first)
    etag, modified = first["ETag"], first["Last-Modified"]
    for headers in (
        {"if_none_match": etag},
        {"if_none_match": f'"other", W/{etag}'},
        {"if_none_match": "*"},
        {"if_modified_since": modified},
    ):
        response = get(client, did, form, **headers)
        assert (response.status_code, body(response)) == (304, b"")
        assert response["ETag"] == etag
    old = "Mon, 01 Jan 2001 00:00:00 GMT"
    for headers in (
        {"if_none_match": '"other"'},
        {"if_modified_since": old},
        {"if_none_match": '"o"', "if_modified_since": modified},
    ):
        assert body(get(client, did, form, **headers)) == form.content
    for same in (etag, modified):
        response = get(client, did, form, range="bytes=0-9", if_range=same)
        assert (response.status_code, body(response)) == (206, form.content[:10])
    for other in ('"other"', f"W/{etag}", old):
        response = get(client, did, form, range="bytes=0-9", if_range=other)
        assert (response.status_code, body(response)) == (200, form.content)


def test_codings_do_not_mix(client: Client, did: str, stored: bytes) -> None:
    """RFC 9110 section 13.1.5: a download in one coding is not gone on with in the other."""
    plain = client.head("/retrieve", {"ID": did})["ETag"]
    response = get(client, did, range="bytes=5-9", if_range=plain, accept_encoding="gzip")
    assert (response.status_code, body(response)) == (200, stored)


def test_head(client: Client, did: str, form: Form) -> None:
    response = client.head("/retrieve", {"ID": did, **form.parameters}, headers=form.headers)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(form.content))
    assert response["Repr-Digest"] == sha256(form.content)
    assert response.get("Content-Encoding") == form.encoding
    assert "Content-Digest" not in response


def test_checksums_that_are_wanted(client: Client, did: str, stored: bytes) -> None:
    """RFC 9530 sections 2 and 4: a checksum of a part on request, none for who finds it not acceptable."""
    unasked = get(client, did, range="bytes=0-99", accept_encoding="gzip")
    assert "Content-Digest" not in unasked
    part = get(client, did, range="bytes=0-99", accept_encoding="gzip", want_content_digest="sha-512=3, sha-256=1")
    assert part["Content-Digest"] == sha256(stored[:100])
    assert body(part) == stored[:100]
    refused = get(client, did, want_repr_digest="sha-256=0", want_content_digest="sha-256=0")
    assert "Repr-Digest" not in refused
    assert "Content-Digest" not in refused
    other = get(client, did, want_repr_digest="md5=10")
    assert "Repr-Digest" in other
    for response in (unasked, refused, other):
        body(response)


def test_files_from_before_they_were_measured(client: Client, did: str, stored: bytes) -> None:
    """What a file holds is measured when it is first asked for, and the size in ObsCore with it."""
    StoredFile.objects.update(unpacked_sha256="", unpacked_size=None)
    ObsCore.objects.filter(obs_publisher_did=did).update(access_estsize=1)
    response = get(client, did)
    plain = gzip.decompress(stored)
    assert body(response) == plain
    assert response["Content-Length"] == str(len(plain))
    assert content_size(ProductFile.objects.get(product__did=did).file) == len(plain)
    assert ObsCore.objects.get(obs_publisher_did=did).access_estsize == -(-len(plain) // 1000)


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


def test_files_by_name(client: Client, did: str, stored: bytes) -> None:
    """A file may be named as it is served and as it is kept."""
    response = client.get("/retrieve", {"ID": did, "FILE": "../settings.py"})
    assert response.status_code == 404
    assert "it has demo_001001.fits\n" in response.content.decode()
    for name in ("demo_001001.fits.gz", "demo_001001.fits"):
        response = client.get("/retrieve", {"ID": did, "FILE": name})
        assert (response.status_code, body(response)) == (200, gzip.decompress(stored))


def test_what_cannot_be_unpacked_is_refused(take_in: TakeIn, tmp_path: Path, settings: Any) -> None:
    """Compressed files that hold more than is allowed, or break off, do not get in."""
    settings.DISTILLER_UNPACKED_MAX = 1
    whole = samples.write(tmp_path / "whole.fits").read_bytes()
    packed = gzip.compress(whole)
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "1.fits.gz").write_bytes(gzip.compress(whole + bytes(2**20)))
    (folder / "2.fits.gz").write_bytes(packed[:-20])
    report = take_in(folder)
    assert [outcome.reason for outcome in report.outcomes] == [
        "it unpacks to more than 1048576 bytes, the most that is taken (DISTILLER_UNPACKED_MAX)",
        "truncated: the compressed stream ends too early",
    ]


def test_damage_that_comes_to_light_while_unpacking(
    take_in: TakeIn, folder: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, or breaks the answer off where that has begun; the record says so, and ingesting again repairs it."""
    plain = folder / "run1.fits"
    (folder / "run1.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    take_in(folder)
    did = make_did("c", "r1", "1")
    file = ProductFile.objects.get(product__did=did).file
    path = local_path(file.path)
    kept = path.read_bytes()
    path.write_bytes(kept[:-300] + b"\xff" * 300)
    response = get(client, did)
    assert response.status_code == 500
    assert response.content.decode() == "run1.fits.gz is damaged in the archive; the curators have been told\n"
    file.refresh_from_db()
    assert file.damage
    monkeypatch.setattr(serving, "AT_ONCE", 0)
    with pytest.raises(FatalFault):
        body(get(client, did))
    assert take_in(folder).outcomes[0].status is Status.RESTORED
    file.refresh_from_db()
    assert file.damage == ""
    assert body(get(client, did)) == gzip.decompress(kept)


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
