"""Use cases of the high-energy extension of ObsCore that concern event data, as queries (draft of 2026-08-03).

They are shown by the TAP service, explained in docs/high-energy.md, and run by the tests.
"""

from __future__ import annotations

from tap.registry import Example

USE_CASES = (
    Example(
        id="hea-position",
        name="Event lists with a position in their field of view, the position not too far from its centre",
        query="SELECT obs_id, obs_publisher_did, s_fov, t_exptime,\n"
        "  DISTANCE(POINT('ICRS', s_ra, s_dec), POINT('ICRS', 83.633, 22.014)) AS offset_deg\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE dataproduct_type = 'event' AND messenger_name = 'photon'\n"
        "  AND 1 = CONTAINS(POINT('ICRS', 83.633, 22.014), s_region)\n"
        "  AND DISTANCE(POINT('ICRS', s_ra, s_dec), POINT('ICRS', 83.633, 22.014)) < s_fov / 4\n"
        "ORDER BY offset_deg",
        description="s_region is what the effective area covers, s_fov its diameter.",
    ),
    Example(
        id="hea-calibrated-energies",
        name="Event lists with calibrated energies and at least 1000 events",
        query="SELECT obs_id, target_name, ev_xel, em_res_power, em_ref_energy / 1E12 AS at_tev\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE dataproduct_type = 'event' AND calib_level >= 2\n"
        "  AND em_calib_status = 'calibrated' AND ev_xel >= 1000\n"
        "ORDER BY ev_xel DESC",
    ),
    Example(
        id="hea-responses",
        name="The instrument responses of an observation",
        query="SELECT i.dataproduct_subtype AS kind, i.obs_publisher_did, i.access_estsize, i.access_url,\n"
        "  h.energy_min / 1E12 AS from_tev, h.energy_max / 1E12 AS to_tev\n"
        "FROM ivoa.obscore AS e\n"
        "JOIN ivoa.obscore AS i ON i.obs_collection = e.obs_collection AND i.obs_id = e.obs_id\n"
        "JOIN ivoa.obscore_hea AS h ON h.obs_publisher_did = i.obs_publisher_did\n"
        "WHERE e.dataproduct_type = 'event' AND e.obs_id = '1001'\n"
        "  AND i.dataproduct_subtype IN ('aeff', 'edisp', 'psf', 'bkgrate')\n"
        "ORDER BY kind",
        description="A response has no position and no time of its own; its obs_id is that of the observation.",
    ),
    Example(
        id="hea-time-intervals",
        name="Event lists with good time in given nights, and how much of it",
        query="SELECT obs_id, target_name, distiller_tmoc_common(t_intervals, '27/12368845 29/49475384') AS seconds\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE dataproduct_type = 'event'\n"
        "  AND 1 = distiller_tmoc_overlaps(t_intervals, '27/12368845 29/49475384')",
        description="t_intervals are the good time intervals as time coverage (T-MOC), so gaps are no good time; the "
        "other coverage may be that of another instrument. The functions are prototypes.",
    ),
    Example(
        id="hea-above-10-tev",
        name="Event lists that reach above 10 TeV",
        query="SELECT obs_id, target_name, energy_min / 1E12 AS from_tev, energy_max / 1E12 AS to_tev\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE dataproduct_type = 'event' AND energy_max > 1E13\n"
        "ORDER BY energy_max DESC",
        description="Energies are in eV; in ivoa.obscore the same would be em_min < 1.2398E-19 (m).",
    ),
)
