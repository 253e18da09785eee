"""Example queries of the GADF index tables, shown by the TAP service and run by its tests."""

from __future__ import annotations

from tap.registry import Example

GADF_EXAMPLES = (
    Example(
        id="gadf-obs-index",
        name="What an analysis tool needs to know of the observations of the Crab Nebula",
        query="SELECT obs_id, obs_publisher_did, obs_mode, ra_pnt, dec_pnt, alt_pnt, az_pnt, tstart, tstop, mjdrefi,\n"
        "  mjdreff, timesys, livetime, access_url\n"
        "FROM ivoa.obscore NATURAL JOIN gadf.obs_index\n"
        "WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 83.633, 22.014, 2))\n"
        "ORDER BY tstart",
        description="The columns are those of the observation index of GADF; tstart and tstop count seconds since "
        "mjdrefi + mjdreff (MJD in timesys).",
    ),
    Example(
        id="gadf-zenith",
        name="Observations at more than 30 deg from the zenith",
        query="SELECT obs_id, object, zen_pnt, livetime / 60 AS minutes\n"
        "FROM gadf.obs_index\n"
        "WHERE zen_pnt > 30\n"
        "ORDER BY zen_pnt",
    ),
    Example(
        id="gadf-responses",
        name="Instrument responses of one observation, each as a small file of its own",
        query="SELECT hdu_type, hdu_class, hdu_name, hdu_size, hdu_url\n"
        "FROM gadf.hdu_index\n"
        "WHERE hdu_type IN ('aeff', 'edisp', 'psf', 'bkg')\n"
        "  AND obs_publisher_did IN (SELECT obs_publisher_did FROM gadf.obs_index WHERE obs_id = '1001')",
    ),
)
