"""Input files of the job service as sources of events."""

from __future__ import annotations

from pathlib import Path

from events.sources import Source
from uws.context import InputFile

_INDEX = {
    "OBJECT": "target_name", "RA_OBJ": "ra_obj", "DEC_OBJ": "dec_obj",
    "QUALITY": "quality", "TELESCOP": "facility_name",
}  # fmt: skip
"""Columns of an observation index that the archive knows better than a header, and what it calls them."""


def source_of(file: InputFile) -> Source:
    """The observation of a file, by what the archive's resolver says of it. Raises Undistillable."""
    known = file.metadata
    return Source(
        did=file.id,
        obs_id=str(known.get("obs_id") or file.id),
        path=file.path,
        sha256=file.sha256,
        hdus=known.get("hdus") or {},
        hdu_classes=known.get("hdu_classes") or {},
        files={kind: Path(path) for kind, path in (known.get("files") or {}).items()},
        index={name: value for name, key in _INDEX.items() if (value := known.get(key)) not in (None, "")},
    )
