"""Maps of single observations: counts, background model, exposure; made once and kept.

What is made of an observation depends on its files, the grid and the energy bin, and on nothing else: not on regions,
not on the method of background, not on the models to be fitted. So it is kept bin by bin, and other choices, other
energies or further observations cost only what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.datasets import MapDataset
from gammapy.makers import MapDatasetMaker
from gammapy.maps import Map, MapAxis, WcsGeom

from analysis.energy import safe_mask_maker, threshold_text
from analysis.maps.grid import Bin, SkyGrid, axis_of, bins_of
from analysis.maps.store import Arrays, ArrayStore, digest, versions
from analysis.observations import (
    MAX_RUNS,
    UnusableObservation,
    check_distinct,
    check_number,
    load,
    name_of,
)
from analysis.source import check_in_field, offset_of
from uws.context import InputFile

REDUCTION = 1
"""Part of every description in the store: to be raised when this code makes something else of the same input."""
MOST_BINS = 100
"""Energy bins kept of an observation; beyond it only those that were asked for last."""

EXPOSURE_UNIT = "cm2 s"
SECONDS_PER_RUN, SECONDS_PER_PIXEL = 0.2, 1.5e-5
"""Processor time that the reduction of an observation takes, measured on a busy machine with maps of 200 to 800 pixels
a side.
"""


def check_size(files: Sequence[InputFile], grid: SkyGrid, seconds: float) -> None:
    """Raises UserJobError for an observation that comes twice, and for more than are reduced in half of `seconds`.

    What observations take of memory does not grow with their number, as their maps are summed one by one.
    """
    most = int(seconds / 2 / (SECONDS_PER_RUN + SECONDS_PER_PIXEL * grid.pixels**2))
    purpose = f"a map of {grid.pixels} x {grid.pixels} pixels"
    check_number(files, min(most, MAX_RUNS), purpose, ", or make the pixels larger" if most < MAX_RUNS else "")
    check_distinct(files)


class Run:
    """An observation that is read when it is needed. `identity` tells its content; `needed` are keys of
    `analysis.observations.NAMES`.
    """

    def __init__(self, name: str, identity: Mapping[str, Any], read: Callable[[], Observation]) -> None:
        self.name = name
        self.identity = identity
        self._read = read

    @classmethod
    def of_file(cls, file: InputFile, needed: Collection[str]) -> Run:
        """The observation of an input file. Raises UserJobError as `analysis.observations.load` does."""
        hdus = file.metadata.get("hdus") or {}
        classes = file.metadata.get("hdu_classes") or {}
        others = file.metadata.get("files") or {}
        parts = {
            kind: [_digest(others.get(kind)) or file.sha256, hdus[kind], classes.get(kind, "")] for kind in sorted(hdus)
        }
        return cls(name_of(file), {"parts": parts}, lambda: load(file, needed))

    @cached_property
    def observation(self) -> Observation:
        return self._read()

    @property
    def pointing(self) -> SkyCoord:
        """Pointing direction (ICRS) in the middle of the observation."""
        icrs = self.observation.get_pointing_icrs(self.observation.tmid)
        return SkyCoord(icrs.ra, icrs.dec)


def _digest(path: str | None) -> str:
    """SHA-256 of a file beside the main one; empty if there is none (reading the observation says so)."""
    if path is None or not Path(path).is_file():
        return ""
    return digest(Path(path))


@dataclass(slots=True)
class RunMaps:
    """An observation on the grid.

    `geom` is the image that it sees, `place` its rows and columns in the image of the whole grid. `counts` and
    `background` (expected counts, not normalised) have shape (bins, y, x), of the energy bins `bins` at which its
    responses can be trusted; they are 0 beyond the largest offset and where the background model says nothing.
    `livetime` is in seconds.
    """

    name: str
    pointing: SkyCoord
    livetime: float
    geom: WcsGeom
    place: tuple[slice, slice]
    bins: list[Bin]
    counts: np.ndarray
    background: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Where there are data (bins, y, x)."""
        return self.background > 0

    @property
    def energies(self) -> tuple[float, float]:
        """Lowest and highest energy, TeV."""
        return _rounded(self.bins[0][0]), _rounded(self.bins[-1][1])


def _rounded(energy: float) -> float:
    return float(f"{energy:.9g}")  # as given, not as recomputed


