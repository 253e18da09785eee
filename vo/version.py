"""Version of this software as results carry it: release, and the revision of the code where it is known."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


@cache
def release() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"])


@cache
def version() -> str:
    """Release and revision: `0.1.0+g24b1da1`, with `.changed` when the checkout differs from its revision.

    The revision is DISTILLER_REVISION (set when an image is built), else that of the git checkout, else left out.
    """
    revision = os.environ.get("DISTILLER_REVISION", "") or _git_revision()
    return f"{release()}+{revision}" if revision else release()


def _git_revision() -> str:
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        return ""
    head = _output(git, "rev-parse", "--short=10", "HEAD")
    if not head:
        return ""
    return f"g{head}" + (".changed" if _output(git, "status", "--porcelain", "--untracked-files=no") else "")


def _output(git: str, *arguments: str) -> str:
    done = subprocess.run([git, "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
