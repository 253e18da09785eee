"""The spectral models on offer: where a fit starts, and how their parameters are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from gammapy.modeling.models import (
    ExpCutoffPowerLawSpectralModel,
    LogParabolaSpectralModel,
    PowerLawSpectralModel,
    SpectralModel,
)

from analysis.onoff.parameters import ModelName

AMPLITUDE_UNIT = "cm-2 s-1 TeV-1"
_START: Mapping[ModelName, Callable[..., SpectralModel]] = {
    "power-law": lambda **common: PowerLawSpectralModel(index=2.5, **common),
    "log-parabola": lambda **common: LogParabolaSpectralModel(alpha=2.5, beta=0.1, **common),
    "exponential-cut-off": lambda **common: ExpCutoffPowerLawSpectralModel(index=2.2, lambda_="0.1 TeV-1", **common),
}
NAMES: tuple[ModelName, ...] = tuple(_START)
_UNITS = {"amplitude": AMPLITUDE_UNIT, "lambda_": "TeV-1"}
_SYMBOLS = {"index": "Γ", "alpha": "α", "beta": "β", "lambda_": "λ"}


def start(name: ModelName, reference: float) -> SpectralModel:
    """The model with the values that a fit begins with; `reference` in TeV."""
    return _START[name](amplitude=1e-12 * u.Unit(AMPLITUDE_UNIT), reference=reference * u.TeV)


def words(name: ModelName) -> str:
    """The model's name in a sentence, with its article."""
    return {"power-law": "a power law", "log-parabola": "a log parabola"}.get(name, "an exponential cut-off")


def parameter_table(model: SpectralModel) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Free parameters with errors (1 sigma) and units, and their covariance matrix in the same order."""
    free = list(model.parameters.free_parameters)
    rows = [
        {
            "name": parameter.name.rstrip("_"),
            "value": float(parameter.quantity.to_value(_UNITS.get(parameter.name, ""))),
            "error": float((parameter.error * parameter.unit).to_value(_UNITS.get(parameter.name, ""))),
            "unit": _UNITS.get(parameter.name, ""),
        }
        for parameter in free
    ]
    covariance = model.covariance.get_subcovariance(free).data
    return rows, [[float(value) for value in row] for row in np.atleast_2d(covariance)]


def of_table(name: ModelName, reference: float, rows: Sequence[Mapping[str, Any]]) -> SpectralModel:
    """The model with the values of a `parameter_table`; `reference` in TeV."""
    model = start(name, reference)
    values = {row["name"]: row["value"] * u.Unit(row["unit"]) for row in rows}
    for parameter in model.parameters.free_parameters:
        parameter.quantity = values[parameter.name.rstrip("_")]
    return model


def label(model: SpectralModel, name: ModelName) -> str:
    """The fitted shape for the legend of a picture."""
    shape = [p for p in model.parameters.free_parameters if p.name != "amplitude"]
    values = ", ".join(f"{_SYMBOLS[p.name]} = {p.value:.2f} ± {p.error:.2f}" for p in shape)
    return f"{words(name).partition(' ')[2].capitalize()}: {values}"


def band(model: SpectralModel, low: float, high: float, number: int = 80) -> dict[str, np.ndarray]:
    """Best fit and its 68 % band: `energy` in TeV; `dnde`, `dnde_low` and `dnde_high` in cm-2 s-1 TeV-1.

    The band is sampled from the covariance with a fixed seed, so that it is the same each time.
    """
    energy = np.geomspace(low, high, number) * u.TeV
    median, below, above = model.evaluate_error(energy, random_state=42)
    return {
        "energy": energy.value,
        "dnde": model(energy).to_value(AMPLITUDE_UNIT),
        "dnde_low": (median - below).to_value(AMPLITUDE_UNIT),
        "dnde_high": (median + above).to_value(AMPLITUDE_UNIT),
    }
