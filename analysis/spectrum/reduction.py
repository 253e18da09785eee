"""Counts spectra of the on region and of reflected off regions, one for each observation.

The steps and settings are those of gammapy's tutorial on spectral analysis: circular on region, reflected regions,
responses at the centre of the region corrected for containment, safe energy range from the file's own threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gammapy.makers import ReflectedRegionsBackgroundMaker, SpectrumDatasetMaker
from gammapy.maps import Map, MapAxis, RegionGeom
from regions import CircleSkyRegion

from analysis.energy import reconstructed_axis, safe_mask_maker, safe_range, threshold_text, true_axis
from analysis.observations import UnusableObservation, check_distinct, load, name_of
from analysis.progress import Stage
from analysis.source import check_in_field, disk, exclusion_mask, field_of_view, offset_of
from analysis.spectrum.job import SpectrumParameters
from uws.context import InputFile
from uws.errors import UserJobError


@dataclass(slots=True)
class Reduction:
    """What the observations gave: by obs_id, the datasets, offsets (deg), telescopes and instruments; and why
    others gave nothing.
    """

    datasets: dict[str, SpectrumDatasetOnOff] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)
    instruments: dict[str, tuple[str, str]] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)


def reduce(
    files: Sequence[InputFile], parameters: SpectrumParameters, position: SkyCoord, progress: Stage
) -> Reduction:
    """Extract all observations.

    Raises UserJobError when none is usable, when a file cannot be read, or when they are of different telescopes.
    """
    check_distinct(files)
    reducer = Reducer(parameters, position)
    reduction = Reduction()
    for number, file in enumerate(files):
        name = name_of(file)
        progress.step(number, len(files), f"Reducing run {name} ({number + 1} of {len(files)})")
        observation = load(file, ("aeff", "edisp", "psf"))
        try:
            reduction.datasets[name] = reducer.run(observation)
        except UnusableObservation as reason:
            reduction.skipped.append({"obs_id": name, "reason": str(reason)})
        else:
            reduction.offsets[name] = float(offset_of(observation, position).value)
            info = observation.meta.obs_info
            reduction.instruments[name] = (info.telescope or "unknown", info.instrument or "unknown")
    if not reduction.datasets:
        reasons = "; ".join(f"{item['obs_id']}: {item['reason']}" for item in reduction.skipped)
        raise UserJobError(f"None of the observations can be used. {reasons}.")
    telescopes = sorted({telescope for telescope, _ in reduction.instruments.values()})
    if len(telescopes) > 1:
        raise UserJobError(
            f"The observations are of different telescopes ({', '.join(telescopes)}), whose counts are not stacked: "
            "select those of one telescope, for example with `collection`."
        )
    return reduction


def livetime(dataset: SpectrumDatasetOnOff) -> float:
    """Livetime of a dataset in seconds."""
    return float(dataset.exposure.meta["livetime"].to_value("s"))


class Reducer:
    """Extracts the spectra of one source, observation by observation."""

    def __init__(self, parameters: SpectrumParameters, position: SkyCoord) -> None:
        self.position = position
        self.parameters = parameters
        self.axis: MapAxis = reconstructed_axis(parameters.energy)
        region = CircleSkyRegion(position, parameters.on_radius * u.deg)
        geom = RegionGeom.create(region=region, axes=[self.axis])
        self.empty = SpectrumDataset.create(geom=geom, energy_axis_true=true_axis())
        self.maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])

    def run(self, observation: Observation) -> SpectrumDatasetOnOff:
        """On-off dataset with its safe mask. Raises UnusableObservation."""
        check_in_field(observation, self.position)
        offset, radius = offset_of(observation, self.position).value, self.parameters.on_radius
        no_room = UnusableObservation(
            f"no off regions, because the source is {offset:.2f} deg from the pointing direction and an on region of "
            f"{radius:g} deg leaves no room around it"
        )
        if offset <= radius:
            raise no_room
        dataset = self.maker.run(self.empty.copy(name=str(observation.obs_id)), observation)
        background = ReflectedRegionsBackgroundMaker(exclusion_mask=self._exclusion(observation))
        on_off = background.run(dataset, observation)
        if on_off.counts_off is None:
            raise no_room
        on_off = safe_mask_maker(observation, self.position).run(on_off, observation)
        if safe_range(on_off) is None:
            low, high = self.axis.edges.to_value("TeV")[[0, -1]]
            raise UnusableObservation(
                f"no energy bin between {low:.3g} and {high:.3g} TeV lies above its safe threshold of "
                f"{threshold_text(observation)}"
            )
        return on_off

    def _exclusion(self, observation: Observation) -> Map | None:
        if self.parameters.exclude is None:
            return None
        width = 2 * field_of_view(observation) + 1 * u.deg
        pointing: Any = observation.get_pointing_icrs(observation.tmid)
        return exclusion_mask(pointing.icrs, 2 * width, [disk(self.parameters.exclude)])
