"""What STILTS says of a links document."""

from __future__ import annotations

import subprocess
from pathlib import Path

KNOWN_FALSE = "E-SMCO"
"""STILTS carries an older vocabulary of semantics (datalink_soda.md DL-22)."""


def complaints(stilts: str, content: bytes, folder: Path) -> list[str]:
    """Errors and warnings of datalinklint and votlint, but for terms that are newer than their list."""
    path = folder / "links.vot"
    path.write_bytes(content)
    linted = _run([stilts, "datalinklint", "report=EWF", "maxrepeat=1000", str(path)])
    assert "Totals: " in linted, "datalinklint has looked at nothing"
    said = [line for line in linted.splitlines() if line[:2] in ("E-", "W-", "F-")]
    return [line for line in said if not line.startswith(KNOWN_FALSE)] + _run(
        [stilts, "votlint", str(path)]
    ).splitlines()


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
