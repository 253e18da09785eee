"""What the file of a result says of itself in ObsCore's terms (obscore.md, "A gamma-ray archive in ObsCore").

Sources: FITS 4.0 world coordinates for maps; GADF 0.3 "Flux points" and "Light curves"; OGIP 92-007 for spectra.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from archive.obscore.mapping import wavelength
from archive.readers.mjdref import TimeReference, utc_mjd
from archive.readers.records import Refused
from vo.regions import Polygon, format_stcs


class NotPublishable(Exception):
    """The result is of no kind that can be published, or its file is not what it should be; one sentence."""


@dataclass(frozen=True, slots=True)
class Content:
    """Values of ObsCore columns that the file itself gives."""

    values: Mapping[str, Any]


def describe(path: Path, product_type: str) -> Content:
    """The content of a result of that kind. Raises NotPublishable."""
    reader = _READERS.get(product_type)
    if reader is None:
        kinds = ", ".join(sorted(_READERS))
        raise NotPublishable(f"a result of the kind {product_type or 'none'!r} cannot be published; {kinds} can")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Content(reader(path))
    except Refused as refusal:
        raise NotPublishable(f"the file of the result cannot be described: {refusal.reason}") from None
    except (OSError, KeyError, ValueError, IndexError, TypeError, zipfile.BadZipFile, u.UnitsError) as error:
        raise NotPublishable(f"the file of the result is no {product_type} that can be read ({error})") from None


def _maps(path: Path) -> dict[str, Any]:
    """Images or cubes of one geometry; the first with data counts."""
    with fits.open(path) as hdus:
        image = next(hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2)
        header = image.header
        sky = WCS(header).celestial
        width, height = int(header["NAXIS1"]), int(header["NAXIS2"])
        planes = int(header["NAXIS3"]) if header["NAXIS"] > 2 else 1
    centre = sky.pixel_to_world((width - 1) / 2, (height - 1) / 2).icrs
    right, top = width - 0.5, height - 0.5
    corners = sky.pixel_to_world([right, right, -0.5, -0.5], [-0.5, top, top, -0.5]).icrs
    region = Polygon(tuple((float(ra), float(dec)) for ra, dec in zip(corners.ra.deg, corners.dec.deg, strict=True)))
    return {
        "dataproduct_type": "image" if planes == 1 else "cube",
        "calib_level": 3,
        "o_ucd": "phot.count",
        "s_ra": float(centre.ra.deg),
        "s_dec": float(centre.dec.deg),
        "s_fov": 2 * float(centre.separation(corners).deg.max()),
        "s_region": format_stcs(region),
        "s_xel1": width,
        "s_xel2": height,
        "em_xel": planes,
    }


def _flux_points(path: Path) -> dict[str, Any]:
    with fits.open(path) as hdus:
        table = hdus["FLUXPOINTS"]
        return {
            "dataproduct_type": "sed",
            "calib_level": 4,
            "o_ucd": "phot.flux.density",
            "em_xel": len(table.data),
            **_energies(table),
        }


def _light_curve(path: Path) -> dict[str, Any]:
    with fits.open(path) as hdus:
        table = hdus["FLUXPOINTS"]
        reference = TimeReference(table.header, "the light curve")
        start, stop = (np.asarray(table.data[name], dtype=float) for name in ("time_min", "time_max"))
        return {
            "dataproduct_type": "timeseries",
            "calib_level": 4,
            "o_ucd": "phot.flux",
            "t_min": float(utc_mjd(reference.time(start)).min()),
            "t_max": float(utc_mjd(reference.time(stop)).max()),
            "t_xel": len(table.data),
            "em_xel": int(np.atleast_2d(table.data["e_min"]).shape[-1]),
            **_energies(table),
        }


def _counts_spectrum(path: Path) -> dict[str, Any]:
    """A zip of OGIP spectra; the channels are those of the first."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".fits", ".pha", ".fits.gz")):
                with fits.open(io.BytesIO(archive.read(name))) as hdus:
                    if "SPECTRUM" in hdus:
                        return {
                            "dataproduct_type": "spectrum",
                            "calib_level": 3,
                            "o_ucd": "phot.count",
                            "em_xel": len(hdus["SPECTRUM"].data),
                        }
    raise ValueError("there is no SPECTRUM in it")


def _energies(table: fits.BinTableHDU) -> dict[str, Any]:
    units = {column.name: u.Unit(column.unit) for column in table.columns if column.name in ("e_min", "e_max")}
    low = float((np.min(table.data["e_min"]) * units["e_min"]).to_value("TeV"))
    high = float((np.max(table.data["e_max"]) * units["e_max"]).to_value("TeV"))
    return {"em_min": wavelength(high), "em_max": wavelength(low)}


_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "counts-map": _maps,
    "flux-points": _flux_points,
    "light-curve": _light_curve,
    "counts-spectrum": _counts_spectrum,
}


def kinds() -> tuple[str, ...]:
    """The kinds of results that can be published."""
    return tuple(_READERS)
