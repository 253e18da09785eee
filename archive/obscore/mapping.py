"""From an observation as read to its rows in `ivoa.obscore` and `ivoa.obscore_hea`.

Source: ObsCore 1.1 sections 2 and 4, high-energy extension draft of 2026-08-03 section 4, GADF 0.3.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from archive.readers.records import ObservationRecord
from vo.regions import Circle, format_stcs, position_columns, region_box
from vo.timescales import mjd_tcb
from vo.tmoc import degrade, encode

HC_EV_M = 1.239841984332e-6
"""Planck constant times speed of light, eV m."""
EV_PER_TEV = 1e12
T_INTERVALS_ORDER = 41
"""Order of time coverage: cells of 2**20 microseconds, about a second."""

_TRACKING = {
    "POINTING": "sidereal", "WOBBLE": "sidereal", "RASTER": "sidereal", "SCAN": "sidereal",
    "DRIFT": "fixed-az-el-transit", "SLEW": "none",
}  # fmt: skip
_SCAN = {
    # The draft files the wobble observations of Cherenkov telescopes under cross-map.
    "WOBBLE": "on-the-fly-cross-map", "RASTER": "raster-map", "SCAN": "on-the-fly-cross-scan", "SLEW": "slew",
}  # fmt: skip


def wavelength(energy: float | None) -> float | None:
    """Vacuum wavelength in metres of a photon of that energy in TeV (ObsCore 1.1 section 2.17)."""
    return None if energy is None else HC_EV_M / (energy * EV_PER_TEV)


def energy(metres: float | None) -> float | None:
    """Energy in TeV of a photon of that vacuum wavelength."""
    return None if metres is None else HC_EV_M / metres / EV_PER_TEV


def obscore_values(
    record: ObservationRecord, *, collection: str, did: str, publisher: str, main_size: int, released: datetime
) -> dict[str, Any]:
    """Values of an ObsCore row; `main_size` in bytes. Columns not named keep the defaults of the model."""
    region = None
    if record.ra_pnt is not None and record.dec_pnt is not None and record.fov_radius:
        region = format_stcs(Circle(record.ra_pnt, record.dec_pnt, record.fov_radius))
    x, y, z = position_columns(record.ra_pnt, record.dec_pnt)
    box = ("region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax")
    resolution = record.energy_resolution
    return {
        "dataproduct_type": "event",
        "dataproduct_subtype": record.subtype,
        "calib_level": 2,
        "obs_collection": collection,
        "obs_id": record.obs_id,
        "obs_title": title(record)[:200],
        "obs_publisher_did": did,
        "access_estsize": -(-main_size // 1000),
        "target_name": record.target_name or None,
        "s_ra": record.ra_pnt,
        "s_dec": record.dec_pnt,
        "s_fov": 2 * record.fov_radius if record.fov_radius else None,
        "s_region": region,
        "s_resolution": record.psf_fwhm * 3600 if record.psf_fwhm is not None else None,
        "s_ucd": "pos.eq",
        "s_unit": "deg",
        "s_calib_status": "calibrated",
        "t_min": record.gti[0][0],
        "t_max": record.gti[-1][1],
        "t_exptime": record.livetime,
        "t_calib_status": "calibrated",
        "em_min": wavelength(record.energy_max),
        "em_max": wavelength(record.energy_min),
        "em_res_power": 1 / resolution if resolution else None,
        "em_ucd": "em.energy",
        "em_unit": "TeV",
        "em_calib_status": "calibrated",
        "facility_name": record.facility_name or None,
        "instrument_name": record.instrument_name or None,
        "obs_creation_date": record.creation_date,
        "obs_creator_name": record.creator_name or None,
        "publisher_id": publisher,
        "data_rights": "public",
        "obs_release_date": released,
        "pos_x": x,
        "pos_y": y,
        "pos_z": z,
        **dict(zip(box, region_box(region), strict=True)),
    }


def hea_values(record: ObservationRecord, *, did: str) -> dict[str, Any]:
    """Values of a row of the high-energy extension; energies in eV (draft section 4)."""
    spatial, spectral = record.psf_fwhm is not None, record.energy_resolution is not None
    reference = record.reference_energy * EV_PER_TEV
    coverage = degrade(record.gti_tcb, T_INTERVALS_ORDER)
    return {
        "obs_publisher_did": did,
        "ev_xel": record.event_count,
        "s_ref_energy": reference if spatial else None,
        "s_ref_oaa": record.reference_offset if spatial else None,
        "em_ref_energy": reference if spectral else None,
        "em_ref_oaa": record.reference_offset if spectral else None,
        "t_intervals": encode(record.gti_tcb, T_INTERVALS_ORDER),
        "t_coverage": coverage,
        "t_first": mjd_tcb(coverage[0][0]),
        "t_last": mjd_tcb(coverage[-1][1]),
        "energy_min": record.energy_min * EV_PER_TEV if record.energy_min is not None else None,
        "energy_max": record.energy_max * EV_PER_TEV if record.energy_max is not None else None,
        "obs_mode": record.obs_mode or None,
        "tracking_mode": _TRACKING.get(record.obs_mode),
        "scan_mode": _SCAN.get(record.obs_mode),
        "pointing_mode": _pointing_mode(record),
        "analysis_mode": record.analysis_mode or None,
        "event_type": record.event_class or None,
        "messenger_name": "photon",
        "messenger_pdgid": "+22",
    }


def response_values(
    record: ObservationRecord,
    hdu_type: str,
    term: str,
    name: str,
    *,
    collection: str,
    did: str,
    publisher: str,
    size: int,
    released: datetime,
) -> dict[str, Any]:
    """Values of the ObsCore row of a response of an observation; `size` in bytes, `term` its kind in the draft.

    Its only axis is energy. It has no position, time, exposure and target: what searches by these, and what sums
    exposures, finds the observation. The two have the same obs_id.
    """
    low, high = record.response_energies.get(hdu_type, (None, None))
    return {
        "dataproduct_type": None,
        "dataproduct_subtype": term,
        "calib_level": 2,
        "obs_collection": collection,
        "obs_id": record.obs_id,
        "obs_title": f"{name} of {_run(record)}"[:200],
        "obs_publisher_did": did,
        "access_estsize": -(-size // 1000),
        "em_min": wavelength(high),
        "em_max": wavelength(low),
        "em_ucd": "em.energy",
        "em_unit": "TeV",
        "em_calib_status": "calibrated",
        "facility_name": record.facility_name or None,
        "instrument_name": record.instrument_name or None,
        "obs_creation_date": record.creation_date,
        "obs_creator_name": record.creator_name or None,
        "publisher_id": publisher,
        "data_rights": "public",
        "obs_release_date": released,
    }


def response_hea_values(record: ObservationRecord, hdu_type: str, *, did: str) -> dict[str, Any]:
    """Values of the row of the high-energy extension of a response; energies in eV (draft section 4)."""
    low, high = record.response_energies.get(hdu_type, (None, None))
    return {
        "obs_publisher_did": did,
        "energy_min": low * EV_PER_TEV if low is not None else None,
        "energy_max": high * EV_PER_TEV if high is not None else None,
        "analysis_mode": record.analysis_mode or None,
        "event_type": record.event_class or None,
        "messenger_name": "photon",
        "messenger_pdgid": "+22",
    }


def title(record: ObservationRecord) -> str:
    """Title for people, such as "H.E.S.S. Phase I run 23523, Crab Nebula"."""
    return f"{_run(record)}, {record.target_name}" if record.target_name else _run(record)


def _run(record: ObservationRecord) -> str:
    return f"{record.instrument_name or record.facility_name or 'Gamma-ray'} run {record.obs_id}"


def _pointing_mode(record: ObservationRecord) -> str | None:
    """CONV_DEP of GADF is 0 for parallel pointing; a single telescope has no such mode."""
    if record.convergence is None or record.n_tels == 1:
        return None
    if record.convergence == 0:
        return "parallel"
    return "convergent" if record.convergence > 0 else "divergent"
