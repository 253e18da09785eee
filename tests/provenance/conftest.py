"""Fixtures of the provenance tests: records are seen by all, whatever the rooms above have registered."""

from __future__ import annotations

import pytest

from provenance import policy


@pytest.fixture(autouse=True)
def no_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_policies", [])
