"""The archive in a storage without paths: ingest, retrieval and jobs' files, with a storage that fails now and then."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from archive import copies, objects, preview
from archive.identifiers import make_did
from archive.ingest import Status, ingest
from archive.models import ProductFile, StoredFile
from archive.objects import StorageUnavailable
from archive.retrieval import copies as kept
from archive.store import is_present, local_path, orphans, writing
from tests.archive.objectstore import OBJECTS
from tests.archive.test_retrieve import body
from tests.archive.undrawn import undrawn
from vo.errors import FatalFault, TransientFault

pytestmark = pytest.mark.django_db
SETTING = {"BACKEND": "tests.archive.objectstore.ObjectStore"}


@pytest.fixture
def storage(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The object store, empty; `storage(3)`: from now on every third request to it fails."""
    OBJECTS.clear()
    monkeypatch.setattr(objects, "PAUSE", 0.0)
    # Columnar copies are made from files in the cache, which is to be empty here.
    monkeypatch.setattr(copies, "prepare", lambda did: None)
    monkeypatch.setattr(preview, "render", undrawn)
    settings.DISTILLER_HOME = tmp_path / "home"

    def use(fails_every: int = 0) -> None:
        default = {**SETTING, "OPTIONS": {"fails_every": fails_every}}
        settings.STORAGES = {**settings.STORAGES, "default": default}

    use()
    return use


@pytest.fixture
def packed(folder: Path) -> Path:
    """Three runs, the first of them compressed."""
    plain = folder / "run1.fits"
    (folder / "run1.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return folder


def use_of(run: str) -> ProductFile:
    return ProductFile.objects.select_related("file").get(product__did=make_did("c", "r1", run))


def test_the_ways_through(storage: Any, packed: Path, client: Client) -> None:
    """In, out whole and in part, to jobs, and back again after a loss, though every third request fails."""
    storage(3)
    assert [o.status for o in ingest(packed, "c").outcomes] == [Status.ADDED] * 3
    held = StoredFile.objects.filter(uses__product__release__collection__name="c")
    assert set(OBJECTS) == set(held.values_list("path", flat=True))
    whole = (packed / "run2.fits").read_bytes()
    assert body(client.get("/retrieve", {"ID": make_did("c", "r1", "2")})) == whole
    part = client.get("/retrieve", {"ID": make_did("c", "r1", "2")}, headers={"range": "bytes=-9"})
    assert body(part) == whole[-9:]
    content = gzip.decompress((packed / "run1.fits.gz").read_bytes())
    assert body(client.get("/retrieve", {"ID": make_did("c", "r1", "1")})) == content
    dids = [make_did("c", "r1", run) for run in ("1", "2")]
    assert whole in body(client.get("/retrieve/bundle", {"ID": dids}))
    assert local_path(use_of("3").file.path).read_bytes() == (packed / "run3.fits").read_bytes()
    del OBJECTS[use_of("2").file.path]
    assert not is_present(use_of("2").file)
    assert [o.status for o in ingest(packed, "c").outcomes].count(Status.RESTORED) == 1
    assert OBJECTS[use_of("2").file.path] == whole


def test_a_storage_that_does_not_answer(storage: Any, folder: Path, client: Client) -> None:
    """A passing fault for clients, a refusal for ingest; nothing is taken for damaged or half stored."""
    ingest(folder, "c")
    before = dict(OBJECTS)
    storage(1)
    response = client.get("/retrieve", {"ID": make_did("c", "r1", "1")})
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    with pytest.raises(StorageUnavailable):
        is_present(use_of("1").file)
    report = ingest(folder, "c", "r2")
    assert [o.status for o in report.outcomes] == [Status.REFUSED] * 3
    assert not StoredFile.objects.exclude(damage="").exists()
    storage()
    with writing():  # which sweeps
        assert before == OBJECTS


def test_what_is_altered_there(storage: Any, folder: Path, client: Client) -> None:
    """A copy is compared with its checksum before it is used; the record says what was found."""
    ingest(folder, "c")
    name = use_of("1").file.path
    OBJECTS[name] = OBJECTS[name][:-1] + b"\1"
    response = client.get("/retrieve", {"ID": make_did("c", "r1", "1")})
    assert (response.status_code, "damaged" in response.content.decode()) == (500, True)
    with pytest.raises(FatalFault):
        local_path(name)
    assert use_of("1").file.damage == "changed: its SHA-256 is another"
    assert ingest(folder, "c").outcomes[0].status is Status.RESTORED
    assert local_path(name).read_bytes() == (folder / "run1.fits").read_bytes()


def test_what_nobody_knows_there(storage: Any, folder: Path) -> None:
    OBJECTS["ab/stray"] = b"x"
    assert list(orphans()) == ["ab/stray"]
    ingest(folder, "c")
    altered = use_of("2").file.path
    OBJECTS[altered] = b"x" + OBJECTS[altered][1:]
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("checkfiles", "--content", "--remove-orphans", stdout=out, stderr=out)
    assert "removed ab/stray" in out.getvalue()
    assert f"{altered} changed: its SHA-256 is another" in out.getvalue()
    assert use_of("1").file.path not in out.getvalue()
    assert "ab/stray" not in OBJECTS


def test_copies_stay_within_their_limit(tmp_path: Path) -> None:
    """What was used longest ago goes; what a job may be reading stays; one that is too large is not begun."""
    made = kept.Copies(tmp_path / "copies", 100)
    contents = [bytes([n]) * 40 for n in range(4)]
    names = [kept.hashlib.sha256(content).hexdigest() for content in contents]

    def there() -> set[int]:
        return {names.index(path.name) for path in made.folder.iterdir() if not path.name.startswith(".")}

    made.path(names[0], 40, lambda: [contents[0]], keep=1000)
    for number in (1, 2):
        with made.open(names[number], 40, lambda number=number: [contents[number]]) as file:
            assert file.read() == contents[number]
    assert there() == {0, 2}
    assert not made.fits(51)
    made.path(names[2], 40, lambda: [], keep=1000)
    with pytest.raises(TransientFault, match="no room"):
        made.path(names[3], 40, lambda: [contents[3]])
    with pytest.raises(kept.Altered):
        kept.Copies(tmp_path / "others", 100).path(names[3], 40, lambda: [contents[2]])
    assert [path for path in (tmp_path / "others").iterdir() if not path.name.startswith(".lock")] == []
