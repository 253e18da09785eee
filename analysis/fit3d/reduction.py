"""Observations stacked to one map dataset: counts, background and responses.

The background model of each observation is scaled to its counts outside of the excluded disks first. Responses are
weighted with the exposure, and the energy dispersion in addition with where each observation's energies can be
trusted, so that observations of different thresholds are stacked rightly. This is what `gammapy.datasets.MapDataset`
does in `stack`, but for the bin at the threshold, which gammapy 2.1 takes into the energy dispersion though its counts
are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.datasets import MapDataset
from gammapy.irf import EDispKernelMap, PSFMap
from gammapy.maps import Map, MapAxis
from regions import CircleSkyRegion

from analysis.fit3d.job import JOB, Fit3dParameters
from analysis.maps.background import field_of_view_norm
from analysis.maps.grid import SkyGrid, energy_edges
from analysis.maps.limits import EXPOSURE_UNIT
from analysis.maps.reduction import check_size
from analysis.maps.responses import ResponseReducer
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore
from analysis.observations import UnusableObservation
from analysis.progress import Stage
from analysis.source import disk
from uws.context import InputFile
from uws.errors import UserJobError

NEEDED = ("aeff", "edisp", "psf", "bkg")


@dataclass(slots=True)
class Reduction:
    """The stacked dataset; livetime (s), energies (TeV) and background norm of the observations used; why others gave
    nothing.
    """

    dataset: MapDataset
    livetimes: dict[str, float]
    energies: dict[str, tuple[float, float]]
    norms: dict[str, float]
    skipped: list[dict[str, str]] = field(default_factory=list)


def reduce(
    files: Sequence[InputFile], parameters: Fit3dParameters, position: SkyCoord, store: ArrayStore, progress: Stage
) -> Reduction:
    """Reduce and stack all observations.

    Raises UserJobError when they are too many, when none is usable, or when a file cannot be read.
    """
    stack = Stack(parameters, position, store)
    check_size(files, stack.grid, JOB.execution_duration)
    skipped = []
    for number, file in enumerate(files):
        run = Run.of_file(file, NEEDED, store)
        progress.step(number, len(files), f"Reducing run {run.name} ({number + 1} of {len(files)})")
        try:
            stack.add(run)
        except UnusableObservation as reason:
            skipped.append({"obs_id": run.name, "reason": str(reason)})
    store.trim()
    if not stack.livetimes:
        reasons = "; ".join(f"{item['obs_id']}: {item['reason']}" for item in skipped)
        raise UserJobError(f"None of the observations can be used. {reasons}.")
    return Reduction(stack.dataset(), stack.livetimes, stack.energies, stack.norms, skipped)


class Stack:
    """Sums maps and responses around one position, observation by observation."""

    def __init__(self, parameters: Fit3dParameters, position: SkyCoord, store: ArrayStore) -> None:
        self.parameters = parameters
        self.position = position
        self.grid = SkyGrid(position, parameters.width, parameters.binsz, parameters.offset_max)
        self.reducer = ResponseReducer(self.grid, energy_edges(parameters.energy), store)
        image = self.grid.image()
        disks = [CircleSkyRegion(position, parameters.exclusion_radius * u.deg)]
        if parameters.exclude is not None:
            disks.append(disk(parameters.exclude))
        self._outside = image.region_mask(disks, inside=False).data
        self.livetimes: dict[str, float] = {}
        self.energies: dict[str, tuple[float, float]] = {}
        self.norms: dict[str, float] = {}
        shape = image.data_shape
        energies, true = self.reducer.axis.nbin, self.reducer.true_axis.nbin
        self._counts = np.zeros((energies, *shape))
        self._background = np.zeros((energies, *shape))
        self._exposure = np.zeros((true, *shape))
        self._psf = np.zeros((true, self.reducer.rad_axis.nbin))
        self._edisp = np.zeros((energies, true))
        self._source_exposure = np.zeros(true)

    def add(self, run: Run) -> None:
        """Add an observation. Raises UnusableObservation."""
        maps = self.reducer.maps(run)
        norm = field_of_view_norm(maps, self._outside)
        responses = self.reducer.responses(run, maps)
        first = self.reducer.bins.index(maps.bins[0])
        energies = slice(first, first + len(maps.bins))
        self._counts[energies, *maps.place] += maps.counts
        self._background[energies, *maps.place] += norm * maps.background
        self._exposure[responses.true, *maps.place] += responses.exposure
        weights = responses.source_exposure
        self._psf[responses.true] += responses.psf * weights[:, np.newaxis]
        self._edisp[energies, responses.true] += responses.edisp * weights
        self._source_exposure[responses.true] += weights
        self.livetimes[run.name] = maps.livetime
        self.energies[run.name] = maps.energies
        self.norms[run.name] = norm

    def dataset(self) -> MapDataset:
        """The sum, cut to the energies at which there are data."""
        seen = self._background > 0
        energies = _extent(np.any(seen, axis=(1, 2)))
        true = _extent(self._source_exposure > 0)
        axis, true_axis = _part(self.reducer.axis, energies), _part(self.reducer.true_axis, true)
        cube = self.grid.image().to_cube([axis])
        exposure = Map.from_geom(
            self.grid.image().to_cube([true_axis]),
            data=self._exposure[true],
            unit=EXPOSURE_UNIT,
            meta={"livetime": sum(self.livetimes.values()) * u.s},
        )
        dataset = MapDataset(
            counts=Map.from_geom(cube, data=self._counts[energies]),
            background=Map.from_geom(cube, data=self._background[energies]),
            exposure=exposure,
            psf=self._psf_map(true, true_axis),
            edisp=self._edisp_map(energies, axis, true, true_axis),
            mask_safe=Map.from_geom(cube, data=seen[energies]),
            name="stacked",
        )
        if self.parameters.exclude is not None:
            dataset.mask_fit = cube.region_mask([disk(self.parameters.exclude)], inside=False)
        return dataset

    def _psf_map(self, true: slice, true_axis: MapAxis) -> PSFMap:
        weights = self._source_exposure[true].reshape(-1, 1, 1, 1)
        psf = self._psf[true, :, np.newaxis, np.newaxis] / weights
        axes = [self.reducer.rad_axis, true_axis]
        return PSFMap(
            Map.from_geom(self.reducer.at_source(axes), data=psf, unit="sr-1"),
            Map.from_geom(self.reducer.at_source([axes[0].squash(), true_axis]), data=weights, unit=EXPOSURE_UNIT),
        )

    def _edisp_map(self, energies: slice, axis: MapAxis, true: slice, true_axis: MapAxis) -> EDispKernelMap:
        weights = self._source_exposure[true].reshape(-1, 1, 1, 1)
        edisp = self._edisp[energies, true].T[:, :, np.newaxis, np.newaxis] / weights
        return EDispKernelMap(
            Map.from_geom(self.reducer.at_source([axis, true_axis]), data=edisp),
            Map.from_geom(self.reducer.at_source([axis.squash(), true_axis]), data=weights, unit=EXPOSURE_UNIT),
        )


def _extent(present: np.ndarray) -> slice:
    """From the first to the last True."""
    places = np.nonzero(present)[0]
    return slice(int(places[0]), int(places[-1]) + 1)


def _part(axis: MapAxis, places: slice) -> MapAxis:
    return MapAxis.from_energy_edges(axis.edges[places.start : places.stop + 1], name=axis.name)
