"""The version that results carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vo import version


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    version.version.cache_clear()
    yield
    version.version.cache_clear()


def test_the_revision_of_an_image_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLER_REVISION", "g0123abc")
    assert version.version() == f"{version.release()}+g0123abc"
    version.version.cache_clear()


def test_a_checkout_tells_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISTILLER_REVISION", raising=False)
    if not (Path(__file__).parents[2] / ".git").exists():
        assert version.version() == version.release()
    else:
        assert re.fullmatch(r"\d+\.\d+\.\d+\+g[0-9a-f]{10}(\.changed)?", version.version())
