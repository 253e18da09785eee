"""Images of counts and background, summed over observations.

The ring method is that of the H.E.S.S. Galactic plane survey (A&A 612, A1, section 3) without its adaptive radius:
counts at a position are compared with those in a ring around it; the background model of the observation gives the
relative acceptance of disk and ring, and its absolute level does not matter. Sources are kept out of the rings.

With the field-of-view method the background model itself is the background, scaled for each observation to its counts
outside of the excluded disks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.datasets import MapDataset, MapDatasetOnOff
from gammapy.makers import RingBackgroundMaker
from gammapy.maps import Map
from gammapy.modeling.models import PowerLawSpectralModel
from regions import CircleSkyRegion

from analysis.countmap.job import JOB, CountmapParameters
from analysis.maps.background import field_of_view_norm
from analysis.maps.grid import Bin, SkyGrid, energy_edges
from analysis.maps.limits import EXPOSURE_UNIT
from analysis.maps.reduction import MapReducer, RunMaps, check_size
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore
from analysis.observations import UnusableObservation
from analysis.progress import Stage
from analysis.source import disk, exclusion_mask
from uws.context import InputFile
from uws.errors import UserJobError

NEEDED = ("aeff", "bkg")


@dataclass(slots=True)
class Reduction:
    """The summed images; livetime (s), energies (TeV) and background norm of the observations used; why others gave
    nothing. `dataset` is on-off with rings, else counts with their background; `exposure` is in cm2 s; `outside` (y, x)
    is False in the excluded disks.
    """

    dataset: MapDataset
    exposure: Map
    outside: np.ndarray
    livetimes: dict[str, float] = field(default_factory=dict)
    energies: dict[str, tuple[float, float]] = field(default_factory=dict)
    norms: dict[str, float] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def energy_range(self) -> tuple[float, float]:
        """Lowest and highest energy (TeV) of all observations."""
        lows, highs = zip(*self.energies.values(), strict=True)
        return min(lows), max(highs)


def reduce(
    files: Sequence[InputFile], parameters: CountmapParameters, position: SkyCoord, store: ArrayStore, progress: Stage
) -> Reduction:
    """Reduce and sum all observations.

    Raises UserJobError when they are too many, when none is usable, or when a file cannot be read.
    """
    summation = Summation(parameters, position, store)
    check_size(files, summation.reducer.grid, JOB.execution_duration)
    for number, file in enumerate(files):
        run = Run.of_file(file, NEEDED, store)
        progress.step(number, len(files), f"Reducing run {run.name} ({number + 1} of {len(files)})")
        try:
            summation.add(run)
        except UnusableObservation as reason:
            summation.reduction.skipped.append({"obs_id": run.name, "reason": str(reason)})
    store.trim()
    return summation.result()


class Summation:
    """Sums the images around one position, observation by observation."""

    def __init__(self, parameters: CountmapParameters, position: SkyCoord, store: ArrayStore) -> None:
        self.parameters = parameters
        grid = SkyGrid(position, parameters.width, parameters.binsz, parameters.offset_max)
        self.reducer = MapReducer(grid, energy_edges(parameters.energy), store)
        self.geom = grid.image().to_cube([self.reducer.axis.squash()])
        self.spectrum = PowerLawSpectralModel(index=parameters.index)
        disks = [CircleSkyRegion(position, parameters.exclusion_radius * u.deg)]
        if parameters.exclude is not None:
            disks.append(disk(parameters.exclude))
        outside = grid.image().region_mask(disks, inside=False).data
        self.ring = None
        if parameters.background == "ring":
            self.ring = RingBackgroundMaker(
                r_in=parameters.ring_radius * u.deg,
                width=parameters.ring_width * u.deg,
                exclusion_mask=exclusion_mask(position, (parameters.width + 1) * u.deg, disks),
            )
        self.reduction = Reduction(self._empty(), Map.from_geom(grid.image(), unit=EXPOSURE_UNIT), outside)

    def add(self, run: Run) -> None:
        """Add an observation. Raises UnusableObservation."""
        maps = self.reducer.maps(run)
        image = self._image(maps)
        if self.ring is not None:
            image = with_ring(image, self.ring)
        else:
            norm = field_of_view_norm(maps, self.reduction.outside)
            image.background.data *= norm
            self.reduction.norms[run.name] = norm
        self.reduction.dataset.stack(image)
        exposure = np.tensordot(self._weights(maps.bins), self.reducer.exposure(run, maps), axes=1)
        self.reduction.exposure.data[maps.place] += np.where(image.mask_safe.data[0], exposure, 0)
        self.reduction.energies[run.name] = maps.energies
        self.reduction.livetimes[run.name] = maps.livetime

    def result(self) -> Reduction:
        """The sums. Raises UserJobError when no observation was usable."""
        reduction = self.reduction
        if not reduction.livetimes:
            reasons = "; ".join(f"{item['obs_id']}: {item['reason']}" for item in reduction.skipped)
            raise UserJobError(f"None of the observations can be used. {reasons}.")
        reduction.exposure.data /= self._weights([reduction.energy_range])[0]
        return reduction

    def _empty(self) -> MapDataset:
        mask = Map.from_geom(self.geom, data=np.zeros(self.geom.data_shape, dtype=bool))
        if self.ring is None:
            maps = {name: Map.from_geom(self.geom) for name in ("counts", "background")}
            return MapDataset(**maps, mask_safe=mask, name="summed")
        maps = {name: Map.from_geom(self.geom) for name in ("counts", "counts_off", "acceptance", "acceptance_off")}
        return MapDatasetOnOff(**maps, mask_safe=mask, name="summed")

    def _image(self, maps: RunMaps) -> MapDataset:
        geom = maps.geom.to_cube(self.geom.axes)
        counts, background = (
            Map.from_geom(geom, data=cube.sum(axis=0, keepdims=True, dtype=float))
            for cube in (maps.counts, maps.background)
        )
        mask = Map.from_geom(geom, data=background.data > 0)
        return MapDataset(counts=counts, background=background, mask_safe=mask, name=maps.name)

    def _weights(self, bins: Sequence[Bin]) -> np.ndarray:
        """Photons of the assumed spectrum in each bin, in any unit."""
        low, high = (u.Quantity(edge, "TeV") for edge in zip(*bins, strict=True))
        return self.spectrum.integral(low, high).to_value("cm-2 s-1") * 1e12


def with_ring(image: MapDataset, ring: RingBackgroundMaker) -> MapDatasetOnOff:
    """The on-off image, without the pixels whose ring has no exposure but for numerical noise."""
    on_off = ring.run(image)
    empty = on_off.acceptance_off.data <= on_off.acceptance.data
    on_off.mask_safe.data &= ~empty
    on_off.acceptance_off.data[empty] = 0
    on_off.counts_off.data[empty] = 0
    return on_off
