"""The job type of docs/job-types.md, installed as a package and used."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from tests.analysis.context import RecordingContext, input_files
from uws import jobtypes, plugins
from uws.errors import UserJobError
from uws.jobtypes import JobType
from uws.values import parse

PAGE = Path(__file__).resolve().parents[2] / "docs" / "job-types.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def eventcount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobType]:
    """The page's module and entry point, as an installer puts them into a folder of packages."""
    (tmp_path / "eventcount.py").write_text(block("python"))
    names = tomllib.loads(block("toml"))["project"]["entry-points"][plugins.GROUP]
    info = tmp_path / "eventcount-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eventcount\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in names.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    plugins.register_plugins([])
    yield jobtypes.job_type("eventcount")
    jobtypes.unregister("eventcount")
    sys.modules.pop("eventcount", None)


def test_it_is_short() -> None:
    assert len([line for line in block("python").splitlines() if line]) <= 30


@pytest.mark.django_db
def test_it_is_on_offer(eventcount: JobType, client: Client) -> None:
    assert client.get("/uws/eventcount").status_code == 200
    assert client.get("/api/job-types/eventcount").json()["parameters"]["properties"]["threshold"]["unit"] == "TeV"
    form = client.get("/jobs/new/eventcount").content.decode()
    assert 'name="threshold"' in form
    made = client.post("/uws/eventcount", {"obs_id": "1001", "threshold": "0"})
    assert made.status_code == 400
    assert "must be above 0" in made.content.decode()


def test_it_counts(eventcount: JobType, demo_store: Path, tmp_path: Path) -> None:
    module, _, function = eventcount.worker.partition(":")
    run = getattr(importlib.import_module(module), function)
    files = input_files(demo_store, [1001, 1002])

    def context(threshold: str) -> RecordingContext:
        parameters = parse(eventcount.parameters, {"obs_id": ["1001", "1002"], "threshold": [threshold]})
        return RecordingContext(parameters, {"observations": files}, tmp_path, tmp_path)

    counted = context("1")
    run(counted)
    head, *rows = counted.outputs["counts"].read_text().splitlines()
    assert head == "obs_id,events"
    numbers = {row.partition(",")[0]: int(row.partition(",")[2]) for row in rows}
    assert list(numbers) == ["1001", "1002"]
    assert all(number > 0 for number in numbers.values())
    assert counted.messages[-1][1] == pytest.approx(1)
    with pytest.raises(UserJobError, match="lower the threshold"):
        run(context("1e6"))
