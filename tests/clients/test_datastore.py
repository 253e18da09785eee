"""docs/examples/datastore_from_adql.py against a running service: the spectrum is that of the original files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archive_fixtures import empty
from tests.server import web_server

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
RUNS = (23523, 23526, 23559)
BOTH = """
import json, sys
from pathlib import Path
from gammapy.data import DataStore
from datastore_from_adql import data_store, spectrum
base, folder, original, *runs = sys.argv[1:]
runs = [int(run) for run in runs]
store = data_store(base, Path(folder))
made = spectrum(store, runs)
events = {run: int(len(store.obs(run).events.table)) for run in runs}
print(json.dumps([made, spectrum(DataStore.from_dir(original), runs), sorted(map(int, store.obs_ids)), events]))
"""


@pytest.fixture(scope="module")
def base(shared: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """URL of a service that has nothing but three runs on the Crab Nebula."""
    from archive.ingest import ingest

    empty(django_db_blocker)
    with django_db_blocker.unblock():
        for run in RUNS:
            path = shared / "data" / "hess-dl3-dr1" / "data" / f"hess_dl3_dr1_obs_id_{run:06d}.fits.gz"
            assert ingest(path, "crab-runs").exit_status == 0
    with web_server() as url:
        yield url
    empty(django_db_blocker)


@pytest.mark.django_db
def test_same_spectrum_as_from_the_files(base: str, shared: Path, tmp_path: Path) -> None:
    """A DataStore of an ADQL result, DataLink and one-HDU files is as good as the release's own."""
    done = subprocess.run(
        [sys.executable, "-c", BOTH, base, str(tmp_path), str(shared / "data" / "hess-dl3-dr1"), *map(str, RUNS)],
        cwd=EXAMPLES, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    made, original, obs_ids, events = json.loads(done.stdout)
    assert made == original
    assert obs_ids == sorted(RUNS)
    assert made["n_on"] > 300
    assert made["index"] == pytest.approx(2.6, abs=0.2)
    assert min(events.values()) > 5000
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.fits"))
    assert len(files) == 5 * len(RUNS)
    assert f"crab-runs/r1/{RUNS[0]}/psf.fits" in files
