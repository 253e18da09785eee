"""What is distilled: observations whose files lie on this machine, and what is known of them beside their headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from events.errors import Undistillable


@dataclass(frozen=True, slots=True)
class Source:
    """An observation to distil.

    `did` is its publisher DID, `sha256` that of the file at `path`, which holds the events. `hdus` maps GADF HDU_TYPE
    to the name of the HDU, `hdu_classes` to its HDU_CLASS, `files` to the file where it is not `path`. `index` is what
    an observation index tells and headers may lack: OBJECT, QUALITY and the like, by GADF's names.
    """

    did: str
    obs_id: str
    path: Path
    sha256: str
    hdus: Mapping[str, str]
    hdu_classes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    index: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "events" not in self.hdus:
            raise Undistillable(f"observation {self.obs_id} has no event list")

    def file_of(self, kind: str) -> Path:
        """The file that holds the HDU of a type."""
        return self.files.get(kind, self.path)
