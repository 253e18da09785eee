"""Fixtures of the archive's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive import preview
from archive.ingest import Report, ingest
from tests.archive import samples
from tests.archive.undrawn import undrawn


@pytest.fixture
def store(tmp_path: Path, settings: Any) -> Path:
    """An empty file store for this test: its rows are rolled back, and so would leave files that nobody knows."""
    folder = tmp_path / "store"
    default = {**settings.STORAGES["default"], "OPTIONS": {"location": folder}}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return folder


@pytest.fixture
def quick_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Previews that are not drawn, which takes most of the time of an ingest."""
    monkeypatch.setattr(preview, "render", undrawn)


@pytest.fixture
def take_in(db: None, store: Path, quick_previews: None) -> Callable[..., Report]:
    """`take_in(path, collection="c", ...)`: ingest, without drawing."""

    def run(path: Path, collection: str = "c", release: str = "r1", **options: object) -> Report:
        return ingest(path, collection, release, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three event files without an index: runs 1, 2 and 3."""
    where = tmp_path / "data"
    where.mkdir()
    for number in (1, 2, 3):
        samples.write(
            where / f"run{number}.fits",
            samples.events(OBS_ID=number, TSTART=1000.0),
            samples.gti(),
            samples.aeff(),
            samples.edisp(),
            samples.psf(),
        )
    return where
