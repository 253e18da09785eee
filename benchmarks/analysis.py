"""`python -m benchmarks.analysis DATA`: map jobs beside a gammapy script, and what kept maps save.

DATA is the folder of the H.E.S.S. data release. `countmap` on eleven observations of RX J1713.7-3946, `fit3d` on six
of PKS 2155-304: the job on all but the last, the same in a script of the tests that uses gammapy directly, then the job
with another selection or model, and with one more observation; and all of them with nothing kept. The workers are warm;
the controller is not in it. Times are processor seconds of one process, ratios of one run.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
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
Case = tuple[str, list[int], SkyCoord, dict[str, Any], dict[str, Any]]
CASES: list[Case] = [
    ("countmap", RX_J1713, SHELL, {"exclusion_radius": 0.7}, {"exclusion_radius": 0.7, "energy": (1.0, 10.0)}),
    ("fit3d", PKS_2155, BLAZAR, {}, {"model": "log-parabola"}),
]
"""Job, observations, position; parameters of the first job, and of that with another selection or model."""


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, obs_ids, position, first, other in CASES:
        files = input_files(arguments.data, obs_ids)
        importlib.import_module(f"analysis.{name}.worker").warm_up()
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            job = run_job(name, files[:-1], position, Path(one), first)
            changed = run_job(name, files[:-1], position, Path(one), other)
            more = run_job(name, files, position, Path(one), first)
            whole = run_job(name, files, position, Path(two), first)
        plain = script(name, arguments.data, obs_ids[:-1], position)
        print(f"{name}: {len(files) - 1} observations {job:.2f} s, script {plain:.2f} s, ratio {job / plain:.2f}")
        print(f"  another selection or model {changed:.2f} s, of the first {changed / job:.2f}")
        print(f"  one more {more:.2f} s, all {len(files)} anew {whole:.2f} s, ratio {more / whole:.2f}")


if __name__ == "__main__":
    main()
