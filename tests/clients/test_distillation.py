"""Distilled events as programs get them, against a running server with its worker: the documentation, SODA, jobs."""

from __future__ import annotations

import gc
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvo
import requests
from astropy.io import fits
from pyvo.utils import vocabularies

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "distillation.md"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""pyvo 1.9 leaves the connections of answers that it has read to the garbage collector."""


@pytest.fixture
def base(async_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """URL of the service; files are written to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vocabularies, "get_vocabulary", lambda name, force_update=False: {"terms": {}})
    yield async_url.removesuffix("/tap/async")
    gc.collect()


def bundles(base: str, count: int) -> list[str]:
    """Identifiers of observations."""
    query = "SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event' ORDER BY obs_id"
    return [row["obs_publisher_did"] for row in pyvo.dal.TAPService(f"{base}/tap").run_sync(query, maxrec=count)]


def finished(url: str) -> str:
    """The document of a job that has ended well."""
    document = requests.get(f"{url}?WAIT=60", timeout=90).text
    while re.search("<uws:phase>(QUEUED|EXECUTING)", document):  # the test's own time limits it
        document = requests.get(f"{url}?WAIT=60", timeout=90).text
    assert "<uws:phase>COMPLETED" in document, document
    return document


def start(url: str, **parameters: object) -> str:
    answer = requests.post(url, data={"PHASE": "RUN", **parameters}, allow_redirects=False, timeout=60)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_from_end_to_end(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, for a server and a worker take long to start."""
    _run_the_documentation(base, capsys)
    _cut_out_at_once(base)
    _cut_out_by_jobs(base)
    _fetch_a_data_store(base)


def _run_the_documentation(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The examples run as they stand; the message of a completed job is what its worker said last."""
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        exec(code.replace("http://127.0.0.1:8000", base), names)
    count = re.search(r"(\d+) photons above 1 TeV", capsys.readouterr().out)
    assert count is not None
    assert int(count[1]) > 0
    assert zipfile.is_zipfile("events.zip")
    assert re.search(r"progress>\d+ of \d+ events of \d+ observations<", finished(names["job"].url))


def _cut_out_at_once(base: str) -> None:
    """A single file says how long it is."""
    answer = requests.get(f"{base}/soda/sync", {"ID": bundles(base, 1)}, timeout=60)
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 64 * 1024


def _cut_out_by_jobs(base: str) -> None:
    """SODA 1.0 section 6 (SD-11): a result for each observation, also for one that is none."""
    ids = [*bundles(base, 1), "ivo://x/y?z"]
    url = start(f"{base}/soda/async", ID=ids, ENERGY="1 +Inf")
    document = finished(url)
    assert url.startswith(f"{base}/soda/async/")
    assert re.findall(r'uws:result id="([^"]+)"', document) == ["result-1", "result-2"]
    first, second = (requests.get(f"{url}/results/result-{n}", timeout=60) for n in (1, 2))
    with fits.open(io.BytesIO(first.content)) as hdus:
        assert hdus["EVENTS"].data["ENERGY"].min() >= 1
    assert second.headers["Content-Type"].startswith("text/plain")
    assert second.text.startswith("UsageError: ")


def _fetch_a_data_store(base: str) -> None:
    """RESPONSEFORMAT=gadf of an asynchronous query, with its media type and name."""
    query = "SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event' AND obs_id = '1001'"
    url = start(f"{base}/tap/async", QUERY=query, LANG="ADQL", RESPONSEFORMAT="gadf")
    finished(url)
    answer = requests.get(f"{url}/results/result", timeout=60)
    assert answer.headers["Content-Type"] == "application/zip;content=gadf"
    assert "datastore.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert b"obs_id = '1001'" in archive.read("README.txt")
