"""Declaration of the job type `countmap`."""

from __future__ import annotations

from analysis.selection import OBSERVATIONS, DL3Selection
from uws.jobtypes import JobType, OutputRole
from uws.parameters import Interval, param


class CountmapParameters(DL3Selection):
    """Parameters of a count map."""

    energy: Interval | None = param(
        None,
        label="Energy",
        description="Reconstructed energies to use. Default: from the highest safe threshold of the observations up.",
        unit="TeV",
        ucd="em.energy;stat.interval",
        xtype="interval",
        group="Source",
    )
    on_radius: float = param(
        0.1,
        label="On radius",
        description="Radius of the disk over which the significance is computed.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=2,
        group="Source",
    )
    width: float = param(
        4.0, label="Map width", description="Width and height of the map.", unit="deg", gt=0, le=20, group="Map"
    )
    binsz: float = param(
        0.02, label="Pixel size", description="Size of a pixel.", unit="deg", ge=0.005, le=1, group="Map"
    )
    offset_max: float = param(
        2.5,
        label="Largest offset",
        description="Events further from the pointing direction are not used.",
        unit="deg",
        gt=0,
        le=10,
        group="Map",
        advanced=True,
    )


JOB = JobType(
    name="countmap",
    version="1.0",
    title="Count map",
    description="Counts, background and significance maps around a position.",
    parameters=CountmapParameters,
    inputs=(OBSERVATIONS,),
    outputs=(
        OutputRole("maps", "maps.fits", "application/fits", "Counts, background and significance maps", "counts-map"),
        OutputRole("plot", "maps.png", "image/png", "Picture of the maps", "preview-image"),
        OutputRole("summary", "summary.json", "application/json", "Counts and significance at the source position"),
    ),
    worker="analysis.countmap.worker:run",
    warm_up="analysis.countmap.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    execution_duration=1800,
)
