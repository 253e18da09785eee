"""Example queries of `gadf.events`, shown by the TAP service and run by its tests."""

from __future__ import annotations

from tap.registry import Example

EVENT_EXAMPLES = (
    Example(
        id="events-cone",
        name="Events above 1 TeV within 0.5 deg of the Crab Nebula, by run",
        query="SELECT obs_id, COUNT(*) AS events, MAX(energy) AS highest\n"
        "FROM gadf.events\n"
        "WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.014, 0.5)) AND energy > 1\n"
        "GROUP BY obs_id\n"
        "ORDER BY obs_id",
        description="Energies are in TeV. The files of a run have the responses that belong to its events.",
    ),
    Example(
        id="events-nights",
        name="Counts by night around the Crab Nebula",
        query="SELECT night, COUNT(*) AS events, MIN(mjd) AS first_event\n"
        "FROM (\n"
        "  SELECT FLOOR(mjd - 0.5) AS night, mjd FROM gadf.events\n"
        "  WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.014, 0.2)) AND energy > 1\n"
        ") AS e\n"
        "GROUP BY night\n"
        "ORDER BY night",
        description="Counts are not fluxes: divide by exposure, which a light curve does.",
    ),
    Example(
        id="events-energies",
        name="Energy histogram with ten bins a decade",
        query="SELECT bin, COUNT(*) AS events\n"
        "FROM (\n"
        "  SELECT FLOOR(10 * LOG10(energy)) AS bin FROM gadf.events\n"
        "  WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.014, 0.2))\n"
        ") AS e\n"
        "GROUP BY bin\n"
        "ORDER BY bin",
        description="Bin 0 is from 1 TeV to 1.26 TeV.",
    ),
    Example(
        id="events-offset",
        name="Events above 10 TeV with their distance from the pointing",
        query="SELECT e.obs_id, e.mjd, e.energy,\n"
        "  DISTANCE(POINT('ICRS', e.ra, e.dec), POINT('ICRS', o.s_ra, o.s_dec)) AS off_axis\n"
        "FROM gadf.events AS e JOIN ivoa.obscore AS o ON e.obs_publisher_did = o.obs_publisher_did\n"
        "WHERE e.energy > 10\n"
        "ORDER BY energy DESC",
    ),
)
