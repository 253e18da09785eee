"""Validation against the standards' XML schemas, which stand in the folder of shared test files."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def validate(shared: Path) -> Callable[[bytes], list[str]]:
    """`validate(document)`: what is wrong with it by the schema of its root element; nothing is fetched."""
    path = shared / "standards" / "xsd" / "validate.py"
    spec = importlib.util.spec_from_file_location("xsd_validate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def problems(document: bytes) -> list[str]:
        return [str(problem) for problem in module.validate(document)[1]]

    return problems
