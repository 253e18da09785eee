"""A job's context without the job service: for running the worker functions of the analyses in tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from uws.context import InputFile, Origin
from uws.parameters import JobParameters


@dataclass
class RecordingContext:
    """Implements uws.context.JobContext and keeps what the worker reports."""

    parameters: JobParameters
    inputs: Mapping[str, Sequence[InputFile]]
    workdir: Path
    cache_dir: Path
    cache_size: int = 2**30
    job_id: str = "test-job"
    messages: list[tuple[str, float]] = field(default_factory=list)
    outputs: dict[str, Path] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)

    def progress(self, message: str, fraction: float, *, stage: str = "") -> None:
        self.messages.append((message, fraction))

    def output(self, role: str, path: Path) -> None:
        assert path.is_file()
        assert path.is_relative_to(self.workdir)
        self.outputs[role] = path


def input_files(store: Path, obs_ids: Sequence[int]) -> list[InputFile]:
    """Observations of a GADF data store as the archive hands them to jobs."""
    index = Table.read(store / "hdu-index.fits.gz")
    return [_input_file(store, index, obs_id) for obs_id in obs_ids]


def _input_file(store: Path, index: Table, obs_id: int) -> InputFile:
    rows = index[index["OBS_ID"] == obs_id]
    text = {name: [str(value).strip() for value in np.ma.filled(rows[name], "")] for name in rows.colnames}
    paths = {
        kind: (store / folder / name).resolve()
        for kind, folder, name in zip(text["HDU_TYPE"], text["FILE_DIR"], text["FILE_NAME"], strict=True)
    }
    path = paths["events"]
    hdus = dict(zip(text["HDU_TYPE"], text["HDU_NAME"], strict=True))
    header = fits.getheader(path, hdus["events"])
    metadata: dict[str, Any] = {
        "obs_id": str(obs_id),
        "target_name": header.get("OBJECT"),
        "ra_obj": header.get("RA_OBJ"),
        "dec_obj": header.get("DEC_OBJ"),
        "ra_pnt": header["RA_PNT"],
        "dec_pnt": header["DEC_PNT"],
        "hdus": hdus,
        "hdu_classes": dict(zip(text["HDU_TYPE"], text["HDU_CLASS"], strict=True)),
        "files": {kind: str(other) for kind, other in paths.items() if other != path},
    }
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return InputFile(id=f"ivo://test/store?r1/{obs_id}", path=path, sha256=digest, metadata=metadata)
