"""Declaration of the job type `lightcurve`."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import model_validator

from analysis.onoff.parameters import MEMORY, OnOffParameters
from analysis.selection import ON_OFF_OBSERVATIONS
from uws.jobtypes import JobType, OutputRole
from uws.parameters import Interval, param

MAX_BINS = 1000
"""Time bins of a light curve."""
MAX_SPLITS = 20


class LightcurveParameters(OnOffParameters):
    """Parameters of a light curve."""

    binning: Literal["night", "run", "given"] = param(
        "night",
        label="Time bins",
        description="A flux for each `night` (from noon to noon of the observatory's mean solar time), for each `run`, "
        "or for each of the bins `given`.",
        group="Time",
    )
    bins: tuple[Interval, ...] = param(
        (),
        label="Bins given",
        description="From and to (MJD, UTC) of each time bin, for `given`. They follow each other and do not overlap.",
        unit="d",
        ucd="time.interval",
        xtype="interval",
        group="Time",
        max_length=MAX_BINS,
    )
    index: float | None = param(
        None,
        label="Spectral index",
        description="Index of a power law that is taken as the shape of the spectrum. "
        "Default: `model` is fitted to all observations together.",
        ucd="spect.index",
        gt=0,
        le=10,
        group="Spectrum",
    )
    energy_split: tuple[float, ...] = param(
        (),
        label="Split energies",
        description="Energies at which the energy range is divided; a light curve is made for each part.",
        unit="TeV",
        ucd="em.energy",
        group="Spectrum",
        advanced=True,
        max_length=MAX_SPLITS,
    )

    @model_validator(mode="after")
    def _agree(self) -> LightcurveParameters:
        if (self.binning == "given") != bool(self.bins):
            raise ValueError("time bins in `bins` go with binning=given, and binning=given with `bins`")
        if any(not low < high or abs(low) == float("inf") or abs(high) == float("inf") for low, high in self.bins):
            raise ValueError("a time bin has an end, a start, and time between them")
        if any(before[1] > after[0] for before, after in pairwise(self.bins)):
            raise ValueError("the time bins do not follow each other: sort them and let none overlap another")
        if self.index is not None and self.model != "power-law":
            raise ValueError(f"`index` is that of a power law, not of model={self.model}: give one of them")
        if any(not low < high for low, high in pairwise(self.energy_split)):
            raise ValueError("the energies in `energy_split` do not rise")
        low, high = self.energy or (0.0, float("inf"))
        if any(not max(low, 0.0) < energy < high for energy in self.energy_split):
            raise ValueError("an energy in `energy_split` lies outside of the energy range")
        return self


JOB = JobType(
    name="lightcurve",
    version="1.0",
    title="Light curve",
    description="Integral fluxes of a source for each night, run or given time bin, at a fixed spectral shape, with "
    "upper limits where it is not seen, and tests whether it varies.",
    parameters=LightcurveParameters,
    inputs=(ON_OFF_OBSERVATIONS,),
    outputs=(
        OutputRole("lightcurve", "lightcurve.fits", "application/fits", "Light curve (gammapy)", "light-curve"),
        OutputRole("lightcurve_table", "lightcurve.ecsv", "text/plain", "The same light curve as text (ECSV)"),
        OutputRole("summary", "summary.json", "application/json", "Fluxes, spectral shape and tests of variability"),
        OutputRole("model", "model.yaml", "application/yaml", "Spectral model used (gammapy)"),
        OutputRole("plot", "lightcurve.png", "image/png", "Picture of the light curve", "preview-plot"),
        OutputRole("plot_data", "plot.json", "application/json", "Fluxes for interactive plots"),
    ),
    worker="analysis.lightcurve.worker:run",
    warm_up="analysis.lightcurve.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    execution_duration=1800,
    memory=MEMORY,
)
