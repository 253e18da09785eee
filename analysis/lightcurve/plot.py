"""Picture of a light curve: fluxes and upper limits over time, a panel for each energy range."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOUR, _POINTS = "#c0392b", "#1f2d3d"


def lightcurve_figure(data: dict[str, Any]) -> Figure:
    """Draw what `plot_data` describes (see `analysis.lightcurve.worker`)."""
    panels = data["series"]
    figure = Figure(figsize=(8.0, 2.0 + 2.8 * len(panels)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, series in zip(axes, panels, strict=True):
        _panel(axis, series, data["ul_confidence"])
    axes[0].set_title(data["title"])
    axes[-1].set_xlabel("Time [MJD, UTC]")
    axes[-1].ticklabel_format(axis="x", useOffset=False)
    return figure


def _panel(axis: Any, series: dict[str, Any], confidence: float) -> None:
    low, high, flux, errn, errp, ul = (
        np.asarray(series[key], dtype=float) for key in ("t_min", "t_max", "flux", "flux_errn", "flux_errp", "flux_ul")
    )
    limit = np.asarray(series["is_ul"], dtype=bool)
    middle, half = (low + high) / 2, (high - low) / 2
    if (~limit).any():
        axis.errorbar(
            middle[~limit], flux[~limit], xerr=half[~limit], yerr=np.nan_to_num([errn[~limit], errp[~limit]]),
            fmt="o", color=_POINTS, markersize=4, label="Flux",
        )  # fmt: skip
    if limit.any():
        axis.errorbar(
            middle[limit], ul[limit], xerr=half[limit], yerr=0.15 * ul[limit], uplims=True,
            fmt="none", color=_POINTS, alpha=0.6, label=f"Upper limits ({100 * confidence:.0f} %)",
        )  # fmt: skip
    if series["constant"] is not None:
        axis.axhline(series["constant"], color=_COLOUR, linewidth=1, label="Constant flux")
    axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axis.set_ylabel(rf"Flux {series['label']} [cm$^{{-2}}$ s$^{{-1}}$]", fontsize=9)
    axis.legend(frameon=False, fontsize=8)
