"""An ingest that is killed (SIGKILL) at any moment and run again leaves nothing doubled, lost or half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.archive.killing import POINTS
from tests.environment import DATABASE

RUNS = 6


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A database of this test's own."""
    if DATABASE != "postgresql":
        return f"sqlite:///{tmp_path / 'kill.sqlite3'}"
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS killing")
        connection.execute("CREATE DATABASE killing")
    return server.replace("/distiller?", "/killing?")


def test_killed_and_run_again(tmp_path: Path, database_url: str) -> None:
    environment = {**os.environ, "DISTILLER_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.archive.killing", str(tmp_path / "data"), str(RUNS)],
        env=environment, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout)
    store = rounds.pop("store")
    expected = rounds["7 never"]
    assert expected["observations"] == [str(n) for n in range(1, RUNS + 1)]
    assert (expected["products"], expected["obscore"], expected["hea"]) == (3 * RUNS + 1, RUNS, RUNS)
    for name, state in rounds.items():
        assert {k: v for k, v in state.items() if k not in ("kills", "debris")} == {
            k: v for k, v in expected.items() if k not in ("kills", "debris")
        }, name
    # The points are real: the children died there, and left something to clear up.
    for number, point in enumerate(POINTS):
        state = rounds[f"{number} {point}"]
        assert state["kills"] == 3, point
        assert state["debris"] == 3, point
    assert store == {"orphans": [], "incoming": [], "files": (3 * RUNS + 1) * len(rounds)}
