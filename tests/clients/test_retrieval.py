"""Programs that fetch files: each ends up with a file that opens, under the name of what it holds."""

from __future__ import annotations

import gzip
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from astropy.io import fits
from astropy.utils.data import download_file

from archive.identifiers import make_did
from archive.models import ProductFile
from archive.store import local_path
from tests import nginx
from tests.environment import REQUIRE_ALL
from tests.server import web_server

pytestmark = pytest.mark.django_db
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "retrieval.md"


@pytest.fixture
def url(tap_url: str, demo_archive: str) -> str:
    return f"{tap_url.removesuffix('/tap')}{retrieval(demo_archive)}"


def retrieval(collection: str) -> str:
    return f"/retrieve?ID={urllib.request.quote(make_did(collection, 'r1', '1001'), safe='')}"


@pytest.fixture
def stored(demo_archive: str) -> bytes:
    did = make_did(demo_archive, "r1", "1001")
    return local_path(ProductFile.objects.get(product__did=did).file.path).read_bytes()


@pytest.mark.parametrize("more", [(), ("--compressed",)])
def test_curl(url: str, stored: bytes, need: Callable[[str], str], tmp_path: Path, more: tuple[str, ...]) -> None:
    command = [need("curl"), "-sS", "--fail", "-O", "-J", *more, url]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "demo_001001.fits").read_bytes() == gzip.decompress(stored)


@pytest.mark.parametrize("program", ["curl", "wget"])
def test_going_on(url: str, stored: bytes, need: Callable[[str], str], tmp_path: Path, program: str) -> None:
    """A download that was broken off is gone on with, and nothing is fetched twice when it is whole."""
    target = tmp_path / "x.fits"
    content = gzip.decompress(stored)
    for have in (1000, len(content) - 1, len(content)):
        target.write_bytes(content[:have])
        options = ["-sS", "-C", "-", "-o"] if program == "curl" else ["-q", "-c", "-O"]
        subprocess.run([need(program), *options, str(target), url], check=have < len(content), timeout=60)
        assert target.read_bytes() == content


def test_python(url: str, stored: bytes) -> None:
    """requests takes gzip and unpacks it; astropy and urllib take what is plain."""
    content = gzip.decompress(stored)
    answer = requests.get(url, timeout=60)
    assert (answer.headers["Content-Encoding"], answer.content) == ("gzip", content)
    with urllib.request.urlopen(url, timeout=60) as plain:
        assert plain.read() == content
    assert Path(download_file(url, cache=False, show_progress=False)).read_bytes() == content
    with fits.open(url, cache=False) as hdus:
        assert hdus["EVENTS"].header["OBS_ID"] == 1001


def test_bundle_by_curl(url: str, need: Callable[[str], str], tmp_path: Path) -> None:
    """The tar comes in two parts, and its own list finds every file right."""
    address = url.replace("/retrieve?", "/retrieve/bundle?")
    for more in (["-r", "0-99999"], ["-C", "-"]):
        subprocess.run([need("curl"), "-sS", "-o", "x.tar", *more, address], cwd=tmp_path, check=True, timeout=60)
    subprocess.run(["tar", "xf", "x.tar"], cwd=tmp_path, check=True)
    subprocess.run([need("sha256sum"), "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path, check=True)


# --- behind nginx ---


@pytest.fixture(scope="module")
def fronted(_demo_archive: str, django_db_blocker: Any, settings_module: Any) -> Iterator[str]:
    """URL of an nginx, as the documentation sets it up, in front of a server that leaves files to it."""
    if nginx.program() is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("nginx is not installed")
    store = Path(settings_module.DISTILLER_HOME) / "store"
    with ExitStack() as stack, django_db_blocker.unblock():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISTILLER_ACCEL_PREFIX", "/stored/")
            base = stack.enter_context(web_server())
        front = nginx.snippet(DOCUMENT).replace("http://127.0.0.1:8000", base)
        yield stack.enter_context(nginx.nginx(store, front.replace("/srv/distiller/store/", f"{store}/")))


@pytest.fixture(scope="module")
def settings_module() -> Any:
    from django.conf import settings

    return settings


def test_nginx_sends_the_files(fronted: str, demo_archive: str, stored: bytes, url: str) -> None:
    """The answers are those of the service itself; whole files and ranges of them come from nginx."""
    behind = f"{fronted}{retrieval(demo_archive)}"
    same = ("Content-Type", "Content-Length", "Content-Disposition", "ETag", "Last-Modified", "Repr-Digest", "Digest")
    for more in ("", "&STORED=true"):
        for headers in ({}, {"Range": "bytes=100-199"}, {"Range": "bytes=999999999-"}):
            for coding in ("gzip", "identity"):
                asked = {**headers, "Accept-Encoding": coding}
                found, expected = (
                    requests.get(u + more, headers=asked, timeout=60, stream=True) for u in (behind, url)
                )
                assert found.status_code == expected.status_code
                assert found.raw.read() == expected.raw.read()
                if found.status_code != 416:
                    assert [found.headers.get(n) for n in same] == [expected.headers.get(n) for n in same]
                assert found.headers.get("Content-Encoding") == expected.headers.get("Content-Encoding")
                assert "Accept-Encoding" in found.headers.get("Vary", "") or more
                assert found.headers["Server"].startswith("nginx")


def test_nginx_minds_conditions(fronted: str, demo_archive: str, stored: bytes) -> None:
    behind = f"{fronted}{retrieval(demo_archive)}"
    gzipped = {"Accept-Encoding": "gzip"}
    first = requests.get(behind, headers=gzipped, timeout=60)
    again = requests.get(behind, headers={**gzipped, "If-None-Match": first.headers["ETag"]}, timeout=60)
    assert again.status_code == 304
    for etag, status in ((first.headers["ETag"], 206), ('"other"', 200)):
        part = requests.get(
            behind, headers={**gzipped, "Range": "bytes=5-9", "If-Range": etag}, timeout=60, stream=True
        )
        assert (part.status_code, part.raw.read()) == (status, stored[5:10] if status == 206 else stored)
    assert requests.get(f"{fronted}/stored/secret", timeout=60).status_code == 404
