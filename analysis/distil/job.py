"""Declaration of the job type `distil`."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from analysis.distil.regions import checked_moc, checked_region, moc, region
from analysis.selection import MAX_LIST, Observations
from events.selection import Selection
from events.sky import SkyRegion
from uws.jobtypes import InputRole, JobType, OutputRole
from uws.parameters import Interval, Position, param
from vo import regions

MAX_QUERY = 100_000
"""Characters of a query."""
MAX_REGIONS = 1000
RESOLVER = "events"
RegionText = Annotated[str, AfterValidator(checked_region)]
MocText = Annotated[str, AfterValidator(checked_moc)]


class DistilParameters(Observations):
    """Which observations, which of their events, and in which form. Conditions of different kinds hold together."""

    query: str | None = param(
        None,
        label="ADQL query",
        description="More observations to use: those whose obs_publisher_did this query finds, with your rights. "
        "Without observations, list, cone and query: all that look at the regions at the times asked for.",
        ucd="meta.code",
        group="Observations",
        lines=True,
        max_length=MAX_QUERY,
    )
    position: Position | None = param(
        None,
        label="Position",
        description="Centre of the circle whose events are taken (ICRS).",
        unit="deg",
        ucd="pos.eq;src",
        xtype="point",
        group="Events",
    )
    radius: float = param(
        0.5,
        label="Radius",
        description="Radius of that circle.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=180,
        group="Events",
    )
    energy: tuple[Interval, ...] = param(
        (),
        label="Energies",
        description="Reconstructed energies to take: lowest and highest, `+Inf` for an open end, repeatable.",
        unit="TeV",
        ucd="em.energy;stat.interval",
        xtype="interval",
        group="Events",
        unordered=True,
    )
    time: tuple[Interval, ...] = param(
        (),
        label="Times",
        description="Times to take: start and end (MJD, UTC), repeatable. Good time intervals are cut to them.",
        unit="d",
        ucd="time.interval;obs.exposure",
        xtype="interval",
        group="Events",
        unordered=True,
    )
    region: tuple[RegionText, ...] = param(
        (),
        label="Further regions",
        description="Further regions whose events are taken, ICRS degrees, repeatable: `CIRCLE ra dec radius`, "
        "`POLYGON ra dec ra dec ra dec`, `RANGE ra ra dec dec`.",
        unit="deg",
        ucd="pos.outline;obs.field",
        group="Events",
        advanced=True,
        unordered=True,
        max_length=MAX_REGIONS,
    )
    moc: MocText | None = param(
        None,
        label="Coverage",
        description="A spatial coverage (MOC, as ASCII or JSON text) whose events are taken.",
        ucd="pos.outline;obs.field",
        group="Events",
        lines=True,
        max_length=MAX_LIST,
        advanced=True,
    )
    event_type: tuple[int, ...] = param(
        (),
        label="Event types",
        description="Bits of EVENT_TYPE of which one must be set, or its values where it is a number; repeatable.",
        ucd="meta.code.class",
        group="Events",
        advanced=True,
        unordered=True,
    )
    irfs: Literal["keep", "trim", "none"] = param(
        "keep",
        label="Instrument responses",
        description="Kept as they are, cut to the energies and offsets of the selection, or left out.",
        group="Result",
    )
    form: Literal["zip", "tar", "merged"] = param(
        "zip",
        label="Form",
        description="A data store with a file for each observation as a zip or tar archive, or one merged event list.",
        group="Result",
    )

    @property
    def regions(self) -> tuple[SkyRegion, ...]:
        """All regions whose events are taken; empty: no condition on position."""
        found: list[SkyRegion] = [region(text) for text in self.region]
        if self.position is not None:
            found.insert(0, regions.Circle(*self.position, self.radius))
        return (*found, moc(self.moc)) if self.moc is not None else tuple(found)

    def selection(self) -> Selection:
        """What is wanted of an event. Raises ValueError."""
        return Selection(
            regions=self.regions,
            energies=tuple((max(low, 0.0), high) for low, high in self.energy),
            times=self.time,
            event_types=self.event_type,
        )

    @property
    def names_observations(self) -> bool:
        """Whether it is said which observations are meant, not only where they look."""
        return bool(self.obs_id or self.obs_list or self.query or self.circle is not None)

    @model_validator(mode="after")
    def _some_selection(self) -> DistilParameters:
        wanted = self.selection()
        finite = any(math.isfinite(end) for interval in wanted.times for end in interval)
        if not self.names_observations and not wanted.regions and not finite:
            raise ValueError(
                "select observations with obs_id, obs_list, query or circle, or events by position or time"
            )
        return self


JOB = JobType(
    name="distil",
    version="1.0",
    title="Distilled events",
    description="Events selected by position, energy, time and type from any number of observations, as one bundle "
    "that gammapy reads, with responses and provenance.",
    parameters=DistilParameters,
    inputs=(
        InputRole(
            name="observations",
            description="Event lists, with their instrument responses if there are any",
            resolver=RESOLVER,
            product_types=("event-bundle", "event-list"),
        ),
    ),
    outputs=(
        OutputRole("bundle", "events.zip", "application/zip", "The events: a GADF data store, or one event list"),
        OutputRole("counts", "counts.ecsv", "text/plain", "Events of each observation (ECSV)", "table"),
        OutputRole("plot", "events.png", "image/png", "Picture of the events: sky and energies", "preview-image"),
        OutputRole("summary", "summary.json", "application/json", "Numbers of observations and events"),
    ),
    worker="analysis.distil.worker:run",
    warm_up="analysis.distil.worker:warm_up",
    software=("astropy", "numpy", "pyarrow"),
    activity_type="Selection",
    execution_duration=3600,
)
