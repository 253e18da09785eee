"""Stored files are read again: what is missing or altered is found, recorded and told."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.timezone import now

from archive.identifiers import make_did
from archive.models import ProductFile, StoredFile
from archive.objects import StorageUnavailable
from archive.scrubbing import Pace, Scrubber, check, due
from archive.store import local_path
from tests.archive.test_ingest import TakeIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(take_in: TakeIn, folder: Path) -> list[StoredFile]:
    """The files of runs 1 to 3, last read forty, thirty and ten days ago."""
    take_in(folder)
    found = [ProductFile.objects.get(product__did=make_did("c", "r1", str(run))).file for run in (1, 2, 3)]
    for file, days in zip(found, (40, 30.1, 10), strict=True):
        StoredFile.objects.filter(pk=file.pk).update(checked=now() - timedelta(days=days))
    return found


def again(file: StoredFile) -> StoredFile:
    return StoredFile.objects.get(pk=file.pk)


def test_each_file_in_its_time(files: list[StoredFile], settings: Any) -> None:
    """Those that were not read within the days of the setting, one after the other."""
    assert list(due(30)) == files[:2]
    scrubber = Scrubber(lambda: None)
    read: list[int] = []
    assert [scrubber.step(read.append) for _ in range(3)] == [True, True, False]
    assert sum(read) == sum(file.size for file in files[:2])
    assert list(due(30)) == []
    StoredFile.objects.filter(pk=files[2].pk).update(checked=None)
    assert list(due(30)) == [files[2]]


def test_what_is_wrong_is_recorded(files: list[StoredFile], client: Client, settings: Any) -> None:
    """In the record, for the admin's filter and /healthz; it goes when the file is whole again."""
    altered, missing, shorter = (local_path(file.path) for file in files)
    content = altered.read_bytes()
    altered.write_bytes(content[:-1] + b"\1")
    missing.unlink()
    shorter.write_bytes(shorter.read_bytes()[:-1])
    found = [check(file) for file in files]
    size = files[2].size
    assert found == [
        "changed: its SHA-256 is another",
        "missing",
        f"changed: it has {size - 1} bytes, recorded are {size}",
    ]
    assert [again(file).damage for file in files] == found
    assert all(again(file).damage_found for file in files)
    assert client.get("/healthz").json()["damaged_files"] == 3
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.force_login(User.objects.create_superuser("curator"))
    page = client.get("/admin/archive/storedfile/", {"state": "damaged"}).content.decode()
    assert all(file.path in page for file in files)
    assert files[0].path not in client.get("/admin/archive/storedfile/", {"state": "sound"}).content.decode()
    altered.write_bytes(content)
    assert check(again(files[0])) == ""
    assert (again(files[0]).damage, again(files[0]).damage_found) == ("", None)


def test_damage_that_a_client_meets_is_recorded(files: list[StoredFile], client: Client) -> None:
    local_path(files[0].path).unlink()
    assert client.get("/retrieve", {"ID": make_did("c", "r1", "1")}).status_code == 500
    assert again(files[0]).damage == "missing"


def test_a_disk_that_is_not_there_is_no_damage(files: list[StoredFile], store: Path, client: Client) -> None:
    shutil.move(store, store.with_name("elsewhere"))
    with pytest.raises(StorageUnavailable):
        check(files[0])
    assert client.get("/retrieve", {"ID": make_did("c", "r1", "1")}).status_code == 503
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("checkfiles")
    assert again(files[0]).damage == ""


def test_reading_keeps_to_its_pace() -> None:
    """So many bytes a second, whatever the pieces; time that was not used is not made up for."""
    clock = [0.0]

    def wait(seconds: float) -> None:
        clock[0] += seconds

    pace = Pace(100.0, wait, lambda: clock[0])
    for count in (50, 250, 10, 90):
        pace(count)
    assert clock[0] == pytest.approx(4.0)
    clock[0] = 100.0
    pace(100)
    assert clock[0] == pytest.approx(101.0)
