"""Many files at once: a tar or zip that can be resumed, a script that fetches them, and lists."""

from __future__ import annotations

import hashlib
import io
import shlex
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from archive.identifiers import make_did
from archive.models import ProductFile, StoredFile
from archive.retrieval.layout import LaidOutFile, Member
from archive.retrieval.script import Download, script
from archive.retrieval.selection import safe_word
from archive.retrieval.tarball import tar
from archive.retrieval.zipball import zipped
from archive.store import local_path
from tests.archive.test_ingest import TakeIn
from tests.archive.test_retrieve import body
from vo import zips
from vo.errors import FatalFault

pytestmark = pytest.mark.django_db
RUNS = ("1001", "1002")


@pytest.fixture
def dids(demo_archive: str) -> list[str]:
    return [make_did(demo_archive, "r1", run) for run in RUNS]


@pytest.fixture
def files(demo_archive: str, dids: list[str]) -> dict[str, bytes]:
    """What is to come: bytes as they are kept by path."""
    return {
        f"{demo_archive}/r1/{run}/demo_00{run}.fits.gz": local_path(
            ProductFile.objects.get(product__did=did).file.path
        ).read_bytes()
        for run, did in zip(RUNS, dids, strict=True)
    }


def members(content: bytes) -> dict[str, bytes]:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            assert packed.testzip() is None
            return {name: packed.read(name) for name in packed.namelist()}
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        return {info.name: opened.extractfile(info).read() for info in opened}  # type: ignore[union-attr]


