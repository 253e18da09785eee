"""Declaration of the job type `spectrum`."""

from __future__ import annotations

from analysis.onoff.parameters import MEMORY, OnOffParameters
from analysis.selection import ON_OFF_OBSERVATIONS
from uws.jobtypes import JobType, OutputRole
from uws.parameters import param


class SpectrumParameters(OnOffParameters):
    """Parameters of a one-dimensional spectral fit."""

    compare: bool = param(
        True,
        label="Compare models",
        description="Fit the other models too, and say how much better or worse they describe the data.",
        group="Spectrum",
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
    version="2.0",
    title="Spectrum",
    description="Counts in a disk around the source and in reflected off regions, the fit of a spectral model to all "
    "observations together and its comparison with others, and flux points with upper limits and likelihood profiles.",
    parameters=SpectrumParameters,
    inputs=(ON_OFF_OBSERVATIONS,),
    outputs=(
        OutputRole("fit", "fit.json", "application/json", "Fitted parameters, covariance, model comparison and counts"),
        OutputRole("flux_points", "flux_points.fits", "application/fits", "Flux points (GADF sed)", "flux-points"),
        OutputRole("flux_points_table", "flux_points.ecsv", "text/plain", "The same flux points as text (ECSV)"),
        OutputRole("model", "model.yaml", "application/yaml", "Fitted model (gammapy)"),
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
    memory=MEMORY,
)
