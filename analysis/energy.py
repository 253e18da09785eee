"""Energy axes of the analyses, from the range that a user asks for."""

from __future__ import annotations

import math

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


def safe_mask_method(observation: Observation) -> str:
    """gammapy's method for the safe energy range: the file's own threshold, else 10 % of the largest effective area."""
    return "aeff-default" if observation.aeff.meta.get("LO_THRES") else "aeff-max"


def safe_mask_maker(observation: Observation) -> SafeMaskMaker:
    """Mask of the energies at which the responses can be trusted, on the lower side."""
    return SafeMaskMaker(methods=[safe_mask_method(observation)], aeff_percent=10)


def safe_range(dataset: MapDataset) -> tuple[float, float] | None:
    """Lowest and highest energy (TeV) in the safe mask of a dataset; None when it is empty."""
    axis = dataset.counts.geom.axes["energy"]
    inside = dataset.mask_safe.data.reshape(axis.nbin, -1).any(axis=1).nonzero()[0]
    if not len(inside):
        return None
    edges = axis.edges.to_value("TeV")
    return float(edges[inside[0]]), float(edges[inside[-1] + 1])


def threshold_text(observation: Observation) -> str:
    """The file's safe energy threshold in words, for messages."""
    threshold = observation.aeff.meta.get("LO_THRES")
    return f"{float(threshold):.3g} TeV" if threshold else "10 % of its largest effective area"
