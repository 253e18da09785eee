"""The jobs on spectra beside gammapy alone, in one process: `python -m benchmarks.analysis1d STORE [ROUNDS]`.

STORE is the public H.E.S.S. data release. Each line is the best of ROUNDS (3): seconds of a job on a warm worker, with
all its files and pictures, on runs that were never seen; on the same runs with another model; and of a script that does
the same with gammapy and writes nothing.
"""

from __future__ import annotations

import os

from uws.warmth import ONE_THREAD, settle

os.environ.update(ONE_THREAD)  # NumPy reads it when it is imported

import importlib
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from astropy import units as u
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.estimators import FluxPointsEstimator, LightCurveEstimator
from gammapy.modeling.models import (
    ExpCutoffPowerLawSpectralModel,
    LogParabolaSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    SpectralModel,
)

from tests.analysis import direct
from tests.analysis.context import RecordingContext, input_files
from tests.analysis.real import CRAB

PARAMETERS: dict[str, dict[str, Any]] = {
    "spectrum": {},
    "lightcurve": {"binning": "run"},
    "stack": {"group": ("first: time 53343 53345", "second: time 53345 53349")},
}
OPTIONAL = ["errn-errp", "ul"]


def job(name: str, store: Path, cache: Path, model: str) -> float:
    """Seconds of a job from its parameters to its files."""
    module = importlib.import_module(f"analysis.{name}.worker")
    declared = importlib.import_module(f"analysis.{name}.job").JOB
    with tempfile.TemporaryDirectory() as folder:
        context = RecordingContext(
            parameters=declared.parameters(obs_id=tuple(map(str, CRAB.runs)), model=model, **PARAMETERS[name]),
            inputs={"observations": input_files(store, CRAB.runs)},
            workdir=Path(folder),
            cache_dir=cache,
        )
        start = time.perf_counter()
        module.run(context)
        return time.perf_counter() - start


def power_law() -> SpectralModel:
    return PowerLawSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", index=2.5)


def spectrum(datasets: Datasets) -> None:
    stacked = datasets.stack_reduce(name="stacked")
    common = {"amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}
    direct.fit(stacked, LogParabolaSpectralModel(alpha=2.2, beta=0.2, **common))
    direct.fit(stacked, ExpCutoffPowerLawSpectralModel(index=2.2, lambda_="0.1 TeV-1", **common))
    direct.fit(stacked, power_law())
    points(stacked, 2)


def lightcurve(datasets: Datasets) -> None:
    model = power_law()
    direct.fit(datasets.stack_reduce(name="stacked"), model)
    datasets.models = [SkyModel(spectral_model=model, name="source")]
    LightCurveEstimator(energy_edges=[0.794, 100] * u.TeV, source="source", selection_optional=OPTIONAL).run(datasets)


def stack(datasets: Datasets) -> None:
    halves = [Datasets(half).stack_reduce(name=f"half{half[0].name}") for half in (datasets[:2], datasets[2:])]
    for half in halves:
        direct.fit(half, power_law())
        points(half, 3)


def points(dataset: SpectrumDatasetOnOff, step: int) -> None:
    edges = dataset.counts.geom.axes["energy"].edges[19:36:step]
    FluxPointsEstimator(energy_edges=edges, source="source", selection_optional=OPTIONAL).run([dataset])


DIRECT: dict[str, Callable[[Datasets], None]] = {"spectrum": spectrum, "lightcurve": lightcurve, "stack": stack}


def main() -> None:
    store = Path(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    warnings.simplefilter("ignore")
    print(f"{'job':12} {'new':>7} {'other model':>12} {'gammapy':>8}   new / gammapy   other / new")
    for name, script in DIRECT.items():
        importlib.import_module(f"analysis.{name}.worker").warm_up()
        settle()
        new, other, alone = [], [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                new.append(job(name, store, Path(cache), "power-law"))
                other.append(job(name, store, Path(cache), "log-parabola"))
            start = time.perf_counter()
            script(direct.spectra(store, CRAB.runs, CRAB.position))
            alone.append(time.perf_counter() - start)
        a, b, c = min(new), min(other), min(alone)
        print(f"{name:12} {a:7.2f} {b:12.2f} {c:8.2f} {a / c:15.2f} {b / a:13.2f}", flush=True)


if __name__ == "__main__":
    main()
