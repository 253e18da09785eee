"""Counts spectra and responses as OGIP files for XSPEC, Sherpa and gammapy: PHA, background, ARF and RMF a run.

gammapy writes them in its own units and types. Here they become what the OGIP memos 92-002 and 92-007 ask for and
XSPEC insists on: energies in keV, areas in cm2, QUALITY a short integer, BACKSCAL a real number, the instrument named.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from astropy.io import fits

from analysis.energy import safe_range
from analysis.onoff.reduction import Reduction
from analysis.outputs import write_fits
from analysis.spectrum.job import JOB
from uws.context import JobContext

_BAD = 5
"""QUALITY of channels that the software excludes, here those outside of the safe energies (0 is good)."""


_UNITS = {"TeV": (1e9, "keV"), "m2": (1e4, "cm**2")}


def write_ogip(context: JobContext, reduction: Reduction) -> list[Path]:
    """Write the files of all observations into the folder `ogip` of the job and return them."""
    folder = context.workdir / "ogip"
    folder.mkdir()
    files = []
    for run in reduction.runs:
        run.dataset.write(folder / f"pha_obs{run.obs_id}.fits", format="ogip")
        for path in sorted(folder.glob(f"pha_obs{run.obs_id}*.fits")):
            with fits.open(io.BytesIO(path.read_bytes())) as hdulist:
                for hdu in hdulist[1:]:
                    _convert_units(hdu)
                    if hdu.name in ("SPECTRUM", "SPECRESP", "MATRIX", "EBOUNDS"):
                        hdu.header.update({"TELESCOP": run.telescope, "INSTRUME": run.instrument, "FILTER": "NONE"})
                if "SPECTRUM" in hdulist:
                    hdulist["SPECTRUM"] = _spectrum(hdulist["SPECTRUM"])
                if "SPECRESP" in hdulist:
                    low, high = safe_range(run.dataset) or (np.nan, np.nan)
                    hdulist["SPECRESP"].header["LO_THRES"] = (low, "[TeV] lowest safe energy")
                    hdulist["SPECRESP"].header["HI_THRES"] = (high, "[TeV] highest safe energy")
                write_fits(path, hdulist, context, JOB)
            files.append(path)
    return files


def _convert_units(hdu: fits.BinTableHDU) -> None:
    for column in hdu.columns:
        if column.unit in _UNITS:
            factor, unit = _UNITS[column.unit]
            hdu.data[column.name] *= factor
            column.unit = unit


def _spectrum(hdu: fits.BinTableHDU) -> fits.BinTableHDU:
    """The same spectrum with columns of OGIP's types."""
    data = hdu.data
    good = ~np.asarray(data["QUALITY"]).astype(bool)
    columns = [
        fits.Column("CHANNEL", "J", array=data["CHANNEL"]),
        fits.Column("COUNTS", "J", array=data["COUNTS"]),
        fits.Column("QUALITY", "I", array=np.where(good, 0, _BAD)),
        fits.Column("BACKSCAL", "D", array=data["BACKSCAL"]),
    ]
    header = hdu.header.copy(strip=True)
    for key in ("CORRFILE", "BACKFILE", "RESPFILE", "ANCRFILE"):
        header[key] = header.get(key) or "NONE"
    if header["HDUCLAS2"] == "BKG":
        header["BACKFILE"] = "NONE"
    header["CORRSCAL"] = 1.0
    header["TLMIN1"], header["TLMAX1"] = int(data["CHANNEL"].min()), int(data["CHANNEL"].max())
    return fits.BinTableHDU.from_columns(columns, header=header, name="SPECTRUM")