def sums(files: dict[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())


FORMS = [({}, "tar", "application/x-tar"), ({"RESPONSEFORMAT": "zip"}, "zip", "application/zip")]


@pytest.mark.parametrize(("form", "ending", "media_type"), FORMS)
def test_bundle(
    client: Client, dids: list[str], files: dict[str, bytes], form: dict[str, str], ending: str, media_type: str
) -> None:
    """A tar or zip of announced length, of all files and their checksums; asked for by POST it is the same."""
    response = client.get("/retrieve/bundle", {"ID": dids, **form})
    content = body(response)
    assert response["Content-Type"] == media_type
    assert response["Content-Disposition"].endswith(f'.{ending}"')
    assert response["Content-Length"] == str(len(content))
    assert members(content) == {**files, "SHA256SUMS": sums(files).encode()}
    assert body(client.post("/retrieve/bundle", {"ID": dids, **form})) == content
    head = client.head("/retrieve/bundle", {"ID": dids, **form})
    assert (head["Content-Length"], head["ETag"]) == (str(len(content)), response["ETag"])


@pytest.mark.parametrize("form", [form for form, _, _ in FORMS], ids=["tar", "zip"])
def test_a_bundle_can_be_resumed(client: Client, dids: list[str], form: dict[str, str]) -> None:
    """RFC 9110 section 14: the bytes from anywhere on are those of the first answer; other files, other tag."""
    first = client.get("/retrieve/bundle", {"ID": dids, **form})
    content, etag = body(first), first["ETag"]
    for start in (1, 511, 512, 700, len(content) // 2, len(content) - 10241, len(content) - 90, len(content) - 1):
        headers = {"range": f"bytes={start}-", "if-range": etag}
        rest = client.get("/retrieve/bundle", {"ID": dids, **form}, headers=headers)
        assert (rest.status_code, body(rest)) == (206, content[start:])
    other = client.get("/retrieve/bundle", {"ID": dids[:1], **form}, headers={"range": "bytes=9-", "if-range": etag})
    assert (other.status_code, other["ETag"] != etag) == (200, True)
    body(other)


def test_files_from_before_there_were_checksums_for_zip(client: Client, dids: list[str]) -> None:
    """CRC-32 is computed when it is wanted first, and kept."""
    kept = StoredFile.objects.filter(uses__product__did__in=dids)
    expected = {file.pk: zlib.crc32(local_path(file.path).read_bytes()) for file in kept}
    assert {file.pk: file.crc32 for file in kept} == expected
    asked = {"ID": dids, "RESPONSEFORMAT": "application/zip"}
    whole = body(client.get("/retrieve/bundle", asked))
    kept.update(crc32=None)
    assert body(client.get("/retrieve/bundle", asked)) == whole
    assert {file.pk: file.crc32 for file in kept.all()} == expected


@pytest.mark.parametrize("sizes", [(), (0,), (1, 512, 513), (0, 0, 1024)])
@pytest.mark.parametrize("path", ["a/b", "a/" + "x" * 150])
def test_tar_is_what_tarfile_makes(sizes: tuple[int, ...], path: str) -> None:
    """POSIX.1-2017 pax interchange format: byte for byte, in pieces of any size."""
    contents = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    moment = now()

    layout = tar([in_memory(f"{path}{number}", content, moment) for number, content in enumerate(contents)])
    expected = io.BytesIO()
    with tarfile.open(fileobj=expected, mode="w", format=tarfile.PAX_FORMAT) as made:
        for number, content in enumerate(contents):
            info = tarfile.TarInfo(f"{path}{number}")
            info.size, info.mtime = len(content), int(moment.timestamp())
            made.addfile(info, io.BytesIO(content))
    given = []
    with LaidOutFile(layout, lambda: given.append("turn")) as file:
        pieces = iter(lambda: file.read(7) or b"", b"")
        assert b"".join(pieces) == expected.getvalue()
    assert (layout.size, given) == (len(expected.getvalue()), ["turn"])


@pytest.mark.parametrize("sizes", [(), (0,), (1, 512, 513), (0, 0, 1024)])
@pytest.mark.parametrize("path", ["a/b", "ä/b"])
def test_zip_is_what_zipfile_makes(sizes: tuple[int, ...], path: str) -> None:
    """APPNOTE 6.3.10: byte for byte, in pieces of any size."""
    contents = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    moment = datetime(2026, 8, 31, 23, 59, 58, tzinfo=UTC)
    layout = zipped([in_memory(f"{path}{number}", content, moment) for number, content in enumerate(contents)])
    expected = io.BytesIO()
    with zipfile.ZipFile(expected, "w") as made:
        for number, content in enumerate(contents):
            info = zipfile.ZipInfo(f"{path}{number}", (2026, 8, 31, 23, 59, 58))
            info.external_attr = 0o100644 << 16
            made.writestr(info, content)
    with LaidOutFile(layout, lambda: None) as file:
        assert b"".join(iter(lambda: file.read(7) or b"", b"")) == expected.getvalue()
    assert layout.size == len(expected.getvalue())


class Zeros(io.RawIOBase):
    """A large file without content."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._position = size, 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset
        return offset

    def read(self, most: int = -1) -> bytes:
        piece = bytes(min(most, self._size - self._position))
        self._position += len(piece)
        return piece


def test_a_zip_of_more_than_4_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    """APPNOTE sections 4.5.3 and 4.3.14: sizes and places beyond 32 bits, and more members than are counted by 16."""
    moment, large = now(), 5 * 2**30
    big = [Member(f"big{n}", large, "", moment, lambda: Zeros(large), 7) for n in range(2)]  # type: ignore[arg-type,return-value]
    layout = zipped([*big, in_memory("small", b"at the end", moment)])
    with LaidOutFile(layout, lambda: None) as file, zipfile.ZipFile(io.BufferedReader(file)) as opened:
        found = [(info.filename, info.file_size, info.CRC) for info in opened.infolist()]
        assert found[:2] == [("big0", large, 7), ("big1", large, 7)]
        assert opened.read("small") == b"at the end"
        assert opened.open("big1").read(3) == bytes(3)
    monkeypatch.setattr(zips, "COUNT_LIMIT", 2)
    with LaidOutFile(zipped([in_memory(str(number), b"x", moment) for number in range(3)]), lambda: None) as file:
        content = file.read()
    assert b"PK\6\6" in content
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["0", "1", "2"]


def in_memory(path: str, content: bytes, moment: datetime) -> Member:
    return Member(path, len(content), "", moment, lambda: io.BytesIO(content), zlib.crc32(content))


@pytest.mark.parametrize("form", [form for form, _, _ in FORMS], ids=["tar", "zip"])
def test_a_bundle_breaks_off_where_a_file_ends_too_early(
    client: Client, take_in: TakeIn, folder: Path, form: dict[str, str]
) -> None:
    """Never an answer that looks whole: refused before it begins, or broken off."""
    take_in(folder)
    dids = [make_did("c", "r1", run) for run in ("1", "2")]
    path = local_path(ProductFile.objects.get(product__did=dids[1]).file.path)
    begun = client.get("/retrieve/bundle", {"ID": dids, **form})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FatalFault):
        body(begun)
    refused = client.get("/retrieve/bundle", {"ID": dids, **form})
    assert (refused.status_code, "run2.fits is damaged" in refused.content.decode()) == (500, True)


@pytest.mark.parametrize("how", ["OBS_ID", "QUERY"])
def test_other_ways_to_name_them(client: Client, demo_archive: str, dids: list[str], how: str) -> None:
    named = client.get("/retrieve/checksums", {"ID": dids}).content
    if how == "OBS_ID":
        asked: dict[str, Any] = {"OBS_ID": ["001001", dids[1]], "COLLECTION": demo_archive}
    else:
        query = f"SELECT obs_publisher_did FROM ivoa.obscore WHERE obs_id IN ('{RUNS[0]}', '{RUNS[1]}') ORDER BY obs_id"
        asked = {"QUERY": query}
    found = client.post("/retrieve/checksums", asked).content
    assert sorted(found.splitlines()) == sorted(named.splitlines())


@pytest.mark.parametrize(
    ("parameters", "status", "said"),
    [
        ({}, 400, "name the data sets"),
        ({"ID": "ivo://no/such?thing"}, 404, "no data set with the identifier ivo://no/such?thing"),
        ({"OBS_ID": "999999"}, 404, "no observation 999999"),
        ({"QUERY": "SELECT obs_id FROM ivoa.obscore"}, 400, "no column obs_publisher_did"),
        ({"QUERY": "SELECT nonsense"}, 400, ""),
        ({"QUERY": "SELECT obs_publisher_did FROM ivoa.obscore WHERE obs_id = 'x'"}, 400, "whose result has none"),
    ],
)
@pytest.mark.parametrize("what", ["bundle", "script", "urls", "checksums"])
def test_errors_are_text(
    client: Client, demo_archive: str, what: str, parameters: dict[str, str], status: int, said: str
) -> None:
    response = client.get(f"/retrieve/{what}", parameters)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/plain")
    assert said in response.content.decode()
    assert "<" not in response.content.decode()


def test_forms_that_there_are(client: Client, dids: list[str]) -> None:
    response = client.get("/retrieve/bundle", {"ID": dids, "RESPONSEFORMAT": "rar"})
    assert response.status_code == 400
    assert "offered are tar, zip, application/x-tar, application/zip" in response.content.decode()


def test_lists(client: Client, dids: list[str], files: dict[str, bytes]) -> None:
    """The URLs give the bytes that the checksums are of."""
    assert client.get("/retrieve/checksums", {"ID": dids}).content.decode() == sums(files)
    urls = client.get("/retrieve/urls", {"ID": dids}).content.decode().split()
    assert [body(client.get(url)) for url in urls] == list(files.values())
    assert all(url.startswith("http://testserver/retrieve?ID=ivo%3A%2F%2F") for url in urls)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("run 1; rm -rf $HOME.fits", "run_1_rm_-rf_HOME.fits"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "_"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("é\n'\"", "_"),
        ("x" * 300, "x" * 120),
    ],
)
def test_names_surprise_nobody(name: str, word: str) -> None:
    assert safe_word(name) == word


# --- the script ---

FILES = {"c/r1/1/a.fits": b"first" * 1000, "c/r1/2/b.fits": b"second" * 1000, "c/r1/3/empty": b""}
TOOL = """#!/bin/sh
# Stands for curl: the last argument is the URL, the one after -o the file, which is gone on with.
for last; do :; done
while [ "$1" != -o ]; do shift; done
echo "$last" >> "$LOG"
have=$(wc -c < "$2" 2>/dev/null || echo 0)
case $last in *missing*) exit 22 ;; esac
tail -c +$((have + 1)) "$SERVED/${last##*/}" >> "$2"
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str, list[str]]]:
    """`run(downloads)`: the script in an empty folder; exit status, what it said, which URLs it fetched."""
    tools, served = tmp_path / "tools", tmp_path / "served"
    tools.mkdir()
    served.mkdir()
    (tools / "curl").write_text(TOOL)
    (tools / "curl").chmod(0o755)
    for path, content in FILES.items():
        (served / path.rpartition("/")[2]).write_bytes(content)

    def execute(downloads: list[Download]) -> tuple[int, str, list[str]]:
        log = tmp_path / "log"
        log.write_text("")
        (tmp_path / "fetch.sh").write_text(script(downloads))
        result = subprocess.run(
            ["sh", str(tmp_path / "fetch.sh"), str(tmp_path / "here")],
            env={"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(log), "SERVED": str(served)},
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr, log.read_text().splitlines()

    return execute


def downloads(**changes: str) -> list[Download]:
    return [
        Download(f"http://x/{path.rpartition('/')[2]}", path, hashlib.sha256(content).hexdigest(), len(content))
        for path, content in FILES.items()
    ]


def test_script_fetches_once(run: Callable[..., Any], tmp_path: Path) -> None:
    status, said, urls = run(downloads())
    assert (status, urls) == (0, ["http://x/a.fits", "http://x/b.fits"]), said
    for path, content in FILES.items():
        assert (tmp_path / "here" / path).read_bytes() == content
    assert run(downloads())[2] == []


def test_script_resumes_and_repairs(run: Callable[..., Any], tmp_path: Path) -> None:
    """A part is gone on with; one that is wrong is fetched anew; a wrong file of that name is kept beside the right."""
    here = tmp_path / "here"
    (here / "c/r1/1").mkdir(parents=True)
    (here / "c/r1/2").mkdir(parents=True)
    (here / "c/r1/1/a.fits.part").write_bytes(b"first" * 3)
    (here / "c/r1/1/a.fits").write_bytes(b"mine")
    (here / "c/r1/2/b.fits.part").write_bytes(b"wrong")
    status, said, urls = run(downloads())
    assert (status, urls) == (0, ["http://x/a.fits", "http://x/b.fits", "http://x/b.fits"]), said
    for path, content in FILES.items():
        assert (here / path).read_bytes() == content
    assert (here / "c/r1/1/a.fits.old").read_bytes() == b"mine"
    assert not list(here.rglob("*.part"))


def test_script_goes_on_after_failures(run: Callable[..., Any], tmp_path: Path) -> None:
    """A URL that fails and a file that is not what its checksum says are told at the end; hostile text is only text."""
    wrong = Download("http://x/a.fits", "w/wrong.fits", "0" * 64, 5000)
    missing = Download("http://x/missing'$(touch pwned)'`touch pwned`", "m/missing.fits", "0" * 64, 9)
    status, said, urls = run([wrong, missing, *downloads()])
    assert status == 1
    assert "2 of 5 files could not be fetched" in said
    assert (tmp_path / "here" / "c/r1/2/b.fits").read_bytes() == FILES["c/r1/2/b.fits"]
    assert not (tmp_path / "here" / "w/wrong.fits").exists()
    assert urls[2] == missing.url
    assert not list(tmp_path.rglob("pwned"))


def test_script_of_products(client: Client, dids: list[str], files: dict[str, bytes]) -> None:
    response = client.get("/retrieve/script", {"ID": dids})
    text = response.content.decode()
    calls = [shlex.split(line) for line in text.splitlines() if line.startswith("fetch ")]
    expected = [
        ["fetch", hashlib.sha256(content).hexdigest(), str(len(content)), path] for path, content in files.items()
    ]
    assert [call[:4] for call in calls] == expected
    assert body(client.get(calls[0][4])) == next(iter(files.values()))
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
