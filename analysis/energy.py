"""Energy axes of the analyses, from the range that a user asks for."""

from __future__ import annotations

import math

from astropy.coordinates import SkyCoord
from gammapy.data import Observation
from gammapy.datasets import MapDataset
from gammapy.makers import SafeMaskMaker
from gammapy.maps import MapAxis

from uws.errors import UserJobError

ENERGY_MIN, ENERGY_MAX = 0.01, 100.0
"""TeV: reconstructed energies that can be analysed."""
BINS_PER_DECADE = 10
TRUE_MIN, TRUE_MAX = 0.005, 200.0
"""TeV: true energies, beyond the reconstructed ones by more than the energy resolution."""
TRUE_BINS_PER_DECADE = 20


def reconstructed_axis(interval: tuple[float, float] | None) -> MapAxis:
    """Axis "energy" from the asked lower to the asked upper limit (TeV), about ten bins per decade.

    Open ends reach to ENERGY_MIN and ENERGY_MAX. Raises UserJobError when nothing of the interval lies between them.
    """
    low, high = (ENERGY_MIN, ENERGY_MAX) if interval is None else interval
    low, high = max(low, ENERGY_MIN), min(high, ENERGY_MAX)
    if not low < high:
        raise UserJobError(
            f"The energy range has no extent between {ENERGY_MIN:g} and {ENERGY_MAX:g} TeV, where data can be analysed."
        )
    bins = max(1, math.ceil(round(math.log10(high / low) * BINS_PER_DECADE, 6)))
    return MapAxis.from_energy_bounds(low, high, nbin=bins, unit="TeV", name="energy")


def true_axis() -> MapAxis:
    """Axis "energy_true" of the responses."""
    return MapAxis.from_energy_bounds(
        TRUE_MIN, TRUE_MAX, nbin=TRUE_BINS_PER_DECADE, per_decade=True, unit="TeV", name="energy_true"
    )


def safe_mask_maker(observation: Observation, position: SkyCoord) -> SafeMaskMaker:
    """Mask of the energies at which the responses can be trusted.

    Between the thresholds that the effective area's header gives; without them, where the effective area for
    `position` is above 10 % of its maximum.
    """
    if observation.aeff.meta.get("LO_THRES"):
        return SafeMaskMaker(methods=["aeff-default"])
    return SafeMaskMaker(methods=["aeff-max"], aeff_percent=10, position=position, irfs="DL3")


def safe_range(dataset: MapDataset) -> tuple[float, float] | None:
    """Lowest and highest energy (TeV) in the safe mask of a dataset; None when it is empty."""
    axis = dataset.counts.geom.axes["energy"]
    inside = dataset.mask_safe.data.reshape(axis.nbin, -1).any(axis=1).nonzero()[0]
    if not len(inside):
        return None
    edges = axis.edges.to_value("TeV")
    return float(f"{edges[inside[0]]:.9g}"), float(f"{edges[inside[-1] + 1]:.9g}")  # as given, not as recomputed


def threshold_text(observation: Observation) -> str:
    """The file's safe energy threshold in words, for messages."""
    threshold = observation.aeff.meta.get("LO_THRES")
    return f"{float(threshold):.3g} TeV" if threshold else "a tenth of its largest effective area"
