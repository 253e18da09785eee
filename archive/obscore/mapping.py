"""From a data set as read to its rows in `ivoa.obscore` and `ivoa.obscore_hea`.

Source: ObsCore 1.1 sections 2 and 4, high-energy extension draft of 2026-08-03 section 4, GADF 0.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from archive.readers.records import ObservationRecord, ProductRecord
from vo.regions import Circle, format_stcs, position_columns, region_box
from vo.timescales import mjd_tcb
from vo.tmoc import degrade, encode

HC_EV_M = 1.239841984332e-6
"""Planck constant times speed of light, eV m."""
EV_PER_TEV = 1e12
T_INTERVALS_ORDER = 41
"""Order of time coverage: cells of 2**20 microseconds, about a second."""
INTERVALS_LIMIT = 2000
"""Intervals that a coverage may have; surveys of years have tens of thousands, and get coarser cells."""

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
    record: ProductRecord, *, collection: str, did: str, publisher: str, main_size: int, released: datetime
) -> dict[str, Any]:
    """Values of an ObsCore row; `main_size` in bytes. Columns not named keep the defaults of the model."""
    region = None
    if record.ra is not None and record.dec is not None and record.fov_radius:
        region = format_stcs(Circle(record.ra, record.dec, record.fov_radius))
    x, y, z = position_columns(record.ra, record.dec)
    box = ("region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax")
    has_energies = record.energy_unit is not None
    return {
        "dataproduct_type": record.product_type,
        "dataproduct_subtype": record.subtype or None,
        "calib_level": record.calib_level,
        "obs_collection": collection,
        "obs_id": record.obs_id,
        "obs_title": title(record)[:200],
        "obs_publisher_did": did,
        "access_estsize": -(-main_size // 1000),
        "target_name": record.target_name or None,
        "s_ra": record.ra,
        "s_dec": record.dec,
        "s_fov": 2 * record.fov_radius if record.fov_radius else None,
        "s_region": region,
        "t_min": record.gti[0][0] if record.gti else None,
        "t_max": record.gti[-1][1] if record.gti else None,
        "t_exptime": record.livetime,
        "t_resolution": record.time_resolution,
        "t_xel": -1 if record.time_bins is None else record.time_bins,
        "t_calib_status": "calibrated" if record.gti else None,
        "em_min": wavelength(record.energy_max),
        "em_max": wavelength(record.energy_min),
        "em_xel": -1 if record.energy_bins is None else record.energy_bins,
        "em_ucd": "em.energy" if has_energies else None,
        "em_unit": record.energy_unit,
        "em_calib_status": "calibrated" if has_energies else None,
        "o_ucd": record.o_ucd,
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
        **(_event_values(record) if isinstance(record, ObservationRecord) else {}),
    }


def _event_values(record: ObservationRecord) -> dict[str, Any]:
    """Columns about the axes of an event list, on which every event has a place of its own."""
    resolution = record.energy_resolution
    return {
        "s_resolution": record.psf_fwhm * 3600 if record.psf_fwhm is not None else None,
        "s_ucd": "pos.eq",
        "s_unit": "deg",
        "s_calib_status": "calibrated",
        "em_res_power": 1 / resolution if resolution else None,
    }


def hea_values(record: ProductRecord, *, did: str) -> dict[str, Any]:
    """Values of a row of the high-energy extension; energies in eV (draft section 4)."""
    return {
        "obs_publisher_did": did,
        **(_coverage_values(record) if record.gti_tcb else {}),
        "energy_min": record.energy_min * EV_PER_TEV if record.energy_min is not None else None,
        "energy_max": record.energy_max * EV_PER_TEV if record.energy_max is not None else None,
        "messenger_name": "photon",
        "messenger_pdgid": "+22",
        **(_observing_values(record) if isinstance(record, ObservationRecord) else {}),
    }


def _coverage_values(record: ProductRecord) -> dict[str, Any]:
    order = coverage_order(record.gti_tcb)
    coverage = degrade(record.gti_tcb, order)
    return {
        "t_intervals": encode(record.gti_tcb, order),
        "t_coverage": coverage,
        "t_first": mjd_tcb(coverage[0][0]),
        "t_last": mjd_tcb(coverage[-1][1]),
    }


def coverage_order(intervals: Sequence[tuple[int, int]]) -> int:
    """The order of the coverage of intervals: the usual one, or the highest that leaves few enough of them."""
    order = T_INTERVALS_ORDER
    while len(intervals) > INTERVALS_LIMIT and len(intervals := degrade(intervals, order)) > INTERVALS_LIMIT:
        order -= 1
    return order


def _observing_values(record: ObservationRecord) -> dict[str, Any]:
    spatial, spectral = record.psf_fwhm is not None, record.energy_resolution is not None
    reference = record.reference_energy * EV_PER_TEV
    return {
        "ev_xel": record.event_count,
        "s_ref_energy": reference if spatial else None,
        "s_ref_oaa": record.reference_offset if spatial else None,
        "em_ref_energy": reference if spectral else None,
        "em_ref_oaa": record.reference_offset if spectral else None,
        "obs_mode": record.obs_mode or None,
        "tracking_mode": _TRACKING.get(record.obs_mode),
        "scan_mode": _SCAN.get(record.obs_mode),
        "pointing_mode": _pointing_mode(record),
        "analysis_mode": record.analysis_mode or None,
        "event_type": record.event_class or None,
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
        "obs_title": f"{name} of {record.title}"[:200],
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


def title(record: ProductRecord) -> str:
    """Title for people, such as "H.E.S.S. Phase I run 23523, Crab Nebula"."""
    return f"{record.title}, {record.target_name}" if record.target_name else record.title


def _pointing_mode(record: ObservationRecord) -> str | None:
    """CONV_DEP of GADF is 0 for parallel pointing; a single telescope has no such mode."""
    if record.convergence is None or record.n_tels == 1:
        return None
    if record.convergence == 0:
        return "parallel"
    return "convergent" if record.convergence > 0 else "divergent"
