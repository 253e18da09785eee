"""Job types of the tests, registered like anybody's: DISTILLER_JOB_TYPES=tests.uws.jobs:JOBS."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from uws.context import InputFile
from uws.errors import UserJobError
from uws.jobtypes import InputRole, JobType, OutputRole, Owner, UploadRole, register_resolver
from uws.parameters import Circle, Interval, JobParameters, param

BEHAVIOURS = Literal[
    "well",
    "user-error",
    "fatal",
    "transient",
    "defect",
    "die",
    "die-once",
    "family",
    "daemon",
    "full-disk",
    "chatty",
    "large",
    "memory",
    "no-output",
    "undeclared",
]


class EchoParameters(JobParameters):
    text: str = param("hello", label="Text", description="What is written.", max_length=100)
    seconds: float = param(0.0, description="How long it takes.", unit="s", ucd="time.duration", ge=0, le=100)
    behave: BEHAVIOURS = param("well", description="How it ends.", advanced=True)
    source: tuple[str, ...] = param((), description="Names of input files.", ucd="meta.id")
    energy: Interval | None = param(None, description="Energies.", unit="TeV", ucd="em.energy", xtype="interval")
    circle: Circle | None = param(None, description="A cone.", unit="deg", ucd="pos.outline;obs", xtype="circle")
    times: int = param(1, description="A whole number.", ge=1, le=9)
    loud: bool = param(False, description="A yes or no.")

    @model_validator(mode="after")
    def _not_both(self) -> EchoParameters:
        if self.energy is not None and self.circle is not None:
            raise ValueError("give energy or circle, not both")
        return self


def resolve(parameters: JobParameters, owner: Owner) -> Sequence[InputFile]:
    """Files of the folder `sources` under DISTILLER_HOME; some are private to one user."""
    assert isinstance(parameters, EchoParameters)
    files = []
    for name in parameters.source:
        path = sources() / name
        if name.startswith("private") and owner.name != "karl":
            raise UserJobError(f"{name} is proprietary")
        if not name.startswith("vanished") and not path.is_file():
            raise UserJobError(f"there is no source {name!r}")
        digest = hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
        kind = "picture" if name.endswith(".png") else "text"
        metadata = {"product_type": kind}
        files.append(InputFile(f"ivo://distiller.example/test?{name}", path, digest, "text/plain", metadata))
    return files


def sources() -> Path:
    return Path(os.environ["DISTILLER_HOME"]) / "sources"


ECHO = JobType(
    name="echo",
    version="1.0",
    title="Echo",
    description="Writes what it is given.",
    parameters=EchoParameters,
    inputs=(InputRole("sources", "Text files", "test", product_types=("text",)),),
    outputs=(
        OutputRole("text", "text.txt", "text/plain", "The text", "text"),
        OutputRole("extra", "extra.json", "application/json", "More of it", required=False),
    ),
    worker="tests.uws.workers:run",
    software=("pydantic",),
    execution_duration=90,
)


class KeepParameters(EchoParameters):
    UPLOAD: tuple[str, ...] = param((), description="What is sent along: name,param:part.")


def part_names(values: Sequence[str]) -> Sequence[str]:
    return [value.partition(",param:")[2] for value in values if ",param:" in value]


KEEP = replace(
    ECHO, name="keep", parameters=KeepParameters, uploads=UploadRole("attachments", "Texts sent along", part_names)
)
JOBS = (ECHO, KEEP)
register_resolver("test", resolve)
