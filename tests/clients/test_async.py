"""Asynchronous queries by client programs: pyvo, and STILTS, whose code is TOPCAT's."""

from __future__ import annotations

import gc
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pyvo
import requests
from astropy.table import Table
from pyvo.dal.exceptions import DALQueryError

from uws.models import Part

QUERY = "SELECT TOP 5 obs_id, s_ra, s_dec FROM ivoa.obscore ORDER BY obs_id"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""pyvo 1.9 leaves the connections of answers that it has read to the garbage collector."""
Stilts = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def service(async_url: str) -> Iterator[pyvo.dal.TAPService]:
    yield pyvo.dal.TAPService(async_url.removesuffix("/async"))
    gc.collect()


@pytest.fixture
def stilts(need: Callable[[str], str]) -> Stilts:
    """`stilts("task", "name=value", ...)`"""
    program = need("stilts")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "-allowunused", *words], capture_output=True, text=True, timeout=180, check=False
        )

    return run


def test_pyvo_run_async(service: pyvo.dal.TAPService) -> None:
    """`run_async` gives what `run_sync` does."""
    found = service.run_async(QUERY).to_table()
    same = service.run_sync(QUERY).to_table()
    assert len(found) == 5
    assert [list(row) for row in found] == [list(row) for row in same]


def test_pyvo_submit_job(service: pyvo.dal.TAPService) -> None:
    """A job step by step, to its deletion."""
    job = service.submit_job(QUERY, maxrec=2)
    assert job.phase == "PENDING"
    assert job.query == QUERY
    job.run()
    job.wait(timeout=60)
    assert job.phase == "COMPLETED"
    assert job.result_uri == f"{job.url}/results/result"
    assert len(job.fetch_result()) == 2
    url = job.url
    job.delete()
    assert requests.get(url, timeout=30).status_code == 404


def test_pyvo_uploads(service: pyvo.dal.TAPService) -> None:
    """One table comes with the job, another is added to it; they are gone with it."""
    query = "SELECT a.name, b.flux FROM TAP_UPLOAD.a JOIN TAP_UPLOAD.b ON a.id = b.id"
    job = service.submit_job(query, uploads={"a": Table({"id": [1, 2], "name": ["x", "ü"]})})
    job.upload(b=Table({"id": [2, 3], "flux": [0.5, 0.7]}))
    assert Part.objects.count() == 2
    job.run()
    job.wait(timeout=60)
    job.raise_if_error()
    assert [tuple(row.values()) for row in job.fetch_result()] == [("ü", 0.5)]
    job.delete()
    assert Part.objects.count() == 0


def test_pyvo_shows_what_is_wrong(service: pyvo.dal.TAPService) -> None:
    job = service.submit_job("SELECT no_such_column FROM ivoa.obscore")
    job.run()
    job.wait(timeout=60)
    with pytest.raises(DALQueryError, match=r"line 1 column 8: .*no_such_column"):
        job.raise_if_error()


def test_stilts_tapquery_and_tapresume(stilts: Stilts, async_url: str, tmp_path: Path) -> None:
    """A query in STILTS's default mode; the finished job is found again by its URL, and deleted."""
    tap = async_url.removesuffix("/async")
    words = (f"tapurl={tap}", "parse=false", "poll=500", "delete=never", "progress=true", f"adql={QUERY}", "ofmt=csv")
    run = stilts("tapquery", *words, f"out={tmp_path / 'rows.csv'}")
    assert run.returncode == 0, run.stderr
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert len(rows) == 6
    found = re.search(rf"{re.escape(async_url)}/[a-z0-9]+", run.stdout + run.stderr)
    assert found is not None
    again = stilts("tapresume", f"joburl={found[0]}", "delete=always", "ofmt=csv")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-6:] == rows
    assert requests.get(found[0], timeout=30).status_code == 404


def test_stilts_shows_what_is_wrong(stilts: Stilts, async_url: str) -> None:
    run = stilts(
        "tapquery", f"tapurl={async_url.removesuffix('/async')}", "parse=false", "poll=500", "delete=always",
        "adql=SELECT no_such_column FROM ivoa.obscore",
    )  # fmt: skip
    assert run.returncode != 0
    assert "no_such_column" in run.stderr
