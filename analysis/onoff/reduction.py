"""Counts spectra of the on region and of reflected off regions, one for each observation or part of one.

The steps and settings are those of gammapy's tutorials on spectral analysis: circular on region, reflected regions,
responses at the centre of the region corrected for containment, safe energy range from the file's own threshold.
Point-like responses hold for the on region that they are made for, and are not corrected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from gammapy.data import Observation
from gammapy.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gammapy.makers import SpectrumDatasetMaker
from gammapy.maps import Map, MapAxis, RegionGeom

from analysis.energy import reconstructed_axis, safe_mask_maker, safe_range, threshold_text, true_axis
from analysis.maps.store import store_of
from analysis.observations import UnusableObservation, check_distinct, check_number, load, name_of
from analysis.onoff.kept import KeptRuns
from analysis.onoff.parameters import OnOffParameters
from analysis.onoff.regions import Region, background_maker, no_room, on_radius, on_region
from analysis.progress import Stage
from analysis.source import check_in_field, disk, exclusion_mask, field_of_view, offset_of
from uws.context import InputFile
from uws.errors import UserJobError

Interval = tuple[float, float]
"""From and to, MJD (UTC)."""


@dataclass(frozen=True, slots=True)
class Run:
    """An observation, or what of it lies in a time interval, reduced."""

    obs_id: str
    dataset: SpectrumDatasetOnOff
    offset: float
    """Degrees from the pointing direction to the source."""
    telescope: str
    instrument: str
    longitude: float | None
    """Degrees east of Greenwich, of the observatory; None where the file does not say."""
    part: int = 0
    """Number of the interval."""

    @property
    def livetime(self) -> float:
        """Seconds."""
        return float(self.dataset.exposure.meta["livetime"].to_value("s"))

    @property
    def time(self) -> Interval:
        """Start of the first and end of the last good time interval, MJD (UTC)."""
        gti = self.dataset.gti
        return float(gti.time_start.utc.mjd.min()), float(gti.time_stop.utc.mjd.max())


@dataclass(slots=True)
class Reduction:
    """What the observations gave, in their order, and why others gave nothing (`obs_id`, `reason`)."""

    runs: list[Run] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def datasets(self) -> list[SpectrumDatasetOnOff]:
        return [run.dataset for run in self.runs]

    @property
    def obs_ids(self) -> list[str]:
        return list(dict.fromkeys(run.obs_id for run in self.runs))

    @property
    def livetime(self) -> float:
        """Seconds."""
        return sum(run.livetime for run in self.runs)


def reduce(
    files: Sequence[InputFile],
    reducer: Reducer,
    progress: Stage,
    intervals: Sequence[Interval] = (),
) -> Reduction:
    """Extract all observations, whole or cut into the time intervals, or take what earlier jobs have kept of them.

    Raises UserJobError when none is usable, when a file cannot be read, and when they are too many or of different
    telescopes.
    """
    check_number(files)
    check_distinct(files)
    reduction = Reduction()
    kept = KeptRuns(store_of(progress.context), reducer, intervals)
    for number, file in enumerate(files):
        name = name_of(file)
        progress.step(number, len(files), f"Reducing run {name} ({number + 1} of {len(files)})")
        runs = kept.read(file)
        if runs is None:
            try:
                runs = _runs(name, load(file, ("aeff", "edisp", "psf"), point_like=True), reducer, intervals)
            except UnusableObservation as reason:
                reduction.skipped.append({"obs_id": name, "reason": str(reason)})
                continue
            kept.write(file, runs)
        reduction.runs += runs
    kept.trim()
    if not reduction.runs:
        reasons = "; ".join(f"{item['obs_id']}: {item['reason']}" for item in reduction.skipped)
        raise UserJobError(f"None of the observations can be used. {reasons}.")
    telescopes = sorted({run.telescope for run in reduction.runs})
    if len(telescopes) > 1:
        raise UserJobError(
            f"The observations are of different telescopes ({', '.join(telescopes)}), whose counts are not stacked: "
            "select those of one telescope, for example with `collection`."
        )
    radii = {on_radius(dataset) for dataset in reduction.datasets}
    if len(radii) > 1:
        sizes = ", ".join("one that depends on the energy" if size is None else f"{size:.3g} deg" for size in radii)
        raise UserJobError(
            f"The observations have responses for on regions of different sizes ({sizes}), whose counts are not "
            "stacked: select those of one size."
        )
    return reduction


def _runs(name: str, observation: Observation, reducer: Reducer, intervals: Sequence[Interval]) -> list[Run]:
    info = observation.meta.obs_info
    location = observation.meta.location
    pieces = (
        {
            number: observation.select_time(Time(interval, format="mjd", scale="utc"))
            for number, interval in _overlapping(observation, intervals)
        }
        if intervals
        else {0: observation}
    )
    if not pieces:
        raise UnusableObservation("it was not taken in any of the times given")
    return [
        Run(
            obs_id=name,
            dataset=reducer.run(piece, number),
            offset=float(offset_of(observation, reducer.position).value),
            telescope=info.telescope or "unknown",
            instrument=info.instrument or "unknown",
            longitude=None if location is None else float(location.lon.deg),
            part=number,
        )
        for number, piece in pieces.items()
    ]


def _overlapping(observation: Observation, intervals: Sequence[Interval]) -> Iterator[tuple[int, Interval]]:
    """Number and finite limits of the intervals in which the observation has data."""
    start, stop = observation.gti.time_start.utc.mjd, observation.gti.time_stop.utc.mjd
    for number, (low, high) in enumerate(intervals):
        if ((start < high) & (stop > low)).any():
            yield number, (max(low, float(start.min()) - 1), min(high, float(stop.max()) + 1))


class Reducer:
    """Extracts the spectra of one source, observation by observation."""

    def __init__(self, parameters: OnOffParameters, position: SkyCoord, axis: MapAxis | None = None) -> None:
        """`axis`: reconstructed energies, where they are others than those of the parameter `energy`."""
        self.position = position
        self.parameters = parameters
        self.axis: MapAxis = reconstructed_axis(parameters.energy) if axis is None else axis

    def run(self, observation: Observation, part: int = 0) -> SpectrumDatasetOnOff:
        """On-off dataset with its safe mask, of a part of an observation or all of it. Raises UnusableObservation."""
        check_in_field(observation, self.position)
        region = on_region(observation, self.position, self.parameters.on_radius)
        background = background_maker(observation, region, self._exclusion(observation))
        maker = SpectrumDatasetMaker(
            containment_correction=observation.rad_max is None, selection=["counts", "exposure", "edisp"]
        )
        dataset = maker.run(self._empty(region, f"{observation.obs_id}-{part}"), observation)
        on_off = background.run(dataset, observation)
        if on_off.counts_off is None:
            raise no_room(observation, region)
        on_off = safe_mask_maker(observation, self.position).run(on_off, observation)
        if safe_range(on_off) is None:
            low, high = self.axis.edges.to_value("TeV")[[0, -1]]
            raise UnusableObservation(
                f"no energy bin between {low:.3g} and {high:.3g} TeV lies above its safe threshold of "
                f"{threshold_text(observation)}"
            )
        return on_off

    def _empty(self, region: Region, name: str) -> SpectrumDataset:
        geom = RegionGeom.create(region=region, axes=[self.axis])
        return SpectrumDataset.create(geom=geom, energy_axis_true=true_axis(), name=name)

    def _exclusion(self, observation: Observation) -> Map | None:
        if self.parameters.exclude is None:
            return None
        width = 2 * field_of_view(observation) + 1 * u.deg
        pointing: Any = observation.get_pointing_icrs(observation.tmid)
        return exclusion_mask(pointing.icrs, 2 * width, [disk(self.parameters.exclude)])
