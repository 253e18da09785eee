"""Declarations of the parameters that jobs on maps share; a job puts them where its form is to show them."""

from __future__ import annotations

from typing import Any

from uws.parameters import param


def energy(use: str, group: str) -> Any:
    """Range of reconstructed energies (TeV); `use` is what is done with them, as a verb."""
    return param(
        None,
        label="Energy range",
        description=f"Reconstructed energies to {use}, never below an observation's safe threshold. "
        "Default: each observation from its safe threshold up.",
        unit="TeV",
        ucd="em.energy;stat.interval",
        xtype="interval",
        group=group,
    )


def exclusion_radius(advanced: bool) -> Any:
    """Radius (deg) of the disk around the source that tells nothing of the background."""
    return param(
        0.3,
        label="Exclusion radius",
        description="Radius of the disk around the source that is kept out where counts tell the background.",
        unit="deg",
        ucd="phys.angSize",
        gt=0,
        le=5,
        group="Background",
        advanced=advanced,
    )


def width(largest: float) -> Any:
    """Width and height of the maps (deg)."""
    return param(
        4.0, label="Map width", description="Width and height of the maps.", unit="deg", gt=0, le=largest, group="Map"
    )


def binsz(smallest: float, largest: float) -> Any:
    """Size of a pixel (deg)."""
    return param(
        0.02, label="Pixel size", description="Size of a pixel.", unit="deg", ge=smallest, le=largest, group="Map"
    )


def offset_max() -> Any:
    """Largest angle between an event and the pointing direction (deg)."""
    return param(
        2.5,
        label="Largest offset",
        description="Events further from the pointing direction are not used.",
        unit="deg",
        gt=0,
        le=10,
        group="Map",
        advanced=True,
    )


def check_pixels(width: float, binsz: float, most: int) -> None:
    """Raises ValueError above `most` pixels along a side."""
    if width / binsz > most:
        raise ValueError(f"the map has more than {most} pixels a side: make width smaller or binsz larger")
