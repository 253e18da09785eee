"""Declaration of the job type `countmap`."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from analysis.maps import parameters as shared
from analysis.selection import OBSERVATIONS, DL3Selection
from uws.jobtypes import JobType, OutputRole
from uws.parameters import Interval, param

MAX_PIXELS = 2000
"""Pixels along a side of a map."""


class CountmapParameters(DL3Selection):
    """Parameters of a count map."""

    energy: Interval | None = shared.energy("use", group="Source")
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
    index: float = param(
        2.3,
        label="Spectral index",
        description="Index of the power law that weights the energies of the exposure map.",
        ge=0,
        le=6,
        group="Source",
        advanced=True,
    )
    background: Literal["ring", "field-of-view"] = param(
        "ring",
        label="Background",
        description="Where the background is taken from: counts in a ring around each position, or the background "
        "model of the field of view, scaled to the counts outside of the excluded disks.",
        group="Background",
    )
    exclusion_radius: float = shared.exclusion_radius(advanced=False)
    ring_radius: float = param(
        0.5,
        label="Ring radius",
        description="Inner radius of the ring around each position in which its background is counted.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=5,
        group="Background",
        advanced=True,
    )
    ring_width: float = param(
        0.3,
        label="Ring width",
        description="Width of that ring.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=5,
        group="Background",
        advanced=True,
    )
    width: float = shared.width(largest=20)
    binsz: float = shared.binsz(smallest=0.005, largest=1)
    offset_max: float = shared.offset_max()

    @model_validator(mode="after")
    def _geometry(self) -> CountmapParameters:
        if self.background == "ring" and self.ring_radius < self.on_radius:
            raise ValueError("the ring must lie outside of the on region: ring_radius is below on_radius")
        if self.background == "ring" and self.binsz > self.ring_width:
            raise ValueError("the pixels are too large: binsz is above ring_width")
        if self.binsz > self.on_radius:
            raise ValueError("the pixels are too large: binsz is above on_radius")
        if self.width < 4 * self.binsz:
            raise ValueError("the map is narrower than four pixels: make width larger or binsz smaller")
        shared.check_pixels(self.width, self.binsz, MAX_PIXELS)
        return self


JOB = JobType(
    name="countmap",
    version="1.2",
    title="Count map",
    description="Maps of the counts, the background (from rings or from the model of the field of view), the exposure, "
    "the excess and the significance around a position.",
    parameters=CountmapParameters,
    inputs=(OBSERVATIONS,),
    outputs=(
        OutputRole(
            "maps",
            "maps.fits",
            "application/fits",
            "Counts, background, exposure, excess and significance maps",
            "counts-map",
        ),
        OutputRole("plot", "maps.png", "image/png", "Picture of the maps", "preview-image"),
        OutputRole("summary", "summary.json", "application/json", "Counts and significance at the source position"),
    ),
    worker="analysis.countmap.worker:run",
    warm_up="analysis.countmap.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    queue="long",
    execution_duration=1800,
)
