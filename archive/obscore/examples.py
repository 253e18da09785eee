"""Example queries of `ivoa.obscore` and `ivoa.obscore_hea`, shown by the TAP service and run by its tests."""

from __future__ import annotations

from tap.registry import Example

OBSCORE_EXAMPLES = (
    Example(
        id="obscore-cone",
        name="Observations whose pointing is within 2 deg of the Crab Nebula",
        query="SELECT obs_id, obs_publisher_did, target_name, s_ra, s_dec, t_exptime, access_url\n"
        "FROM ivoa.obscore\n"
        "WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 83.633, 22.014, 2))\n"
        "ORDER BY t_min",
        description="Follow access_url, or the DataLink service of the result, to the files of an observation.",
    ),
    Example(
        id="obscore-field-of-view",
        name="Observations that have the Crab Nebula in their field of view",
        query="SELECT obs_id, s_ra, s_dec, s_fov, t_exptime\n"
        "FROM ivoa.obscore\n"
        "WHERE 1 = CONTAINS(POINT('ICRS', 83.633, 22.014), s_region)",
    ),
    Example(
        id="obscore-polygon",
        name="Observations whose field of view touches a polygon",
        query="SELECT obs_id, target_name, s_region\n"
        "FROM ivoa.obscore\n"
        "WHERE 1 = INTERSECTS(s_region, POLYGON('ICRS', 85, 24, 90, 25, 89, 28, 94, 31, 84, 30))",
    ),
    Example(
        id="obscore-energy",
        name="Event lists that reach down to 1 TeV and up to 10 TeV",
        query="SELECT obs_id, target_name, 1.239841984E-18 / em_max AS energy_min_tev,\n"
        "  1.239841984E-18 / em_min AS energy_max_tev\n"
        "FROM ivoa.obscore\n"
        "WHERE dataproduct_type = 'event'\n"
        "  AND em_max >= 1.239841984E-18 AND em_min <= 1.239841984E-19",
        description="ObsCore gives the spectral range as wavelengths in metres: the lowest energy is em_max.",
    ),
    Example(
        id="obscore-exposure",
        name="Number of observations and hours of livetime on each target",
        query="SELECT target_name, COUNT(*) AS observations, SUM(t_exptime) / 3600 AS hours\n"
        "FROM ivoa.obscore\n"
        "WHERE dataproduct_type = 'event'\n"
        "GROUP BY target_name\n"
        "ORDER BY hours DESC",
    ),
)
HEA_EXAMPLES = (
    Example(
        id="obscore-hea-join",
        name="Number of events and energy range of observations by night",
        query="SELECT obs_id, target_name, t_min, ev_xel, energy_min / 1E12 AS energy_min_tev, event_type\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE ev_xel > 0\n"
        "ORDER BY t_min",
        description="The high-energy extension has a row for each row of ivoa.obscore.",
    ),
    Example(
        id="obscore-hea-simultaneous",
        name="Observations with good time within an exposure of another telescope",
        query="SELECT obs_id, target_name, t_min, t_max,\n"
        "  distiller_tmoc_common(t_intervals, 59433.96, 59434.05) AS seconds\n"
        "FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea\n"
        "WHERE 1 = distiller_tmoc_overlaps(t_intervals, 59433.96, 59434.05)",
        description="Dates are MJD in UTC. The functions of time coverage are prototypes.",
    ),
)
