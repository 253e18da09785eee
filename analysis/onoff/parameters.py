"""Parameters that every job on spectra of an on region shares."""

from __future__ import annotations

from typing import Literal

from analysis.selection import DL3Selection
from uws.parameters import Interval, param

MEMORY = 1024
"""MiB that a job may use: three times what 500 observations take (0.25 GiB and 0.13 MiB for each)."""
ModelName = Literal["power-law", "log-parabola", "exponential-cut-off"]


class OnOffParameters(DL3Selection):
    """Observations, on region, energies and spectral model."""

    on_radius: float = param(
        0.11,
        label="On radius",
        description="Radius of the on region around the source. Observations with point-like responses have their own.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=2,
        group="Source",
    )
    model: ModelName = param(
        "power-law",
        label="Model",
        description="Spectral model to fit: `power-law` (E/E0)^-index, `log-parabola` (E/E0)^-(alpha + beta ln(E/E0)), "
        "`exponential-cut-off` (E/E0)^-index exp(-lambda E).",
        group="Spectrum",
    )
    energy: Interval | None = param(
        None,
        label="Energy range",
        description="Reconstructed energies to use, never below an observation's safe threshold. "
        "Default: each observation from its safe threshold up.",
        unit="TeV",
        ucd="em.energy;stat.interval",
        xtype="interval",
        group="Spectrum",
    )
    reference_energy: float = param(
        1.0,
        label="Reference energy",
        description="Energy E0 at which the amplitude is given.",
        unit="TeV",
        ucd="em.energy",
        gt=0,
        group="Spectrum",
        advanced=True,
    )
