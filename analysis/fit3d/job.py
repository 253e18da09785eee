"""Declaration of the job type `fit3d`."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import model_validator

from analysis.maps import parameters as shared
from analysis.onoff.parameters import ModelName
from analysis.selection import OBSERVATIONS, DL3Selection
from uws.jobtypes import JobType, OutputRole
from uws.parameters import Interval, param

MAX_PIXELS = 500
"""Pixels along a side of the maps."""


class Fit3dParameters(DL3Selection):
    """Parameters of a fit of position, extension and spectrum."""

    morphology: Literal["point", "gaussian"] = param(
        "point",
        label="Morphology",
        description="Shape of the source: a point, or a symmetric Gaussian whose width is fitted.",
        group="Model",
    )
    model: ModelName = param("power-law", label="Spectral model", description="Spectral model to fit.", group="Model")
    free_position: bool = param(
        True,
        label="Fit the position",
        description="Fit the position, starting at the source position; otherwise it stays there.",
        group="Model",
    )
    extension: float = param(
        0.1,
        label="Extension",
        description="Standard deviation of the Gaussian with which the fit starts.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=2,
        group="Model",
        advanced=True,
    )
    reference_energy: float = param(
        1.0,
        label="Reference energy",
        description="Energy at which the amplitude is given.",
        unit="TeV",
        ucd="em.energy",
        gt=0,
        le=100,
        group="Model",
        advanced=True,
    )
    background_tilt: bool = param(
        False,
        label="Fit the tilt of the background",
        description="Fit, besides the level of the background model, the index of a power law to multiply it by.",
        group="Background",
        advanced=True,
    )
    exclusion_radius: float = shared.exclusion_radius(advanced=True)
    energy: Interval | None = shared.energy("fit", group="Model")
    flux_points_per_decade: int = param(
        3,
        label="Flux points per decade",
        description="Flux points per decade of energy.",
        ge=1,
        le=10,
        group="Model",
        advanced=True,
    )
    width: float = shared.width(largest=10)
    binsz: float = shared.binsz(smallest=0.01, largest=0.2)
    offset_max: float = shared.offset_max()

    @model_validator(mode="after")
    def _geometry(self) -> Fit3dParameters:
        shared.check_pixels(self.width, self.binsz, MAX_PIXELS)
        if self.width < 2 * self.exclusion_radius:
            raise ValueError("the map holds nothing but the source: make width larger than twice exclusion_radius")
        if self.morphology == "gaussian" and self.extension > self.width / 4:
            raise ValueError("the source is as large as the map: make width larger or extension smaller")
        if self.exclude is not None and self.position is not None and _separation(self) < self.exclude[2]:
            raise ValueError("the excluded disk covers the source: make it smaller or choose another position")
        return self


def _separation(parameters: Fit3dParameters) -> float:
    """Degrees between the source position and the centre of the excluded disk."""
    assert parameters.position is not None
    assert parameters.exclude is not None
    ra, dec, other_ra, other_dec = map(math.radians, (*parameters.position, *parameters.exclude[:2]))
    haversine = (
        math.sin((dec - other_dec) / 2) ** 2 + math.cos(dec) * math.cos(other_dec) * math.sin((ra - other_ra) / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(haversine))))


JOB = JobType(
    name="fit3d",
    version="1.3",
    title="3D fit",
    description="Fit of position, extension and spectrum of a source, together with the level of the background, to "
    "maps of the counts in energy bins; flux points, and a map of what the model does not explain.",
    parameters=Fit3dParameters,
    inputs=(OBSERVATIONS,),
    outputs=(
        OutputRole("fit", "fit.json", "application/json", "Fitted parameters, covariance, test statistic and counts"),
        OutputRole("parameters", "parameters.ecsv", "text/plain", "Table of all parameters (ECSV)"),
        OutputRole("model", "model.yaml", "application/yaml", "Best-fit models for gammapy"),
        OutputRole(
            "maps", "maps.fits", "application/fits", "Counts, predicted counts and residual significance", "counts-map"
        ),
        OutputRole("flux_points", "flux_points.fits", "application/fits", "Flux points (GADF sed)", "flux-points"),
        OutputRole("plot", "fit3d.png", "image/png", "Picture of maps, residuals and spectrum", "preview-image"),
    ),
    worker="analysis.fit3d.worker:run",
    warm_up="analysis.fit3d.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    queue="long",
    execution_duration=3600,
)
