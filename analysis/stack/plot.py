"""Picture of several spectra: flux points over the fitted bands, a colour for each group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e5ea2", "#d98e04", "#5d6d7e", "#00808a", "#a0522d")
_MARKERS = "osD^vP*X"


def comparison_figure(data: Mapping[str, Any]) -> Figure:
    """Draw the result `plot_data`: the groups in `series`, and the `reference` that is fitted to all of them."""
    figure = Figure(figsize=(7.5, 5.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    shown: list[np.ndarray] = []
    for number, spectrum in enumerate(data["series"]):
        colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number // len(_COLOURS) % len(_MARKERS)]
        band = spectrum["band"]
        axis.fill_between(band["energy"], band["low"], band["high"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(band["energy"], band["e2dnde"], color=colour)
        shown += [band["e2dnde"], _points(axis, spectrum, colour, marker)]
    reference = data["reference"]
    axis.plot(reference["energy"], reference["e2dnde"], color="#1f2d3d", linestyle="--", label=reference["label"])
    values = np.concatenate(shown)
    values = values[np.isfinite(values) & (values > 0)]
    axis.set(xscale="log", yscale="log", title=data["title"], xlabel="Energy [TeV]")
    axis.set_ylabel(r"$E^2\,dN/dE$ [erg cm$^{-2}$ s$^{-1}$]")
    axis.set_ylim(0.3 * float(values.min()), 4 * float(values.max()))
    axis.legend(frameon=False)
    return figure


def _points(axis: Any, spectrum: dict[str, Any], colour: str, marker: str) -> np.ndarray:
    points = {key: np.asarray(value, dtype=float) for key, value in spectrum["points"].items()}
    limit = points["is_ul"].astype(bool)
    width = np.abs([points["e_ref"] - points["e_min"], points["e_max"] - points["e_ref"]])
    axis.errorbar(
        points["e_ref"][~limit], points["e2dnde"][~limit], xerr=width[:, ~limit],
        yerr=np.nan_to_num([points["e2dnde_errn"], points["e2dnde_errp"]])[:, ~limit],
        fmt=marker, color=colour, markersize=4, label=spectrum["name"],
    )  # fmt: skip
    if limit.any():
        axis.errorbar(
            points["e_ref"][limit], points["e2dnde_ul"][limit], xerr=width[:, limit],
            yerr=0.35 * points["e2dnde_ul"][limit], uplims=True, fmt="none", color=colour, alpha=0.6,
        )  # fmt: skip
    return np.concatenate([points["e2dnde"][~limit], points["e2dnde_ul"][limit]])
