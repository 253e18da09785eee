"""Files sent along with a job: kept with it and with nothing else, within limits, gone with it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.uws.test_rest import error_text
from uws import parts, service
from uws.models import Job, Part
from uws.storage import ORPHAN_AGE, Orphans

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = Path(settings.DISTILLER_HOME) / "uploads"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any) -> None:
    """Small limits, and no files of other tests."""
    settings.DISTILLER_UPLOAD_MAX_BYTES = (1000,) * 3
    shutil.rmtree(FOLDER, ignore_errors=True)


def file(content: bytes = b"text", name: str = "a.txt", media_type: str = "text/plain") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, media_type)


def create(client: Client, **fields: object) -> str:
    """Path of a new job."""
    response = client.post("/uws/keep", fields)
    assert response.status_code == 303, response.content
    return str(response["Location"]).removeprefix("http://testserver")


def names(url: str) -> list[str]:
    return list(
        Part.objects.filter(job__public_id=url.rpartition("/")[2]).order_by("pk").values_list("name", flat=True)
    )


def stored() -> list[Path]:
    return sorted(path for path in FOLDER.rglob("*") if path.is_file()) if FOLDER.is_dir() else []


def test_kept_as_long_as_the_job(client: Client) -> None:
    """UWS 1.1 section 2.1.5: with its name, type and content, for nobody else to read; nothing stays when it goes."""
    url = create(client, UPLOAD="t,param:mine", mine=file(b"content", "dir/t.vot", "application/x-votable+xml; a=b"))
    (kept,) = parts.files(Job.objects.get())
    assert kept.path.read_bytes() == b"content"
    assert kept.metadata == {"part": "mine", "filename": "t.vot"}
    assert kept.media_type == "application/x-votable+xml"
    assert kept.id.startswith("ivo://distiller.example/jobs?")
    assert stored() == [kept.path]
    assert kept.path.stat().st_mode & 0o077 == 0
    client.delete(url)
    assert (Part.objects.count(), list(FOLDER.iterdir())) == (0, [])


def test_given_back_to_whom_it_belongs(client: Client) -> None:
    """UWS 1.1 section 2.2.3.1.1 (UWS-06): by reference among the parameters; as bytes to save, never as a page."""
    anna, karl = Client(), Client()
    anna.force_login(User.objects.create_user("anna"))
    karl.force_login(User.objects.create_user("karl", is_staff=True))
    url = create(anna, UPLOAD="t,param:my part", **{"my part": file(b"<script/>", "p.html", "text/html")})
    document = ElementTree.fromstring(anna.get(f"{url}/parameters").content)
    references = {p.get("id"): p.text for p in document if p.get("byReference") == "true"}
    assert references == {"my part": f"http://testserver{url}/parameters/my%20part"}
    answer = anna.get(f"{url}/parameters/my part")
    assert b"".join(answer) == b"<script/>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert anna.get(f"{url}/parameters/upload").content == b"t,param:my part"
    for other in (karl, client):
        assert other.get(f"{url}/parameters/my part").status_code == 403
    stored()[0].unlink()
    assert anna.get(f"{url}/parameters/my part").status_code == 500


def test_only_what_is_referred_to(client: Client) -> None:
    """DALI 1.1 section 3.4.5 (DALI-36): other parts are ignored; a reference to nothing is for the worker to tell."""
    url = create(client, UPLOAD=["t,param:a", "u,http://x.example/", "v,param:c"], a=file(), b=file())
    assert names(url) == ["a"]
    assert len(stored()) == 1


def test_a_plain_field_is_a_part(client: Client) -> None:
    """A part without a file name is one all the same."""
    client.post("/uws/keep", {"UPLOAD": "t,param:TEXT", "TEXT": "hello"})
    (kept,) = parts.files(Job.objects.get())
    assert (kept.path.read_bytes(), kept.media_type, kept.metadata["filename"]) == (b"hello", "", "")


def test_an_empty_file_is_a_file(client: Client) -> None:
    create(client, UPLOAD="t,param:a", a=file(b""))
    assert [kept.path.read_bytes() for kept in parts.files(Job.objects.get())] == [b""]


def test_large_files_and_odd_types(client: Client, settings: Any) -> None:
    """Those that Django keeps on disk are moved; a media type that is none is forgotten."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    create(client, UPLOAD="t,param:a", a=file(b"x" * 999, "b" * 300 + ".csv", "no type"))
    (kept,) = parts.files(Job.objects.get())
    assert (len(kept.path.read_bytes()), kept.media_type) == (999, "")
    assert kept.metadata["filename"].endswith(".csv")
    assert len(kept.metadata["filename"]) <= 255
    assert kept.path.stat().st_mode & 0o077 == 0


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("more than 1000 bytes together", {"UPLOAD": "t,param:a", "a": b"x" * 1001}),
    ("more than 1000 bytes together", {"UPLOAD": ["t,param:a", "u,param:b"], "a": b"x" * 600, "b": b"x" * 600}),
    ("2 parts of the request are named 'a'", {"UPLOAD": "t,param:a", "a": [b"1", b"2"]}),
    ("21 files are sent along", {"UPLOAD": [f"t,param:{n}" for n in range(21)], **{str(n): b"" for n in range(21)}}),
    ("there is no such parameter", {"UPLOAD": "t,param:a", "a": b"x", "nosuch": "x"}),
    ("NUL", {"UPLOAD": "t,param:a", "a": b"x", "text": "\0"}),
]


