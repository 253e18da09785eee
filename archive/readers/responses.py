"""Numbers that describe an observation, taken from its instrument responses (GADF 0.3, "IRFs").

FWHM of the point spread function, energy resolution, safe energy range, radius of the field of view. A response that is
empty where the number is asked for gives None: zeros at the edges are usual (gadf.md GA-43) and no defect.
"""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from archive.readers.fitsfile import column, unit_of
from archive.readers.records import Refused
from archive.readers.units import factor

FWHM_PER_R68 = 1.5600
"""FWHM / 68 % containment radius of a two-dimensional Gaussian: 2 sqrt(2 ln 2) / sqrt(-2 ln 0.32)."""
_ENERGY_AXIS = {"LO": ("ENERG_LO", "ETRUE_LO", "ENERGY_LO"), "HI": ("ENERG_HI", "ETRUE_HI", "ENERGY_HI")}
_RADII = np.linspace(0.0, 1.5, 3001)
"""deg; the grid on which analytic point spread functions are integrated."""


def axis(hdu: fits.BinTableHDU, name: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edges of an axis, energies in TeV and angles in deg.

    Raises `Refused` unless they increase (equal edges are nodes, GA-44). An axis without a unit has that of the format.
    """
    names = _ENERGY_AXIS if name == "ENERG" else {"LO": (f"{name}_LO",), "HI": (f"{name}_HI",)}
    low, high = (column(hdu, names[end], what).ravel() * _scale(hdu, names[end], name) for end in ("LO", "HI"))
    if low.size == 0 or low.size != high.size:
        raise Refused(f"axis {name} of {what} has {low.size} lower and {high.size} upper edges")
    if not (
        np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(np.diff(low) > 0) and np.all(high >= low)
    ):
        raise Refused(f"axis {name} of {what} does not increase")
    return low, high


def _scale(hdu: fits.BinTableHDU, names: tuple[str, ...], axis_name: str) -> float:
    written = next((unit for unit in (unit_of(hdu, name) for name in names) if unit), "")
    if not written or axis_name == "MIGRA":
        return 1.0
    return factor(written, "TeV" if axis_name == "ENERG" else "deg", f"axis {axis_name}")


def _cube(hdu: fits.BinTableHDU, name: str, shape: tuple[int, ...], what: str) -> np.ndarray:
    values = column(hdu, (name,), what)
    try:
        return values.reshape(shape)
    except ValueError:
        raise Refused(f"column {name} of {what} does not have the shape of its axes") from None


def energy_axis(response: fits.BinTableHDU, what: str) -> tuple[float, float] | None:
    """Ends (TeV) of the energy axis of a response, true or reconstructed; None if it has none that can be read."""
    try:
        low, high = axis(response, "ENERG", what)
    except Refused:
        return None
    return (float(low[0]), float(high[-1])) if 0 < low[0] < high[-1] else None


def safe_energy_range(aeff: fits.BinTableHDU, what: str) -> tuple[float, float]:
    """TeV: LO_THRES to HI_THRES where the header has them, else the axis of the effective area where it is not zero."""
    low, high = axis(aeff, "ENERG", what)
    area = _cube(aeff, "EFFAREA", (-1, low.size), what)
    filled = np.flatnonzero(np.nan_to_num(area).max(axis=0) > 0)
    if filled.size == 0:
        raise Refused(f"{what} is zero everywhere")
    lower, upper = low[filled[0]], high[filled[-1]]
    threshold, limit = aeff.header.get("LO_THRES"), aeff.header.get("HI_THRES")
    if isinstance(threshold, (int, float)) and threshold > 0:
        lower = float(threshold)
    if isinstance(limit, (int, float)) and limit > 0:
        upper = float(limit)
    if lower >= upper:
        raise Refused(f"{what} has an empty safe energy range: {lower:g} to {upper:g} TeV")
    return float(lower), float(upper)


def field_of_view_radius(response: fits.BinTableHDU, what: str) -> float | None:
    """deg: largest offset that the effective area covers; None when it does not depend on the offset."""
    low, high = axis(response, "THETA", what)
    return float(high[-1]) if low.size > 1 and high[-1] > 0 else None


def psf_fwhm(psf: fits.BinTableHDU, hdu_class: str, energy: float, offset: float, what: str) -> float | None:
    """FWHM (deg) at an energy (TeV) and offset (deg), from the 68 % containment radius as of a Gaussian (OC-15)."""
    energies = _centres(*axis(psf, "ENERG", what), logarithmic=True)
    offsets = _centres(*axis(psf, "THETA", what))
    shape = (offsets.size, energies.size)
    if hdu_class == "psf_table":
        low, high = axis(psf, "RAD", what)
        density = _cube(psf, "RPSF", (low.size, *shape), what)
        rings = 2 * np.pi * (np.cos(np.radians(low)) - np.cos(np.radians(high)))
        weights, edges = density * rings[:, None, None], np.append(low[:1], high)
        cumulative = np.concatenate([np.zeros((1, *shape)), np.cumsum(np.nan_to_num(weights), axis=0)])
    elif hdu_class in ("psf_3gauss", "psf_king"):
        density = (_three_gauss if hdu_class == "psf_3gauss" else _king)(psf, shape, what)
        edges = _RADII
        middle = np.radians((edges[1:] + edges[:-1]) / 2)
        weights = 0.5 * (density[1:] + density[:-1]) * np.sin(middle)[:, None, None]
        cumulative = np.concatenate([np.zeros((1, *shape)), np.cumsum(np.nan_to_num(weights), axis=0)])
    else:
        return None
    radius = np.full(shape, np.nan)
    for index in np.ndindex(*shape):
        curve = cumulative[(slice(None), *index)]
        if curve[-1] > 0:
            radius[index] = np.interp(0.68 * curve[-1], curve, edges)
    value = _interpolate(radius, offsets, energies, offset, energy)
    return None if value is None else FWHM_PER_R68 * value


def _three_gauss(psf: fits.BinTableHDU, shape: tuple[int, int], what: str) -> np.ndarray:
    total = np.zeros((_RADII.size, *shape))
    for number in (1, 2, 3):
        sigma = _cube(psf, f"SIGMA_{number}", shape, what)
        amplitude = np.ones(shape) if number == 1 else _cube(psf, f"AMPL_{number}", shape, what)
        used = (sigma > 0) & (amplitude != 0)
        width = np.where(used, sigma, 1.0)
        total += np.where(used, amplitude, 0.0) * np.exp(-0.5 * (_RADII[:, None, None] / width) ** 2)
    return total


def _king(psf: fits.BinTableHDU, shape: tuple[int, int], what: str) -> np.ndarray:
    gamma = _cube(psf, "GAMMA", shape, what)
    sigma = _cube(psf, "SIGMA", shape, what)
    used = (sigma > 0) & (gamma > 1)
    width, power = np.where(used, sigma, 1.0), np.where(used, gamma, 2.0)
    profile = (1 + (_RADII[:, None, None] / width) ** 2 / (2 * power)) ** -power
    return np.where(used, profile, 0.0)


def energy_resolution(edisp: fits.BinTableHDU, energy: float, offset: float, what: str) -> float | None:
    """Half width of the central 68 % of E_reco/E_true over its median, at an energy (TeV) and offset (deg)."""
    energies = _centres(*axis(edisp, "ENERG", what), logarithmic=True)
    offsets = _centres(*axis(edisp, "THETA", what))
    low, high = axis(edisp, "MIGRA", what)
    matrix = _cube(edisp, "MATRIX", (offsets.size, low.size, energies.size), what)
    edges = np.append(low[:1], high)
    weights = np.nan_to_num(matrix) * (high - low)[None, :, None]
    cumulative = np.concatenate([np.zeros((offsets.size, 1, energies.size)), np.cumsum(weights, axis=1)], axis=1)
    resolution = np.full((offsets.size, energies.size), np.nan)
    for index in np.ndindex(*resolution.shape):
        curve = cumulative[index[0], :, index[1]]
        if curve[-1] > 0:
            lower, median, upper = np.interp(np.array([0.16, 0.5, 0.84]) * curve[-1], curve, edges)
            if median > 0:
                resolution[index] = (upper - lower) / 2 / median
    return _interpolate(resolution, offsets, energies, offset, energy)


def _centres(low: np.ndarray, high: np.ndarray, logarithmic: bool = False) -> np.ndarray:
    if logarithmic and np.all(low > 0):
        return np.sqrt(low * high)
    return (low + high) / 2


def _interpolate(
    values: np.ndarray, offsets: np.ndarray, energies: np.ndarray, offset: float, energy: float
) -> float | None:
    """Linear in offset and in the logarithm of energy, among the values that exist; None outside the axes."""
    if not energies[0] <= energy <= energies[-1]:
        return None
    rows = []
    for row in values:
        usable = np.isfinite(row)
        rows.append(np.interp(np.log(energy), np.log(energies[usable]), row[usable]) if usable.any() else np.nan)
    along = np.array(rows)
    usable = np.isfinite(along)
    if not usable.any():
        return None
    return float(np.interp(offset, offsets[usable], along[usable]))
