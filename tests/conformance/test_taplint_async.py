"""STILTS taplint of asynchronous queries, against a running server and worker with the demo archive: no message."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_taplint_async(async_url: str, need: Callable[[str], str]) -> None:
    """STILTS 3.4.7 taplint: UWS (UWS 1.1 as TAP uses it), QAS (asynchronous queries), UPL (uploads, in both modes)."""
    service = async_url.removesuffix("/async")
    command = [need("stilts"), "taplint", f"tapurl={service}", "stages=TMV TME TMS CPV CAP UWS QAS UPL", "report=EWF"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=560, check=False)
    lines = run.stdout.splitlines()
    assert [line for line in lines if line.startswith("Totals")], run.stdout + run.stderr
    wrong = [line for line in lines if line[:2] in ("E-", "W-", "F-") and line[2:5] in ("UWS", "QAS", "UPL")]
    assert wrong == []
