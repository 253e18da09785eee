"""What a worker function is given: parameters, input files, a directory, and the ways to report.

Plain data only: no Django, no database, no HTTP. `analysis/*/worker.py` and `reconstruction/*/worker.py` import this
module and `uws.errors`, and nothing else of the web application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a job reads.

    `id` is the publisher DID of the product; `path` is readable by the worker; `metadata` carries what the resolver
    knows and the job needs (for DL3: `obs_id`, `target_name`, `hdus`: {"events": "EVENTS", "aeff": "AEFF", ...}). Where
    the product has more files than the one at `path`, its entry `sha256` has those of all of them.
    """

    id: str
    path: Path
    sha256: str
    media_type: str = "application/fits"
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a job, and through which address of the service.

    `owner` is None for anonymous users; `base_url` is absolute, without a slash at its end, and empty where it is not
    known; `run_id` is the client's name for the run.
    """

    owner: str | None = None
    is_curator: bool = False
    base_url: str = ""
    run_id: str = ""


class JobContext(Protocol):
    """The worker function's only argument: `def run(context: JobContext) -> None`."""

    job_id: str
    """Names the job in provenance, and may stand in results. It is not the identifier under which the job is used: that
    gives rights, and must not get into results, which others may be given too."""
    origin: Origin
    parameters: BaseModel
    inputs: Mapping[str, Sequence[InputFile]]
    workdir: Path
    """Empty directory of this run; removed afterwards. Outputs are written here."""
    cache_dir: Path
    """Intermediate products kept between jobs: only files whose name holds a hash of all they depend on."""
    cache_size: int
    """Bytes that they may take together; 0: nothing is kept."""

    def progress(self, message: str, fraction: float, *, stage: str = "") -> None:
        """Tell the user what is being done ("Reducing run 23523 (2 of 4)") and how far the job is (0 to 1).

        `stage` names the part of the work that it belongs to ("reduction", "fit"); empty: the one before. What is said
        at 1 is the message of the completed job.
        """

    def output(self, role: str, path: Path, media_type: str | None = None) -> None:
        """Declare a finished output file for a declared role. Visible to users only when the job has completed.

        With a media type it is served as that, under its own name, in place of what the role declares.
        """
