"""Flux points of a fitted on-off spectrum, with their likelihood profiles, as GADF has them and for pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.estimators import FluxPoints
from gammapy.modeling.models import SpectralModel

from analysis.energy import BINS_PER_DECADE
from analysis.onoff.norms import UL_CONFIDENCE, profile

ENERGY_FLUX_UNIT = "erg cm-2 s-1"
NORMS = np.concatenate([np.linspace(0, 2, 41), np.geomspace(2.1, 20, 20)])
"""Fluxes at which likelihood profiles are given, in units of the fitted model's."""


def edges(dataset: SpectrumDatasetOnOff, per_decade: int) -> np.ndarray:
    """Edges (TeV) of the flux points: whole bins from the safe threshold to the highest energy with an event."""
    mask = dataset.mask_safe.data[:, 0, 0]
    inside = np.nonzero(mask)[0]
    seen = np.nonzero(mask & (dataset.counts.data[:, 0, 0] > 0))[0]
    first, last = int(inside[0]), int(seen[-1]) + 1
    step = BINS_PER_DECADE / per_decade
    numbers = np.unique(np.round(np.arange(first, last, step)).astype(int))
    if last - numbers[-1] >= step / 2 or len(numbers) == 1:
        numbers = np.append(numbers, last)
    else:
        numbers[-1] = last
    chosen: np.ndarray = dataset.counts.geom.axes["energy"].edges.to_value("TeV")[numbers]
    return chosen


def table(points: FluxPoints, dataset: SpectrumDatasetOnOff) -> Table:
    """GADF flux points (0.3, section "Flux points"): one row a point, SED_TYPE = dnde, with likelihood profiles.

    `n_on` are the events in the on region, `background` those expected there. `stat` is -2 ln L of the point,
    `stat_scan` the same at the fluxes `norm_scan` times the fitted model's, and `dloglike_scan` the difference in ln L
    to the best one.
    """
    made: Table = points.to_table(sed_type="dnde", format="gadf-sed")
    bounds = [made[name].quantity.to_value("TeV") for name in ("e_min", "e_max")]
    profiles = [profile(dataset, low, high) for low, high in zip(*bounds, strict=True)]
    made["n_on"] = [float(bins.n_on.sum()) for bins in profiles]
    made["background"] = [bins.background for bins in profiles]
    made["norm_scan"] = np.tile(NORMS, (len(made), 1))
    made["stat_scan"] = [bins.stat(NORMS) for bins in profiles]
    made["dloglike_scan"] = (np.asarray(made["stat"])[:, np.newaxis] - made["stat_scan"]) / 2
    return made


def hdu(made: Table, name: str = "FLUXPOINTS") -> fits.BinTableHDU:
    """The table as FITS."""
    found = fits.BinTableHDU(made, name=name)
    for column in found.columns:
        if column.unit == "":
            column.unit = None
    return found


def drawn(points: FluxPoints, model: SpectralModel) -> dict[str, Any]:
    """The points as pictures need them: energies in TeV, E2 dN/dE in erg cm-2 s-1, residuals in errors."""
    rows = points.to_table(sed_type="e2dnde", format="gadf-sed")
    columns: dict[str, Any] = {name: rows[name].quantity.to_value("TeV") for name in ("e_ref", "e_min", "e_max")}
    for name in ("e2dnde", "e2dnde_err", "e2dnde_errn", "e2dnde_errp", "e2dnde_ul"):
        columns[name] = rows[name].quantity.to_value(ENERGY_FLUX_UNIT)
    reference = rows["e_ref"].quantity
    expected = (reference**2 * model(reference)).to_value(ENERGY_FLUX_UNIT)
    difference = columns["e2dnde"] - expected
    error = np.where(difference > 0, columns["e2dnde_errn"], columns["e2dnde_errp"])
    columns["residual"] = np.divide(difference, error, out=np.full_like(difference, np.nan), where=error > 0)
    columns["sqrt_ts"] = np.asarray(rows["sqrt_ts"])
    columns["is_ul"] = np.asarray(rows["is_ul"])
    return {"points": columns, "ul_confidence": UL_CONFIDENCE}


def curve(model: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A band (`analysis.onoff.models.band`) with E2 dN/dE as `e2dnde`, `low` and `high` in erg cm-2 s-1."""
    factor = model["energy"] ** 2 * u.Unit("TeV").to("erg")
    return {
        **model,
        "e2dnde": factor * model["dnde"],
        "low": factor * np.maximum(model["dnde_low"], 0),
        "high": factor * model["dnde_high"],
    }
