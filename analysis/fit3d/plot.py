"""Picture of a fit: counts, what the model predicts, what it does not explain, and the spectrum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy import units as u
from gammapy.estimators import FluxPoints
from gammapy.maps import Map
from gammapy.modeling.models import SpectralModel
from matplotlib.figure import Figure

from analysis.fit3d.fit import Fitted
from analysis.maps.panels import (
    TITLE_HEIGHT,
    add_distribution,
    add_panel,
    circle,
    counts_scale,
    new_figure,
    plain_log,
    signed_scale,
)

NEAR = 0.2
"""Degrees around the source in which its counts are shown by energy."""
_SHOWN = 1e5
"""Range of fluxes in the picture: a curved spectrum falls without end where there are no data."""
_SED_UNIT = "erg cm-2 s-1"


def fit_figure(images: Mapping[str, Map], fitted: Fitted, points: FluxPoints, radius: float, title: str) -> Figure:
    """Three maps, the distribution of the residuals, the spectrum, and the counts by energy.

    `radius` (degrees) is that over which the residual significance is computed.
    """
    figure = new_figure(title)
    panels = (
        ("counts", "Counts", "viridis", counts_scale),
        ("predicted", "Predicted counts", "viridis", counts_scale),
        ("residual", f"Residual significance in {radius:g} deg", "RdBu_r", signed_scale),
    )
    for number, (name, label, colours, scale) in enumerate(panels, start=1):
        axes = add_panel(figure, number, images[name], label, colours, scale)
        circle(axes, fitted.source.position.icrs, radius, "black" if scale is signed_scale else "white")
    residual = images["residual"].data.squeeze()
    add_distribution(figure, 4, residual)
    _spectrum(figure, 5, fitted.source.spectral_model, points)
    _counts(figure, 6, fitted)
    return figure


def _spectrum(figure: Figure, number: int, model: SpectralModel, points: FluxPoints) -> None:
    axes = figure.add_subplot(2, 3, number)
    table = points.to_table(sed_type="e2dnde", format="gadf-sed")
    edges = table["e_min"].quantity.to_value("TeV"), table["e_max"].quantity.to_value("TeV")
    energy = np.geomspace(edges[0][0], edges[1][-1], 60) * u.TeV
    curve = (energy**2 * model(energy)).to_value(_SED_UNIT)
    relative = _relative_error(model, energy.value)
    low, high = curve * (1 - relative), curve * (1 + relative)
    axes.fill_between(energy.value, np.maximum(low, curve / 100), high, color="tab:blue", alpha=0.3)
    axes.plot(energy.value, curve, color="tab:blue")
    reference = table["e_ref"].quantity.to_value("TeV")
    values = {name: table[name].quantity.to_value(_SED_UNIT) for name in ("e2dnde", "e2dnde_err", "e2dnde_ul")}
    widths = np.array([reference - edges[0], edges[1] - reference])
    limit = np.asarray(table["is_ul"], dtype=bool)
    for chosen, value, error in ((~limit, "e2dnde", "e2dnde_err"), (limit, "e2dnde_ul", None)):
        axes.errorbar(
            reference[chosen],
            values[value][chosen],
            xerr=widths[:, chosen],
            yerr=values[error][chosen] if error else 0.4 * values[value][chosen],
            uplims=error is None,
            fmt="o" if error else "none",
            color="black",
            markersize=3,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(max(curve.min() / 10, curve.max() / _SHOWN), curve.max() * 5)
    axes.set_xlabel("Energy (TeV)")
    axes.set_ylabel("E² dN/dE (erg cm⁻² s⁻¹)")
    axes.set_title("Spectrum", y=TITLE_HEIGHT)
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)


def _relative_error(model: SpectralModel, energy: np.ndarray) -> np.ndarray:
    """Error of a spectrum (part of it) at energies in TeV, from the covariance of its parameters, to first order."""
    values = {parameter.name: parameter.value for parameter in model.parameters}
    best = model.evaluate(energy, **values)
    slopes = []
    for parameter in model.parameters:
        step = 1e-3 * (parameter.error or 1.0)
        there = model.evaluate(energy, **values | {parameter.name: parameter.value + step})
        slopes.append((there / best - 1) / step)
    return np.sqrt(np.einsum("pe,pq,qe->e", slopes, model.covariance.data, slopes))


def _counts(figure: Figure, number: int, fitted: Fitted) -> None:
    axes = figure.add_subplot(2, 3, number)
    field = fitted.field
    region = (field.geom.separation(fitted.source.position).deg < NEAR) & field.mask
    background = field.background * fitted.level[:, np.newaxis, np.newaxis]
    curves = (
        ("counts", field.counts, "black"),
        ("predicted", fitted.signal + background, "tab:blue"),
        ("background", background, "tab:grey"),
    )
    edges = field.energy.edges.to_value("TeV")
    for label, cube, colour in curves:
        axes.stairs(np.where(region, cube, 0).sum(axis=(1, 2)), edges, label=label, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xlabel("Energy (TeV)")
    axes.set_ylabel("Counts")
    axes.set_title(f"Counts within {NEAR:g} deg of the source", y=TITLE_HEIGHT)
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    axes.legend(fontsize="small")
