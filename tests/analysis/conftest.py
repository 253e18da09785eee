"""Fixtures of the analysis tests: data stores, and a worker run with a recording context."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.analysis import science
from tests.analysis.context import RecordingContext, input_files
from tests.analysis.real import CRAB
from tests.fixtures.store import demo_store
from uws.context import InputFile
from uws.jobtypes import JobType

if TYPE_CHECKING:
    from gammapy.datasets import Datasets

science.load()

Runner = Callable[..., RecordingContext]


@pytest.fixture(scope="session")
def demo() -> Path:
    """The generated data store."""
    return demo_store()


@pytest.fixture(scope="session")
def hess(shared: Path) -> Path:
    """The public H.E.S.S. data release."""
    return shared / "data" / "hess-dl3-dr1"


@pytest.fixture(scope="session")
def crab_spectra(hess: Path) -> Datasets:
    """On-off spectra of the Crab runs, made by gammapy alone."""
    from tests.analysis import direct

    return direct.spectra(hess, CRAB.runs, CRAB.position)


@pytest.fixture(scope="session")
def crab_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What jobs on all Crab runs keep for each other."""
    return tmp_path_factory.mktemp("crab-cache")


@pytest.fixture(scope="session")
def run_job(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """run_job("spectrum", store, [23523], model="log-parabola"): the context after the worker has finished."""

    def run(
        job: str,
        store: Path,
        obs_ids: Sequence[int],
        files: Sequence[InputFile] | None = None,
        cache_dir: Path | None = None,
        **parameters: Any,
    ) -> RecordingContext:
        job_type: JobType = importlib.import_module(f"analysis.{job}.job").JOB
        values = parameters if "circle" in parameters else {"obs_id": tuple(map(str, obs_ids)), **parameters}
        folder = tmp_path_factory.mktemp(job)
        context = RecordingContext(
            parameters=job_type.parameters(**values),
            inputs={"observations": input_files(store, obs_ids) if files is None else files},
            workdir=folder,
            cache_dir=cache_dir or tmp_path_factory.mktemp("cache"),
        )
        importlib.import_module(f"analysis.{job}.worker").run(context)
        assert set(context.outputs) == {role.name for role in job_type.outputs}
        for role in job_type.outputs:
            assert context.outputs[role.name].name == role.filename
        return context

    return run
