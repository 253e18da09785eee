"""`python -m benchmarks.analysis DATA [ROUNDS]`: map jobs beside a gammapy script, and what kept maps save.

DATA is the folder of the H.E.S.S. data release. `countmap` and `fit3d` on eleven observations of RX J1713.7-3946, a
shell fitted as a Gaussian and, for the number of observations, as a point, and `fit3d` on six of PKS 2155-304, a point:
the job on all but the last, the same in a script of the tests that uses gammapy directly, then the job with other
selections or models, and with one more observation; and all of them with nothing kept. The process is warm, and has one
thread, as a worker; the controller is not in it. Times are processor seconds, the best of ROUNDS (3).
"""

from __future__ import annotations

import os

from uws.warmth import ONE_THREAD, settle

os.environ.update(ONE_THREAD)  # NumPy reads it when it is imported

import argparse
import importlib
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.coordinates import SkyCoord
from gammapy.maps import MapAxis, WcsGeom
from gammapy.modeling.models import PowerLawSpectralModel

from tests.analysis import direct
from tests.analysis.context import RecordingContext, input_files
from uws.context import InputFile

RX_J1713 = [20326, 20327, 20349, 20350, 20396, 20397, 20421, 20422, 20517, 20518, 20519]
PKS_2155 = [47802, 47803, 47804, 47827, 47828, 47829]
SHELL = SkyCoord(258.3875, -39.7667, unit="deg")
BLAZAR = SkyCoord(329.7169, -30.2256, unit="deg")


@dataclass(frozen=True, slots=True)
class Case:
    """A job with parameters on observations of a position, by what name others are asked for, and whether the script
    is run beside it.
    """

    job: str
    obs_ids: list[int]
    position: SkyCoord
    first: dict[str, Any]
    others: dict[str, dict[str, Any]]
    beside: bool = True


_SHELL = {"exclusion_radius": 0.7}
_GAUSSIAN = {**_SHELL, "morphology": "gaussian", "extension": 0.3}
CASES = [
    Case(
        "countmap",
        RX_J1713,
        SHELL,
        _SHELL,
        {
            "another energy range": {**_SHELL, "energy": (1.0, 10.0)},
            "one between the bins": {**_SHELL, "energy": (0.9, 12.0)},
            "another background": {**_SHELL, "background": "field-of-view"},
        },
    ),
    Case(
        "fit3d",
        RX_J1713,
        SHELL,
        _GAUSSIAN,
        {
            "another model": {**_GAUSSIAN, "model": "log-parabola"},
            "another energy range": {**_GAUSSIAN, "energy": (1.0, 10.0)},
            "one between the bins": {**_GAUSSIAN, "energy": (0.9, 12.0)},
        },
        beside=False,
    ),
    Case("fit3d", RX_J1713, SHELL, _SHELL, {"another model": {**_SHELL, "model": "log-parabola"}}, beside=False),
    Case("fit3d", PKS_2155, BLAZAR, {}, {"another model": {"model": "log-parabola"}}),
]


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def run_job(
    name: str, files: Sequence[InputFile], position: SkyCoord, cache: Path, parameters: dict[str, Any]
) -> float:
    """Processor seconds of the worker function."""
    job_type = importlib.import_module(f"analysis.{name}.job").JOB
    worker = importlib.import_module(f"analysis.{name}.worker")
    obs_ids = tuple(str(file.metadata["obs_id"]) for file in files)
    with tempfile.TemporaryDirectory() as workdir:
        context = RecordingContext(
            parameters=job_type.parameters(obs_id=obs_ids, position=(position.ra.deg, position.dec.deg), **parameters),
            inputs={"observations": files},
            workdir=Path(workdir),
            cache_dir=cache,
            cache_size=2**33,
        )
        return seconds(lambda: worker.run(context))


def script(name: str, store: Path, obs_ids: Sequence[int], position: SkyCoord) -> float:
    """Processor seconds of the same analysis with gammapy alone, without files and pictures."""
    if name == "countmap":
        return seconds(lambda: direct.countmap(store, obs_ids, position))
    axis = MapAxis.from_energy_bounds(0.1, 100, nbin=10, per_decade=True, unit="TeV", name="energy")
    geom = WcsGeom.create(skydir=position, width=4.0, binsz=0.02, proj="TAN", frame="icrs", axes=[axis])
    spectrum = PowerLawSpectralModel(amplitude="2e-12 cm-2 s-1 TeV-1", index=3.2, reference="1 TeV")

    def work() -> None:
        dataset = direct.field_of_view(store, obs_ids, geom, position, nodes=0.5)
        direct.fit3d(dataset, spectrum, position)

    return seconds(work)


def one_round(case: Case, data: Path) -> dict[str, float]:
    """Seconds of one round of a case, by what was done."""
    files = input_files(data, case.obs_ids)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        found = {"first": run_job(case.job, files[:-1], case.position, Path(one), case.first)}
        if case.beside:
            found["script"] = script(case.job, data, case.obs_ids[:-1], case.position)
        for name, parameters in case.others.items():
            found[name] = run_job(case.job, files[:-1], case.position, Path(one), parameters)
        found["one more"] = run_job(case.job, files, case.position, Path(one), case.first)
        found["all anew"] = run_job(case.job, files, case.position, Path(two), case.first)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for case in CASES:
        importlib.import_module(f"analysis.{case.job}.worker").warm_up()
        settle()
        found = [one_round(case, arguments.data) for _ in range(arguments.rounds)]
        best = {name: min(each[name] for each in found) for name in found[0]}
        first = best.pop("first")
        print(f"{case.job}: {len(case.obs_ids) - 1} observations {first:.2f} s")
        if case.beside:
            plain = best.pop("script")
            print(f"  script {plain:.2f} s, ratio {first / plain:.2f}")
        more, whole = best.pop("one more"), best.pop("all anew")
        for name, other in best.items():
            print(f"  {name} {other:.2f} s, of the first {other / first:.2f}")
        print(
            f"  one more {more:.2f} s, all {len(case.obs_ids)} anew {whole:.2f} s, ratio {more / whole:.2f}", flush=True
        )


if __name__ == "__main__":
    main()
