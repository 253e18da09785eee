"""Integrals of a spectral model over bins of energy, without units: a fit asks for some hundred of them."""

from __future__ import annotations

import numpy as np
from gammapy.modeling.models import SpectralModel

_STEPS = 10
"""Parts of a bin between which the spectrum is taken for a power law."""


class SpectrumIntegrals:
    """Integrals (cm-2 s-1) between `edges` (TeV) of a model whose parameters are in cm-2 s-1 TeV-1, TeV and TeV-1.

    gammapy integrates in the same way, with as many steps in a tenth of a decade.
    """

    def __init__(self, model: SpectralModel, edges: np.ndarray) -> None:
        self.model = model
        fractions = np.arange(_STEPS) / _STEPS
        inner = edges[:-1, np.newaxis] * (edges[1:] / edges[:-1])[:, np.newaxis] ** fractions
        self._energy = np.append(inner.ravel(), edges[-1])
        self._ratio = self._energy[1:] / self._energy[:-1]

    def integrals(self) -> np.ndarray:
        """(bin,), for the present values of the parameters."""
        with np.errstate(all="ignore"):  # where the spectrum vanishes, or a step of the fit makes it overflow
            values = self.model.evaluate(self._energy, **{each.name: each.value for each in self.model.parameters})
            low, high = values[:-1], values[1:]
            power = np.log(high / low) / np.log(self._ratio) + 1
            flat = np.abs(power) < 1e-8
            factor = np.where(flat, np.log(self._ratio), (self._ratio**power - 1) / np.where(flat, 1, power))
            parts: np.ndarray = np.where(low > 0, low * self._energy[:-1] * factor, 0)
        return parts.reshape(-1, _STEPS).sum(axis=1)