def as_files(fields: Any) -> Any:
    """Fields of a form in which bytes are the content of files."""
    if isinstance(fields, dict):
        return {name: as_files(value) for name, value in fields.items()}
    if isinstance(fields, list):
        return [as_files(value) for value in fields]
    return file(fields) if isinstance(fields, bytes) else fields


@pytest.mark.parametrize(("words", "fields"), REFUSED)
def test_nothing_stays_of_a_refused_creation(client: Client, words: str, fields: dict[str, Any]) -> None:
    """TAP 1.1 section 2.7.6 (TAP-36): refused whole, in words."""
    response = client.post("/uws/keep", as_files(fields))
    assert (response.status_code, Job.objects.count()) == (400, 0)
    assert words in error_text(response)
    assert stored() == []


def test_a_body_beyond_all_limits_is_not_read(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = client.post("/uws/keep", {"UPLOAD": "t,param:a", "a": file(b"x" * 3000)})
    assert (response.status_code, Job.objects.count()) == (400, 0)
    assert "2000 bytes in all" in error_text(response)


def test_several_requests_add_up(client: Client) -> None:
    """TAP 1.1 section 2.7.6 (TAP-32): files and the values that name them; other parameters are replaced."""
    url = create(client, UPLOAD="t,param:a", a=file(b"x" * 400), text="old")
    sent = {"UPLOAD": "u,param:b", "b": file(b"x" * 400), "text": "new"}
    assert client.post(f"{url}/parameters", sent).status_code == 303
    assert names(url) == ["a", "b"]
    assert client.get(f"{url}/parameters/UPLOAD").content.decode().splitlines() == ["t,param:a", "u,param:b"]
    assert client.get(f"{url}/parameters/text").content == b"new"


LATER: list[tuple[str, dict[str, Any]]] = [
    ("a part named 'a' was sent before", {"UPLOAD": "u,param:a", "a": b"other"}),
    ("more than 1000 bytes together", {"UPLOAD": "u,param:b", "b": b"x" * 700}),
    ("more than 65536 characters", {"UPLOAD": ["u,param:b", "x" * 65536], "b": b"x"}),
    ("takes one value", {"UPLOAD": "u,param:b", "b": b"x", "text": ["1", "2"]}),
]


@pytest.mark.parametrize(("words", "fields"), LATER)
def test_a_refused_change_changes_nothing(client: Client, words: str, fields: dict[str, Any]) -> None:
    """UWS 1.1 section 2.2.3.1 (UWS-18)."""
    url = create(client, UPLOAD="t,param:a", a=file(b"x" * 400))
    before = stored(), names(url), client.get(f"{url}/parameters").content
    response = client.post(f"{url}/parameters", as_files(fields))
    assert response.status_code == 400
    assert words in error_text(response)
    assert (stored(), names(url), client.get(f"{url}/parameters").content) == before


def test_none_after_the_start(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """UWS 1.1 section 2.2.3.1: a job that was started takes none."""
    monkeypatch.setattr("uws.queue.tell", lambda job: True)
    url = create(client, UPLOAD="t,param:a", a=file(), PHASE="RUN")
    response = client.post(f"{url}/parameters", {"UPLOAD": "u,param:b", "b": file()})
    assert response.status_code == 403
    assert (names(url), len(stored())) == (["a"], 1)


def test_none_for_the_job_of_another(client: Client) -> None:
    job = service.create("keep", {}, service.Requester(User.objects.create_user("karl")))
    response = client.post(f"/uws/keep/{job.public_id}/parameters", {"UPLOAD": "u,param:b", "b": file()})
    assert (response.status_code, Part.objects.count(), stored()) == (403, 0, [])


def test_types_that_take_none(client: Client) -> None:
    assert client.post("/uws/echo", {"text": "x", "a": file()}).status_code == 303
    assert (Part.objects.count(), stored()) == (0, [])


def test_a_full_disk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file does not fit: the client may try again, and the first is gone."""
    save, calls = FileSystemStorage.save, []

    def limited(self: FileSystemStorage, name: str, content: Any, **options: Any) -> str:
        calls.append(name)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return save(self, name, content, **options)

    monkeypatch.setattr(FileSystemStorage, "save", limited)
    response = client.post("/uws/keep", {"UPLOAD": ["t,param:a", "u,param:b"], "a": file(), "b": file()})
    assert (response.status_code, len(calls)) == (503, 2)
    assert "cannot be kept now" in error_text(response)
    assert (Job.objects.count(), stored()) == (0, [])


def test_the_disk_is_not_filled(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is left for what else the service writes."""
    free = parts.KEPT_FREE + 4
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    assert client.post("/uws/keep", {"UPLOAD": "t,param:a", "a": file(b"12345")}).status_code == 503
    assert (Job.objects.count(), stored()) == (0, [])
    assert client.post("/uws/keep", {"UPLOAD": "t,param:a", "a": file(b"1234")}).status_code == 303


def test_the_sweep_takes_what_belongs_to_no_job(client: Client) -> None:
    """Left by a process killed at the wrong moment; what was not there long may be somebody's in a moment."""
    create(client, UPLOAD="t,param:a", a=file())
    (kept,) = stored()
    _old, young = _left(("ab/old", "ab/young"))
    now = 100.0
    orphans = Orphans(lambda: now)
    young.unlink()
    assert parts.sweep(orphans) == 0
    now += ORPHAN_AGE
    young.touch()
    assert parts.sweep(orphans) == 1
    assert stored() == sorted([kept, young])


def _left(paths: Sequence[str]) -> list[Path]:
    made = [FOLDER / path for path in paths]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left")
    return made
