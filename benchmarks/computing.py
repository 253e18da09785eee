"""The job type that `benchmarks.jobs` runs: it computes for a while and tells when it began and ended."""

from __future__ import annotations

import json
import time

from uws.context import JobContext
from uws.jobtypes import JobType, OutputRole
from uws.parameters import JobParameters, param


class ComputingParameters(JobParameters):
    number: int = param(0, description="Makes the job another one.")
    seconds: float = param(0.0, description="Processor time.", unit="s", ge=0, le=60)


def run(context: JobContext) -> None:
    begin, processor = time.time(), time.process_time()
    while time.process_time() - processor < context.parameters.seconds:  # type: ignore[attr-defined]
        sum(range(1000))
    path = context.workdir / "times.json"
    path.write_text(json.dumps({"begin": begin, "end": time.time()}))
    context.output("times", path)


JOB = JobType(
    name="computing",
    version="1.0",
    title="Computing",
    description="Computes for a while.",
    parameters=ComputingParameters,
    inputs=(),
    outputs=(OutputRole("times", "times.json", "application/json", "When the work began and ended"),),
    worker="benchmarks.computing:run",
)
