"""Declaration of the job type `spectrum`."""

from __future__ import annotations

from typing import Literal

from analysis.selection import OBSERVATIONS, DL3Selection
from uws.jobtypes import JobType, OutputRole
from uws.parameters import Interval, param


class SpectrumParameters(DL3Selection):
    """Parameters of a one-dimensional spectral fit."""

    model: Literal["power-law", "log-parabola"] = param(
        "power-law", label="Model", description="Spectral model to fit.", group="Spectrum"
    )
    energy: Interval | None = param(
        None,
        label="Fit range",
        description="Reconstructed energies to fit, never below an observation's safe threshold. "
        "Default: each observation from its safe threshold up.",
        unit="TeV",
        ucd="em.energy;stat.interval",
        xtype="interval",
        group="Spectrum",
    )
    on_radius: float = param(
        0.11,
        label="On radius",
        description="Radius of the on region around the source.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=2,
        group="Source",
    )
    reference_energy: float = param(
        1.0,
        label="Reference energy",
        description="Energy at which the amplitude is given.",
        unit="TeV",
        ucd="em.energy",
        gt=0,
        group="Spectrum",
        advanced=True,
    )
    flux_points_per_decade: int = param(
        5,
        label="Flux points per decade",
        description="Flux points per decade of energy.",
        ge=1,
        le=10,
        group="Spectrum",
        advanced=True,
    )


JOB = JobType(
    name="spectrum",
    version="1.0",
    title="Spectrum",
    description="Counts in a disk around the source and in reflected off regions, the fit of a spectral model to all "
    "observations together, and flux points with upper limits.",
    parameters=SpectrumParameters,
    inputs=(OBSERVATIONS,),
    outputs=(
        OutputRole("fit", "fit.json", "application/json", "Fitted parameters, covariance and counts"),
        OutputRole("flux_points", "flux_points.fits", "application/fits", "Flux points (GADF sed)", "flux-points"),
        OutputRole(
            "ogip", "spectra_ogip.zip", "application/zip", "Counts spectra and responses (OGIP)", "counts-spectrum"
        ),
        OutputRole("plot", "spectrum.png", "image/png", "Picture of the spectrum", "preview-plot"),
        OutputRole("plot_data", "plot.json", "application/json", "Flux points and fitted band for interactive plots"),
    ),
    worker="analysis.spectrum.worker:run",
    warm_up="analysis.spectrum.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    queue="long",
    execution_duration=1800,
)