class MapReducer:
    """Makes or finds the maps of observations on `grid`, between `edges` (TeV)."""

    def __init__(self, grid: SkyGrid, edges: np.ndarray, store: ArrayStore) -> None:
        self.grid = grid
        self.axis = MapAxis.from_energy_edges(edges, unit="TeV", name="energy")
        self.bins = bins_of(edges)
        self.store = store
        self._image = grid.image()

    def maps(self, run: Run) -> RunMaps:
        """Counts and background. Raises UnusableObservation."""
        facts = self.kept(run, "facts", lambda: self._facts(run))
        pointing = SkyCoord(*facts["pointing"], unit="deg", frame="icrs")
        safe = self.rows(run, "safe", self.bins, lambda bins: {"safe": self._safe(run, bins)})["safe"]
        bins = [single for single, good in zip(self.bins, safe, strict=True) if good]
        if not bins:
            raise UnusableObservation(
                f"no energy bin between {self.bins[0][0]:.3g} and {self.bins[-1][1]:.3g} TeV lies above its safe "
                f"threshold of {threshold_text(run.observation)}"
            )
        geom = self.grid.seen_from(pointing)
        rows = self.rows(run, "counts", bins, lambda missing: self._counts(run, geom, pointing, missing))
        return RunMaps(
            name=run.name,
            pointing=pointing,
            livetime=float(facts["livetime"]),
            geom=geom,
            place=geom.cutout_slices(self._image)["parent-slices"],
            bins=bins,
            counts=rows["counts"],
            background=rows["background"],
        )

    def exposure(self, run: Run, maps: RunMaps) -> np.ndarray:
        """Effective area times livetime (cm2 s) at the middle of each of the energy bins of `maps`: (bins, y, x).

        Taken at true energies equal to the reconstructed ones, that is, without the energy dispersion.
        """
        return self.rows(run, "exposure", maps.bins, lambda bins: {"exposure": self._exposure(run, maps.geom, bins)})[
            "exposure"
        ]

    def kept(self, run: Run, product: str, make: Callable[[], Arrays]) -> Arrays:
        """What does not depend on the energy bins, from the store or made."""
        description = self._description(run, product)
        arrays = self.store.read(description)
        if arrays is None:
            arrays = make()
            self.store.write(description, arrays)
        return arrays

    def rows(self, run: Run, product: str, bins: Sequence[Bin], make: Callable[[list[Bin]], Arrays]) -> Arrays:
        """Arrays with one row for each of `bins`, from the store as far as it has them, else made by `make`."""
        description = self._description(run, product)
        kept = self.store.read(description) or {"bins": np.empty((0, 2))}
        place = {(float(low), float(high)): row for row, (low, high) in enumerate(kept["bins"])}
        missing = [single for single in bins if single not in place]
        if missing:
            if len(place) + len(missing) > MOST_BINS:
                kept, place, missing = {"bins": np.empty((0, 2))}, {}, list(bins)
            made = {"bins": np.array(missing), **make(missing)}
            kept = {name: np.concatenate([kept[name], rows]) if place else rows for name, rows in made.items()}
            place |= {single: len(place) + number for number, single in enumerate(missing)}
            self.store.write(description, kept)
        chosen = [place[single] for single in bins]
        return {name: array[chosen] for name, array in kept.items() if name != "bins"}

    def _description(self, run: Run, product: str) -> dict[str, Any]:
        return {
            "product": product,
            "reduction": REDUCTION,
            "software": versions(),
            "observation": run.identity,
            "grid": self.grid.description(),
        }

    def _facts(self, run: Run) -> Arrays:
        observation = run.observation
        check_in_field(observation, self.grid.position)
        offset = offset_of(observation, self.grid.position).value
        if offset > self.grid.offset_max:
            raise UnusableObservation(
                f"the source is {offset:.2f} deg from the pointing direction, and events are used up to "
                f"{self.grid.offset_max:g} deg only"
            )
        pointing = run.pointing
        return {
            "pointing": np.array([pointing.ra.deg, pointing.dec.deg]),
            "livetime": np.array(observation.observation_live_time_duration.to_value("s")),
        }

    def _safe(self, run: Run, bins: Sequence[Bin]) -> np.ndarray:
        axis, places = axis_of(bins)
        geom = WcsGeom.create(skydir=self.grid.position, npix=(1, 1), binsz=self.grid.binsz, axes=[axis])
        dataset = safe_mask_maker(run.observation, self.grid.position).run(
            MapDataset(counts=Map.from_geom(geom)), run.observation
        )
        return np.array(dataset.mask_safe.data[places, 0, 0])

    def _counts(self, run: Run, geom: WcsGeom, pointing: SkyCoord, bins: Sequence[Bin]) -> Arrays:
        axis, places = axis_of(bins)
        empty = MapDataset(counts=Map.from_geom(geom.to_cube([axis])), name=run.name)
        interpolate_missing(run.observation)
        maker = MapDatasetMaker(selection=["counts", "background"], background_interp_missing_data=False)
        dataset = maker.run(empty, run.observation)
        background = dataset.background.data[places]
        near = geom.separation(pointing) < self.grid.offset_max * u.deg
        seen = np.isfinite(background) & (background > 0) & near
        return {
            "counts": np.where(seen, dataset.counts.data[places], 0).astype(np.float32),
            "background": np.where(seen, background, 0).astype(np.float32),
        }

    def _exposure(self, run: Run, geom: WcsGeom, bins: Sequence[Bin]) -> np.ndarray:
        axis, places = axis_of(bins, "energy_true")
        exposure = MapDatasetMaker.make_exposure(geom.to_cube([axis]), run.observation)
        return exposure.quantity.to_value(EXPOSURE_UNIT)[places].astype(np.float32)


def interpolate_missing(observation: Observation) -> None:
    """Fill zeros of the background model between two energies where it is known, linearly in its logarithm.

    What `gammapy.irf.IRF.interp_missing_data` does, for all positions at once: one by one they take longer than all
    else that is done for an observation.
    """
    model = observation.bkg
    axis = model.axes.index("energy")
    data = np.moveaxis(model.data, axis, 0)
    known = np.isfinite(data) & (data != 0)
    number = np.arange(len(data)).reshape(-1, *(1,) * (data.ndim - 1))
    below = np.maximum.accumulate(np.where(known, number, -1), axis=0)
    above = np.minimum.accumulate(np.where(known, number, len(data))[::-1], axis=0)[::-1]
    between = ~known & (below >= 0) & (above < len(data))
    if not between.any():
        return
    lower, upper = np.maximum(below, 0), np.minimum(above, len(data) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log(data)
        start, stop = (np.take_along_axis(logarithm, place, axis=0) for place in (lower, upper))
        filled = np.exp(start + (stop - start) * (number - lower) / np.maximum(upper - lower, 1))
    model.data = np.moveaxis(np.where(between, filled, data), 0, axis)
