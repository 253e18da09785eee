"""The documentation is true: reference pages are up to date, code compiles, commands, settings and links exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from distiller import reference
from distiller.settings.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
TEST_VARIABLES = {
    "DISTILLER_TEST_DATABASE",
    "DISTILLER_SHARED",
    "DISTILLER_REQUIRE_ALL",
    "DISTILLER_SCREENSHOTS",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def plain_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation with nothing configured."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISTILLER_", "DATABASE_URL", "CELERY_"))}
    return {**kept, "DISTILLER_HOME": str(tmp_path)}


def test_reference_is_up_to_date(plain_environment: dict[str, str]) -> None:
    """`manage.py reference` has been run since the declarations changed."""
    result = subprocess.run(
        [sys.executable, "manage.py", "reference", "--check"],
        cwd=ROOT,
        env=plain_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_outdated_pages_are_noticed(tmp_path: Path) -> None:
    pages = sorted(reference.pages())
    assert reference.outdated(tmp_path) == pages
    assert reference.write(tmp_path) == pages
    assert reference.write(tmp_path) == []
    (tmp_path / "jobs.md").write_text("old")
    (tmp_path / "gone.md").write_text("old")
    assert reference.outdated(tmp_path) == ["gone.md", "jobs.md"]
    reference.write(tmp_path)
    assert reference.outdated(tmp_path) == []


def test_reference_is_complete() -> None:
    """Every setting, job parameter, function and published column is on its page, with what it means."""
    from tap.adql.functions import FUNCTIONS
    from tap.registry import tables
    from uws.jobtypes import job_types

    pages = reference.pages()
    for name in Environment.model_fields:
        assert f"`{name.upper()}`" in pages["settings.md"]
    for job_type in job_types():
        section = pages["jobs.md"].partition(f"## {job_type.name}\n")[2].partition("\n## ")[0]
        for field in job_type.parameters.model_fields:
            assert f"`{field}`" in section
        for output in job_type.outputs:
            assert f"`{output.name}`" in section
    for function in FUNCTIONS.values():
        assert re.search(
            rf"^\| `{function.name}[` ].*`{re.escape(function.name)}\(.*` \|$", pages["functions.md"], re.M
        )
    for table in tables():
        assert table.meta.description
        section = pages["columns.md"].partition(f"### {table.meta.name}\n")[2].partition("\n### ")[0]
        for column in table.meta.columns:
            assert f"| `{column.name}` |" in section
            assert column.description, f"{table.meta.name}.{column.name}"


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for number, (kind, code) in enumerate(re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(), re.M | re.S)):
            if kind == language:
                yield f"{named(path)}#{number}", code


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in blocks("python")])
def test_python_in_the_documentation_compiles(code: str) -> None:
    compile(code, "<documentation>", "exec")


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.py")), ids=named)
def test_examples_compile(path: Path) -> None:
    compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_what_a_page_names_exists(path: Path) -> None:
    """Management commands, make targets, settings and the files that links lead to."""
    text = path.read_text()
    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands <= set(get_commands())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M)) <= targets
    settings = {name.upper() for name in Environment.model_fields} | TEST_VARIABLES
    assert set(re.findall(r"\bDISTILLER_[A-Z_]+[A-Z]\b", text)) <= settings
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{named(path)} links to {target}"


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        assert f"decisions/{path.name}" in index
