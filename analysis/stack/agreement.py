"""Do spectra agree? Likelihood-ratio tests of models with common parameters against separate ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gammapy.datasets import Datasets, SpectrumDatasetOnOff
from gammapy.modeling.models import Models, SkyModel

from analysis.onoff import models
from analysis.onoff.fit import Fitted, likelihood_ratio, minimise
from uws.errors import UserJobError

AGREE = 0.05
"""Spectra are said to agree when chance makes differences like theirs in more than this share of cases."""


def agreement(datasets: Mapping[str, SpectrumDatasetOnOff], fits: Mapping[str, Fitted]) -> dict[str, Any]:
    """Tests over all groups: `shape` (common shape, own amplitudes) and `spectrum` (everything common).

    Each has the `ts` of separate fits over the common one, its degrees of freedom, p-value (Wilks' theorem) and the
    common parameters with their errors. Raises UserJobError when a common fit does not converge.
    """
    return {
        "shape": _test(datasets, fits, own={"amplitude"}),
        "spectrum": _test(datasets, fits, own=set()),
    }


def _test(datasets: Mapping[str, SpectrumDatasetOnOff], fits: Mapping[str, Fitted], own: set[str]) -> dict[str, Any]:
    first, *others = fits.values()
    common = first.model.spectral_model.copy()
    shared = [p.name for p in common.parameters.free_parameters if p.name not in own]
    copies = Datasets()
    for number, (name, fitted) in enumerate(fits.items()):
        spectral = common if number == 0 else fitted.model.spectral_model.copy()
        for parameter in shared:
            setattr(spectral, parameter, getattr(common, parameter))
        dataset = datasets[name].copy(name=f"group{number}")
        dataset.models = Models([SkyModel(spectral, name=f"model{number}", datasets_names=[dataset.name])])
        copies.append(dataset)
    # The mean of the separate fits, weighted by their errors, is where a common value is likely to be.
    for parameter in shared:
        found = [fitted.model.spectral_model.parameters[parameter] for fitted in fits.values()]
        weights = np.array([1 / p.error**2 if p.error > 0 else 0.0 for p in found])
        if weights.sum() > 0:
            getattr(common, parameter).value = float(np.average([p.value for p in found], weights=weights))
    result = minimise(copies)
    if not result.success or not np.isfinite(result.total_stat):
        raise UserJobError(
            f"The fit of {models.words(first.name)} to all groups together did not converge: choose a simpler model, "
            "or compare fewer groups."
        )
    rows, _ = models.parameter_table(common)
    ratio = likelihood_ratio(
        float(result.total_stat) - sum(fitted.stat for fitted in fits.values()), len(others) * len(shared)
    )
    return {
        **ratio,
        "agree": ratio["p_value"] >= AGREE,
        "common": [row for row in rows if row["name"] not in own],
    }
