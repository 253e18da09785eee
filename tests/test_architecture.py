"""The house stands as drawn: layers, borders, clean code, nothing in the repository that does not belong there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent
WORKERS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("analysis", "reconstruction")
    for path in (ROOT / room).glob("*/worker.py")
)
SCIENCE = {"gammapy", "ctapipe", "regions", "numba", "matplotlib"}
WEB = {"django", "rest_framework", "celery", "distiller", "archive", "tap", "provenance", "frontend"}
START_LIMIT = 3.0
"""Seconds of processor time that the web process may take to start, with its modules compiled."""


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"


def python(code: str, home: Path) -> dict[str, object]:
    """Run code in a fresh process; the JSON that it prints. Compiled modules are kept under `home`."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={
            **inherited,
            "DISTILLER_HOME": str(home),
            "DATABASE_URL": "",
            "PYTHONPYCACHEPREFIX": str(home / "compiled"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("architecture")


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the repository; none if this is no checkout."""
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = result.stdout.decode().split("\0") if result.returncode == 0 else []
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


@pytest.fixture
def files() -> tuple[Path, ...]:
    if not tracked():
        pytest.skip("this is no git checkout")
    return tracked()


def test_imports_point_down_only() -> None:
    """The contracts of pyproject.toml: layers, web code without science packages, workers without the web."""
    run(str(TOOLS / "lint-imports"), "--no-cache")


def test_contracts_know_every_room_and_job() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "fixtures"}
    assert rooms == set(config["root_packages"])
    layers = next(contract for contract in config["contracts"] if contract["type"] == "layers")["layers"]
    assert {name for layer in layers for name in re.split(r" [:|] ", layer)} == rooms
    forbidden = next(c for c in config["contracts"] if "gammapy" in c.get("forbidden_modules", ()))
    jobs = {worker.replace(".worker", ".job") for worker in WORKERS}
    assert jobs
    assert jobs <= set(forbidden["source_modules"])


@pytest.mark.slow
def test_ruff_is_clean() -> None:
    run(str(TOOLS / "ruff"), "check", "--no-cache", ".")
    run(str(TOOLS / "ruff"), "format", "--no-cache", "--check", ".")


@pytest.mark.slow
def test_mypy_is_clean() -> None:
    run(sys.executable, "-m", "mypy")


def test_web_process_starts_fast_and_without_science_packages(home: Path) -> None:
    """Everything that serves requests is loaded, in under three seconds, without gammapy and its like."""
    code = (
        "import json, sys, time\n"
        "import distiller.wsgi\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        f"loaded = sorted(set(sys.modules) & {SCIENCE!r})\n"
        "print(json.dumps({'seconds': time.process_time(), 'loaded': loaded}))"
    )
    assert python(code, home)["loaded"] == []
    starts = [float(str(python(code, home)["seconds"])) for _ in range(2)]
    assert min(starts) < START_LIMIT, starts


@pytest.mark.parametrize("worker", WORKERS)
def test_worker_knows_nothing_of_the_web(worker: str, home: Path) -> None:
    """A worker's module, with all that it imports, loads neither Django nor a room of the web application."""
    code = (
        "import importlib, json, sys\n"
        f"importlib.import_module({worker!r})\n"
        f"print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}} & {WEB!r})))"
    )
    assert python(code, home) == []


def test_no_large_files(files: tuple[Path, ...]) -> None:
    assert [path.name for path in files if path.stat().st_size > 2**20] == []


def test_no_places_of_one_machine(files: tuple[Path, ...]) -> None:
    """No host of a package registry, no path of a developer's machine: they would be wrong anywhere else."""
    hosts = ("py" + "pi.org", "files.python" + "hosted", "npm" + "js.org", "npm" + "js.com", "registry." + "yarnpkg")
    folders = ("work", "root", "Users", "home")
    pattern = re.compile(
        "|".join([*map(re.escape, hosts), r"(?<![\w.~*}>/-])/(?:" + "|".join(folders) + r")/[\w.-]"]).encode()
    )
    found = {}
    for path in files:
        match = pattern.search(path.read_bytes())
        if match:
            found[path.relative_to(ROOT).as_posix()] = match.group().decode()
    assert found == {}


def test_every_module_says_its_subject(files: tuple[Path, ...]) -> None:
    """The first line of a file says what it is about."""
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.suffix == ".py"
        and path.stat().st_size
        and "migrations" not in path.parts
        and not re.match(rb'(#![^\n]*\n)?(# [^\n]*\n)*r?"""\S', path.read_bytes())
    ]
    assert silent == []
