"""Parameters that every job on DL3 data shares: which observations, which source, which energies."""

from __future__ import annotations

from dataclasses import replace

from pydantic import model_validator

from uws.jobtypes import InputRole
from uws.parameters import Circle, Interval, JobParameters, Position, param

MAX_LIST = 500_000
"""Characters of a list of observations."""


class Observations(JobParameters):
    """Observations by identifier, from a list, or by a cone; conditions on cone and quality hold for all."""

    obs_id: tuple[str, ...] = param(
        (),
        label="Observations",
        description="Observations to use: obs_id or obs_publisher_did, repeatable.",
        ucd="meta.id",
        group="Observations",
        unordered=True,
    )
    obs_list: str | None = param(
        None,
        label="List of observations",
        description="More observations to use, as the text of a table with a column obs_id or obs_publisher_did "
        "(VOTable, CSV, ECSV), or as bare identifiers between blanks, commas or line ends.",
        ucd="meta.id",
        group="Observations",
        lines=True,
        max_length=MAX_LIST,
    )
    circle: Circle | None = param(
        None,
        label="Cone",
        description="Use observations that point into this circle: right ascension, declination, radius (ICRS). "
        "Where none are named: all of them.",
        unit="deg",
        ucd="pos.outline;obs",
        xtype="circle",
        group="Observations",
    )
    collection: str | None = param(
        None,
        label="Collection",
        description="Only observations of this collection.",
        ucd="meta.id",
        group="Observations",
    )
    quality_max: int | None = param(
        None,
        label="Worst quality",
        description="Worst GADF QUALITY to use: 0 only the best (and unknown), 1 medium too, 2 all. "
        "Default: 2 for observations that are named, else 0.",
        ge=0,
        le=2,
        group="Observations",
        advanced=True,
    )


class DL3Selection(Observations):
    """What jobs on a source share: observations, a condition on their time, the source, what is near it."""

    time: Interval | None = param(
        None,
        label="Time",
        description="Only observations that overlap this interval (MJD, UTC).",
        unit="d",
        ucd="time.interval;obs.exposure",
        xtype="interval",
        group="Observations",
    )
    position: Position | None = param(
        None,
        label="Source position",
        description="Source position (ICRS). Default: the target that all selected observations share, "
        "or the centre of `circle`.",
        unit="deg",
        ucd="pos.eq;src",
        xtype="point",
        group="Source",
    )

    exclude: Circle | None = param(
        None,
        label="Excluded disk",
        description="Another source to keep out of the background: right ascension, declination, radius (ICRS).",
        unit="deg",
        ucd="pos.outline;obs.field",
        xtype="circle",
        group="Background",
        advanced=True,
    )

    @model_validator(mode="after")
    def _some_selection(self) -> DL3Selection:
        if not self.obs_id and not self.obs_list and self.circle is None:
            raise ValueError("select observations with obs_id, obs_list or circle")
        return self


OBSERVATIONS = InputRole(
    name="observations",
    description="DL3 event lists with their instrument responses",
    resolver="dl3",
    product_types=("event-bundle",),
)

ON_OFF_OBSERVATIONS = replace(OBSERVATIONS, point_like=True)
"""The same for jobs that count in an on region."""
