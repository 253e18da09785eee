"""astroquery's TAP client against a running server: queries of both kinds, with a table of one's own, and mistakes.

`load_tables` is left out: it reads an attribute that only the archives of ESA write (docs/formats.md).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from astropy import units as u
from astropy.table import Table
from astroquery.utils.tap.core import TapPlus
from requests import HTTPError

QUERY = "SELECT TOP 5 obs_id, s_ra, s_dec FROM ivoa.obscore ORDER BY obs_id"
NEAR = """SELECT mine.name, COUNT(*) AS number FROM tap_upload.mine AS mine JOIN ivoa.obscore AS o
ON 1 = CONTAINS(POINT(o.s_ra, o.s_dec), CIRCLE(mine.ra, mine.dec, 5)) GROUP BY mine.name"""
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""astroquery leaves connections to the garbage collector."""


@pytest.fixture
def service(async_url: str) -> TapPlus:
    return TapPlus(url=async_url.removesuffix("/async"))


def launchers(service: TapPlus) -> list[Callable[..., object]]:
    return [service.launch_job, service.launch_job_async]


def test_queries(service: TapPlus) -> None:
    """Both ways give the same rows, with units."""
    at_once, as_job = (launch(QUERY).get_results() for launch in launchers(service))  # type: ignore[attr-defined]
    assert at_once["s_ra"].unit == as_job["s_ra"].unit == u.deg
    assert len(at_once) == 5
    assert list(at_once["obs_id"]) == list(as_job["obs_id"])


def test_uploads(service: TapPlus, tmp_path: Path) -> None:
    """A table of one's own is joined."""
    mine = tmp_path / "mine.xml"
    Table({"name": ["Crab"], "ra": [83.63], "dec": [22.01]}).write(mine, format="votable")
    for launch in launchers(service):
        found = launch(NEAR, upload_resource=str(mine), upload_table_name="mine").get_results()  # type: ignore[attr-defined]
        assert [(row["name"], row["number"] > 0) for row in found] == [("Crab", True)]


def test_mistakes(service: TapPlus) -> None:
    """What astroquery shows is our sentence, of a failed job too, of which it asks for the result."""
    for launch in launchers(service):
        with pytest.raises(HTTPError, match="unknown column nix"):
            launch("SELECT nix FROM ivoa.obscore")
