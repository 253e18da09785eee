"""On-off spectra of single observations, kept between jobs: reading one back takes a thirtieth of making it.

They depend on the files of the observation, the source and its on region, the excluded disk, the energy bins and the
time intervals; not on the model. They are kept exactly as they were made, in the store of the maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.maps.store import ArrayStore, digest, versions
from uws.context import InputFile

if TYPE_CHECKING:
    from analysis.onoff.reduction import Interval, Reducer, Run

REDUCTION = 1
"""Part of every description in the store: to be raised when this code makes something else of the same input."""


class KeptRuns:
    """The runs of one source that were reduced before."""

    def __init__(self, store: ArrayStore, reducer: Reducer, intervals: Sequence[Interval]) -> None:
        self._store = store
        self._common = {
            "product": "on-off spectrum",
            "reduction": REDUCTION,
            "software": versions(),
            "position": [float(reducer.position.ra.deg), float(reducer.position.dec.deg)],
            "on_radius": reducer.parameters.on_radius,
            "exclude": reducer.parameters.exclude,
            "energies": [float(edge) for edge in reducer.axis.edges.to_value("TeV")],
            "intervals": [[repr(low), repr(high)] for low, high in intervals],
        }

    def read(self, file: InputFile) -> list[Run] | None:
        """What was made of an observation; None if it is not there."""
        runs: list[Run] | None = self._store.read_object(self._description(file))
        return runs

    def write(self, file: InputFile, runs: Sequence[Run]) -> None:
        """Keep what was made of an observation."""
        self._store.write_object(self._description(file), list(runs))

    def trim(self) -> None:
        """Take away what was used longest ago, if there is too much."""
        self._store.trim()

    def _description(self, file: InputFile) -> dict[str, Any]:
        others = {kind: Path(path) for kind, path in (file.metadata.get("files") or {}).items()}
        return {
            **self._common,
            "obs_id": str(file.metadata.get("obs_id") or file.id),
            "sha256": file.sha256,
            "files": {kind: digest(path) for kind, path in others.items() if path != file.path and path.is_file()},
            "hdus": file.metadata.get("hdus") or {},
            "hdu_classes": file.metadata.get("hdu_classes") or {},
        }
