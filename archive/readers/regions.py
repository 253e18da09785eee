"""Where on the sky a spectrum was taken from: the region in its file, as the circle around it.

Two ways to write it are read: pixels of a WCS in the table's own header (gammapy), and sky pixels X, Y whose scale
stands in REFX... and REFY... of the primary header (XMM-Newton SAS).
"""

from __future__ import annotations

import warnings

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from archive.readers.events import number, text
from archive.readers.fitsfile import column_names, table_data

_ROUND = ("POINT", "CIRCLE", "ANNULUS")
_REF = {"CTYPE": "CTYP", "CRPIX": "CRPX", "CRVAL": "CRVL", "CDELT": "CDLT", "CUNIT": "CUNI"}


def extraction_circle(hdus: fits.HDUList) -> tuple[float, float, float] | None:
    """(ra, dec, radius) in deg of the only circle or annulus of a file; None for anything more complicated, or none."""
    tables = [h for h in hdus if isinstance(h, fits.BinTableHDU) and {"SHAPE", "X", "Y"} <= column_names(h)]
    if len(tables) != 1:
        return None
    rows = table_data(tables[0], "its region")
    if len(rows) != 1 or str(rows["SHAPE"][0]).strip().upper() not in _ROUND:
        return None
    wcs = _wcs(tables[0].header, hdus[0].header)
    if wcs is None:
        return None
    try:
        x, y = (float(np.ravel(rows[name])[0]) for name in ("X", "Y"))
        radius = float(np.max(rows["R"])) if "R" in rows.names else 0.0
    except (TypeError, ValueError):
        return None
    ra, dec = (float(value) for value in wcs.celestial.all_pix2world(x, y, 1))
    size = radius * float(np.sqrt(abs(np.linalg.det(wcs.celestial.pixel_scale_matrix))))
    if not (np.isfinite([ra, dec, size]).all() and -90 <= dec <= 90 and 0 <= size < 180):
        return None
    return ra % 360.0, dec, size


def _wcs(table: fits.Header, primary: fits.Header) -> WCS | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if text(table, "CTYPE1"):
            made = fits.Header()
            for key in table:
                if key.startswith(("CTYPE", "CRPIX", "CRVAL", "CDELT", "CUNIT", "LONPOLE", "LATPOLE", "RADESYS")):
                    made[key] = table[key]
        else:
            made = fits.Header()
            for axis, name in ((1, "X"), (2, "Y")):
                for key, written in _REF.items():
                    value = primary.get(f"REF{name}{written}")
                    if value is not None:
                        made[f"{key}{axis}"] = value
            if any(number(made, f"{key}{axis}") is None for key in ("CRPIX", "CRVAL", "CDELT") for axis in (1, 2)):
                return None
        try:
            wcs = WCS(made, naxis=2)
            return wcs if wcs.has_celestial and wcs.celestial.wcs.ctype[0].startswith("RA") else None
        except (ValueError, TypeError, KeyError, MemoryError):
            return None
