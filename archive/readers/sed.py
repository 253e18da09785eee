"""Reader of flux points (GADF 0.3, "Flux points": tables with SED_TYPE dnde, e2dnde, flux, eflux or likelihood)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from archive.readers import described
from archive.readers.events import creation_date
from archive.readers.fitsfile import column, column_names, open_fits, unit_of
from archive.readers.ogip_files import stem
from archive.readers.outline import HDUOutline, Outline
from archive.readers.records import Candidate, ProductRecord, Refused, SourceFile
from archive.readers.sketches import FluxSketch
from archive.readers.units import factor

_QUANTITIES = {"DNDE": "1 / (TeV s cm2)", "E2DNDE": "erg / (s cm2)", "FLUX": "1 / (s cm2)", "EFLUX": "erg / (s cm2)"}
_ERG_PER_TEV = 1.602176634
POINTS_LIMIT = 100_000


class FluxPointsReader:
    """Flux points of one source, one row a bin of energy."""

    name = "sed"
    version = "1.0"

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        return (), ()

    def declines(self, file: Outline) -> str | None:
        return None if _points(file) else "it has no flux points (E_REF with SED_TYPE)"

    def candidates(self, files: Sequence[Outline]) -> Iterator[Candidate]:
        for file in files:
            table = _points(file)
            assert table is not None
            source = SourceFile(file.path, file.path.name, {"sed": table.name}, {"sed": table.get("SED_TYPE").lower()})
            yield Candidate(file.where, (source,))

    def read(self, candidate: Candidate) -> ProductRecord:
        notes = list(candidate.notes)
        (main,) = candidate.files
        with open_fits(main.path) as hdus:
            table = next(
                h for h in hdus
                if isinstance(h, fits.BinTableHDU) and h.name.upper() == main.hdus["sed"] and "E_REF" in column_names(h)
            )  # fmt: skip
            header = described.Headers(table.header, hdus[0].header)
            low, energy, high = _energies(table)
            value, down, up, limit = _e2dnde(table, main.hdu_classes["sed"], low, energy, high)
            time = described.observed_time(hdus, header, notes)
        if time is None:
            notes.append("Nothing tells when the data were taken.")
        if not np.any(np.isfinite(value) | np.isfinite(limit)):
            raise Refused("none of its flux points has a value or an upper limit")
        empty = int(np.count_nonzero(~np.isfinite(value) & ~np.isfinite(limit)))
        if empty:
            notes.append(f"{empty} of its {energy.size} flux points have no value.")
        written = described.identifier(header)
        obs_id = written or described.name_from(stem(main.path))
        if not written:
            notes.append("It has no OBS_ID; its file's name is used.")
        target = described.position(header, "RA_OBJ", "DEC_OBJ")
        return ProductRecord(
            obs_id=obs_id,
            part=main.name if written else "",
            files=candidate.files,
            product_type="sed",
            subtype="flux-points",
            calib_level=4,
            title=f"Flux points {obs_id}",
            description="Flux points",
            sketch=FluxSketch(energy, low, high, value, down, up, limit),
            target_name=described.word(header, "OBJECT")[:100],
            ra_obj=target[0] if target else None,
            dec_obj=target[1] if target else None,
            ra=target[0] if target else None,
            dec=target[1] if target else None,
            gti=time.utc if time else (),
            gti_tcb=time.tcb if time else (),
            energy_min=float(low[0]),
            energy_max=float(high[-1]),
            energy_unit=unit_of(table, "E_REF")[:16],
            energy_bins=energy.size,
            o_ucd="phot.flux.density",
            facility_name=described.word(header, "TELESCOP")[:100],
            instrument_name=described.word(header, "INSTRUME")[:100],
            creator_name=described.word(header, "ORIGIN")[:200],
            creation_date=creation_date(header),
            notes=tuple(notes),
        )


def _points(file: Outline) -> HDUOutline | None:
    for hdu in file.tables:
        is_curve = {"TIME_MIN", "TIME"} & hdu.columns
        if "E_REF" in hdu.columns and hdu.get("SED_TYPE") and not is_curve:
            return hdu
    return None


def _energies(table: fits.BinTableHDU) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower edges, references and upper edges in TeV; the references themselves where there are no edges."""
    names = column_names(table)
    energy = _column(table, "E_REF", "TeV")
    if not 0 < energy.size <= POINTS_LIMIT:
        raise Refused(f"{energy.size} flux points are none of a spectrum")
    low, high = (_column(table, n, "TeV") if n in names else energy for n in ("E_MIN", "E_MAX"))
    if not all(np.all(np.isfinite(e) & (e > 0)) for e in (low, energy, high)):
        raise Refused("its energies are not finite, or not positive")
    if np.any(np.diff(energy) <= 0) or np.any(low > energy) or np.any(energy > high):
        raise Refused("its energies do not increase, or lie outside of their bins")
    return low, energy, high


def _column(table: fits.BinTableHDU, name: str, unit: str) -> np.ndarray:
    values = column(table, (name,), "its flux points")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise Refused(f"column {name} of its flux points has more than one value a point")
    return values if not unit else values * factor(unit_of(table, name), unit, f"column {name}")


def _e2dnde(
    table: fits.BinTableHDU, sed_type: str, low: np.ndarray, energy: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """E^2 dN/dE (erg cm-2 s-1), its errors downwards and upwards, and upper limits (NaN where a point is none).

    Integral fluxes are divided by the width of their bins: good enough for a picture.
    """
    names = column_names(table)
    if sed_type == "likelihood":
        base, unit = "NORM", ""
        scale = _column(table, "REF_DNDE", _QUANTITIES["DNDE"]) * energy**2 * _ERG_PER_TEV
    elif sed_type.upper() in _QUANTITIES:
        base, unit = sed_type.upper(), _QUANTITIES[sed_type.upper()]
        with np.errstate(all="ignore"):
            scale = {
                "DNDE": energy**2 * _ERG_PER_TEV,
                "E2DNDE": np.ones(energy.size),
                "FLUX": energy**2 * _ERG_PER_TEV / (high - low),
                "EFLUX": 1 / np.log(high / low),
            }[base]
        if base in ("FLUX", "EFLUX") and not np.all(high > low):
            raise Refused(f"fluxes of SED_TYPE {sed_type} need E_MIN and E_MAX")
    else:
        raise Refused(f"SED_TYPE {sed_type!r} is none of GADF's: dnde, e2dnde, flux, eflux, likelihood")
    value = _column(table, base, unit) * scale
    nothing = np.full(energy.size, np.nan)

    def of(ending: str) -> np.ndarray:
        return _column(table, base + ending, unit) * scale if base + ending in names else nothing

    error = of("_ERR")
    down, up = (np.where(np.isfinite(side), side, error) for side in (of("_ERRN"), of("_ERRP")))
    limit = of("_UL")
    is_limit = _column(table, "IS_UL", "") != 0 if "IS_UL" in names else ~np.isfinite(value) & np.isfinite(limit)
    for side in (down, up):
        if np.any(side < 0):
            raise Refused("its flux points have negative errors")
    return np.where(is_limit, np.nan, value), down, up, np.where(is_limit, limit, np.nan)
