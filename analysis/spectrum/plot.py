"""Picture of a spectrum: flux points over the fitted band, and the residuals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOUR, _POINTS = "#c0392b", "#1f2d3d"


def spectrum_figure(data: dict[str, Any]) -> Figure:
    """Draw the spectral energy distribution that `plot_data` describes (see `analysis.spectrum.worker`)."""
    figure = Figure(figsize=(7.0, 6.0), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    energy, best, low, high = (np.asarray(data["band"][key]) for key in ("energy", "e2dnde", "low", "high"))
    upper.fill_between(energy, low, high, color=_COLOUR, alpha=0.25, linewidth=0, label="68 % confidence band")
    upper.plot(energy, best, color=_COLOUR, label=data["label"])

    points = {key: np.asarray(value, dtype=float) for key, value in data["points"].items()}
    limit = points["is_ul"].astype(bool)
    width = np.abs([points["e_ref"] - points["e_min"], points["e_max"] - points["e_ref"]])
    if (~limit).any():
        height = np.nan_to_num([points["e2dnde_errn"], points["e2dnde_errp"]])
        upper.errorbar(
            points["e_ref"][~limit], points["e2dnde"][~limit], xerr=width[:, ~limit], yerr=height[:, ~limit],
            fmt="o", color=_POINTS, markersize=4, label="Flux points",
        )  # fmt: skip
        lower.errorbar(
            points["e_ref"][~limit], points["residual"][~limit], xerr=width[:, ~limit], yerr=1,
            fmt="o", color=_POINTS, markersize=4,
        )  # fmt: skip
    if limit.any():
        upper.errorbar(
            points["e_ref"][limit], points["e2dnde_ul"][limit], xerr=width[:, limit],
            yerr=0.35 * points["e2dnde_ul"][limit], uplims=True,
            fmt="none", color=_POINTS, alpha=0.6, label=f"Upper limits ({100 * data['ul_confidence']:.0f} %)",
        )  # fmt: skip
    upper.set(xscale="log", yscale="log", ylabel=r"$E^2\,dN/dE$ [erg cm$^{-2}$ s$^{-1}$]", title=data["title"])
    upper.set_ylim(*_limits(points, limit, best))
    upper.legend(frameon=False)
    lower.axhline(0, color=_COLOUR)
    lower.set(xlabel="Energy [TeV]", ylabel=r"Residuals [$\sigma$]")
    extent = max(3.0, float(np.nanmax(np.abs(points["residual"]), initial=0)) + 1.5)
    lower.set_ylim(-extent, extent)
    return figure


def _limits(points: dict[str, np.ndarray], limit: np.ndarray, best: np.ndarray) -> tuple[float, float]:
    shown = np.concatenate([best, points["e2dnde"][~limit], points["e2dnde_ul"][limit]])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    return 0.3 * float(shown.min()), 4 * float(shown.max())
