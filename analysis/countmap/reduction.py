"""Images of counts and ring background, summed over observations.

The method is that of the H.E.S.S. Galactic plane survey (A&A 612, A1, section 3) without its adaptive radius: counts
at a position are compared with those in a ring around it; the background model of the observation gives the relative
acceptance of disk and ring, and its absolute level does not matter. Sources are kept out of the rings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.datasets import MapDataset, MapDatasetOnOff
from gammapy.makers import MapDatasetMaker, RingBackgroundMaker
from gammapy.maps import Map, WcsGeom
from regions import CircleSkyRegion

from analysis.countmap.job import CountmapParameters
from analysis.energy import reconstructed_axis, safe_mask_maker, safe_range, threshold_text
from analysis.observations import UnusableObservation, check_distinct, load, name_of
from analysis.progress import Stage
from analysis.source import check_in_field, disk, exclusion_mask, offset_of
from uws.context import InputFile
from uws.errors import UserJobError


@dataclass(slots=True)
class Reduction:
    """The summed on-off image; livetime (s) and energies (TeV) of the observations used; why others gave nothing."""

    dataset: MapDatasetOnOff
    livetimes: dict[str, float] = field(default_factory=dict)
    energies: dict[str, tuple[float, float]] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)


def reduce(
    files: Sequence[InputFile], parameters: CountmapParameters, position: SkyCoord, progress: Stage
) -> Reduction:
    """Reduce and sum all observations. Raises UserJobError when none is usable, or when a file cannot be read."""
    check_distinct(files)
    reducer = Reducer(parameters, position)
    reduction = Reduction(reducer.empty())
    for number, file in enumerate(files):
        name = name_of(file)
        progress.step(number, len(files), f"Reducing run {name} ({number + 1} of {len(files)})")
        observation = load(file, ("aeff", "bkg"))
        try:
            image, energies = reducer.run(observation)
        except UnusableObservation as reason:
            reduction.skipped.append({"obs_id": name, "reason": str(reason)})
            continue
        reduction.dataset.stack(image)
        reduction.energies[name] = energies
        reduction.livetimes[name] = float(observation.observation_live_time_duration.to_value("s"))
    if not reduction.livetimes:
        reasons = "; ".join(f"{item['obs_id']}: {item['reason']}" for item in reduction.skipped)
        raise UserJobError(f"None of the observations can be used. {reasons}.")
    return reduction


class Reducer:
    """Makes the images around one position, observation by observation."""

    def __init__(self, parameters: CountmapParameters, position: SkyCoord) -> None:
        self.parameters = parameters
        self.position = position
        self.axis = reconstructed_axis(parameters.energy)
        self.geom = WcsGeom.create(
            skydir=position,
            width=parameters.width,
            binsz=parameters.binsz,
            proj="TAN",
            frame="icrs",
            axes=[self.axis],
        )
        disks = [CircleSkyRegion(position, parameters.exclusion_radius * u.deg)]
        if parameters.exclude is not None:
            disks.append(disk(parameters.exclude))
        self.ring = RingBackgroundMaker(
            r_in=parameters.ring_radius * u.deg,
            width=parameters.ring_width * u.deg,
            exclusion_mask=exclusion_mask(position, (parameters.width + 1) * u.deg, disks),
        )
        self.maker = MapDatasetMaker(selection=["counts", "background"])

    def empty(self) -> MapDatasetOnOff:
        """Image to which those of the observations are added."""
        geom = self.geom.squash("energy")
        maps = {name: Map.from_geom(geom) for name in ("counts", "counts_off", "acceptance", "acceptance_off")}
        mask = Map.from_geom(geom, data=np.zeros(geom.data_shape, dtype=bool))
        return MapDatasetOnOff(**maps, mask_safe=mask, name="summed")

    def run(self, observation: Observation) -> tuple[MapDatasetOnOff, tuple[float, float]]:
        """On-off image of an observation and its energies (TeV). Raises UnusableObservation."""
        check_in_field(observation, self.position)
        offset_max = self.parameters.offset_max * u.deg
        offset = offset_of(observation, self.position)
        if offset > offset_max:
            raise UnusableObservation(
                f"the source is {offset.value:.2f} deg from the pointing direction, and events are used up to "
                f"{self.parameters.offset_max:g} deg only"
            )
        pointing = observation.get_pointing_icrs(observation.tmid)
        geom = self.geom.cutout(position=SkyCoord(pointing.ra, pointing.dec), width=2 * offset_max, mode="trim")
        dataset = self.maker.run(MapDataset(counts=Map.from_geom(geom), name=str(observation.obs_id)), observation)
        dataset = safe_mask_maker(observation, self.position).run(dataset, observation)
        energies = safe_range(dataset)
        if energies is None:
            low, high = self.axis.edges.to_value("TeV")[[0, -1]]
            raise UnusableObservation(
                f"no energy bin between {low:.3g} and {high:.3g} TeV lies above its safe threshold of "
                f"{threshold_text(observation)}"
            )
        dataset.mask_safe.data &= geom.separation(pointing) < offset_max
        image = self.ring.run(dataset.to_image())
        empty = image.acceptance_off.data <= image.acceptance.data  # a ring without exposure but for numerical noise
        image.mask_safe.data &= ~empty
        image.acceptance_off.data[empty] = 0
        image.counts_off.data[empty] = 0
        return image, energies
