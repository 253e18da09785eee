"""Maps of single observations: counts, background model, exposure; made once and kept.

What is made of an observation depends on its files, the grid and the energy bin, and on nothing else: not on regions,
not on the method of background, not on the models to be fitted. So it is kept bin by bin, and other choices, other
energies or further observations cost only what is new. Bins that the asked limits cut are made of the whole ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.datasets import MapDataset
from gammapy.makers import MapDatasetMaker
from gammapy.maps import Map, MapAxis, WcsGeom

from analysis.energy import safe_mask_maker, threshold_text
from analysis.maps.grid import Bin, SkyGrid, axis_of, bins_of, wholes_of
from analysis.maps.limits import EXPOSURE_UNIT, Cut, Cutter
from analysis.maps.runs import Run
from analysis.maps.store import Arrays, ArrayStore, versions
from analysis.observations import MAX_RUNS, UnusableObservation, check_distinct, check_number
from analysis.source import check_in_field, offset_of
from uws.context import InputFile

REDUCTION = 1
"""Part of every description in the store: to be raised when this code makes something else of the same input."""
MOST_BINS = 100
"""Energy bins kept of an observation; beyond it only those that were asked for last."""

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
        place = geom.cutout_slices(self._image)["parent-slices"]

        def make(missing: Sequence[Bin]) -> Arrays:
            return self._counts(run, geom, self._offsets(pointing, place), missing)

        rows = self.rows(run, "counts", wholes_of(bins), make)
        if (cut := Cut.of(bins)) is not None:
            cutter = Cutter(run.observation, self._offsets(pointing, place))
            background = cutter.background(cut, rows["background"][cut.places])
            rows["background"][cut.places] = background
            rows["counts"][cut.places] = np.where(background > 0, cutter.counts(cut, geom), 0)
        return RunMaps(
            name=run.name,
            pointing=pointing,
            livetime=float(facts["livetime"]),
            geom=geom,
            place=place,
            bins=bins,
            counts=rows["counts"],
            background=rows["background"],
        )

    def exposure(self, run: Run, maps: RunMaps) -> np.ndarray:
        """Effective area times livetime (cm2 s) at the middle of each of the energy bins of `maps`: (bins, y, x).

        Taken at true energies equal to the reconstructed ones, that is, without the energy dispersion.
        """
        wholes = wholes_of(maps.bins)
        exposure = self.rows(run, "exposure", wholes, lambda bins: {"exposure": self._exposure(run, maps.geom, bins)})[
            "exposure"
        ]
        if (cut := Cut.of(maps.bins)) is not None:
            exposure[cut.places] = Cutter(run.observation, self._offsets(maps.pointing, maps.place)).exposure(cut)
        return exposure

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
        numbers = [place[single] for single in bins]
        first, stop = numbers[0], numbers[-1] + 1
        # Neighbours, as most are, need not be copied.
        chosen = slice(first, stop) if numbers == list(range(first, stop)) else numbers
        return {name: array[chosen] for name, array in kept.items() if name != "bins"}

    def _description(self, run: Run, product: str) -> dict[str, Any]:
        return {
            "product": product,
            "reduction": REDUCTION,
            "software": versions(),
            "observation": run.identity,
            "grid": self.grid.description(),
        }

    @cached_property
    def _directions(self) -> np.ndarray:
        """Unit vectors to the pixels of the grid (3, y, x)."""
        directions: np.ndarray = self._image.get_coord().skycoord.icrs.cartesian.xyz.value
        return directions

    def _offsets(self, pointing: SkyCoord, place: tuple[slice, slice]) -> np.ndarray:
        """Degrees of the pixels of a part of the grid from a pointing direction (y, x)."""
        cosines = np.tensordot(pointing.cartesian.xyz.value, self._directions[:, *place], axes=1)
        return np.degrees(np.arccos(np.clip(cosines, -1, 1)))

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

    def _counts(self, run: Run, geom: WcsGeom, offsets: np.ndarray, bins: Sequence[Bin]) -> Arrays:
        axis, places = axis_of(bins)
        empty = MapDataset(counts=Map.from_geom(geom.to_cube([axis])), name=run.name)
        maker = MapDatasetMaker(selection=["counts", "background"], background_interp_missing_data=False)
        dataset = maker.run(empty, run.observation)
        background = dataset.background.data[places]
        seen = np.isfinite(background) & (background > 0) & (offsets < self.grid.offset_max)
        return {
            "counts": np.where(seen, dataset.counts.data[places], 0).astype(np.float32),
            "background": np.where(seen, background, 0).astype(np.float32),
        }

    def _exposure(self, run: Run, geom: WcsGeom, bins: Sequence[Bin]) -> np.ndarray:
        axis, places = axis_of(bins, "energy_true")
        exposure = MapDatasetMaker.make_exposure(geom.to_cube([axis]), run.observation)
        return exposure.quantity.to_value(EXPOSURE_UNIT)[places].astype(np.float32)
