"""Columnar copies of event lists come with ingest, never stand in its way, and can be made anew."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from django.core.management import call_command

from archive.copies import event_lists, event_store
from archive.ingest import Status, ingest
from archive.models import Product
from events.copies import paths
from events.store import EventStore
from tests.archive import samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(settings: object, tmp_path: Path) -> Path:
    """A folder with one observation, and no other event list in the archive until the test ends."""
    Product.objects.filter(semantics="#this").update(semantics="#auxiliary")
    settings.DISTILLER_HOME = tmp_path / "home"  # type: ignore[attr-defined]
    folder = tmp_path / "data"
    folder.mkdir()
    samples.write(folder / "run.fits")
    return folder


def test_ingest_makes_the_copy(store: Path) -> None:
    assert [outcome.status for outcome in ingest(store, "made").outcomes] == [Status.ADDED]
    (source,) = (events.source() for events in event_lists())
    assert event_store().has(source.sha256)
    assert event_store().prepare(source).rows == 50
    assert source.obs_id == "42"
    assert source.hdus["psf"] == "PSF"


def test_a_failure_never_fails_the_ingest(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(EventStore, "prepare", fail)
    with caplog.at_level(logging.ERROR):
        assert [outcome.status for outcome in ingest(store, "made").outcomes] == [Status.ADDED]
    assert "could not be made" in caplog.text


def test_command_makes_what_is_missing_and_removes_the_rest(store: Path) -> None:
    ingest(store, "made")
    (source,) = (events.source() for events in event_lists())
    copies = event_store()
    arrow, rest = paths(next(copies.folder.glob("*.hdus")).with_suffix(""))
    rest.unlink()
    stray = copies.folder / ("0" * 64 + "-1.arrow")
    stray.touch()
    assert "1 event lists: 1 copies made, 0 impossible; 1 files removed." in command()
    assert copies.has(source.sha256)
    assert not stray.exists()
    content = bytearray(arrow.read_bytes())
    content[copies.prepare(source).description.places[0][1]] ^= 1
    arrow.write_bytes(content)
    assert "0 copies made" in command()
    assert "1 copies made" in command("--verify")
    source.path.unlink()
    rest.unlink()
    with pytest.raises(SystemExit, match="1"):
        command()


def command(*arguments: str) -> str:
    told = io.StringIO()
    call_command("prepareevents", *arguments, stdout=told, stderr=told)
    return told.getvalue()
