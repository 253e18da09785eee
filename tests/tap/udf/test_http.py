"""Results of user-defined functions over HTTP: types and metadata that arrive, faults that are told."""

from __future__ import annotations

import io

import pytest
from astropy.io.votable import parse
from django.test import Client

from tests.tap.sky import SkyRow

pytestmark = pytest.mark.django_db
QUERY = (
    "SELECT ivo_histogram(obs_id, 1000, 3000, 4) AS counts, ivo_string_agg(band, '') AS bands, "
    "MAX(ivo_healpix_index(29, ra, dec)) AS pixel, MAX(ivo_to_mjd(seen)) AS latest FROM test.sky"
)


@pytest.mark.parametrize("form", ["votable", "votable/td", "votable/b"])
def test_votable(sky: list[SkyRow], client: Client, form: str) -> None:
    """VOTable 1.4 section 2.2: an array of a histogram, texts and 64-bit integers."""
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": QUERY, "RESPONSEFORMAT": form})
    table = parse(io.BytesIO(response.getvalue()), verify="exception").get_first_table()
    described = {f.name: (f.datatype, f.arraysize, str(f.unit or ""), f.ucd) for f in table.fields}
    assert described == {
        "counts": ("long", "*", "", None),
        "bands": ("char", "*", "", None),
        "pixel": ("long", None, "", "pos.healpix"),
        "latest": ("double", None, "d", "time.epoch"),
    }
    (row,) = table.array
    assert list(row["counts"]) == [0, 500, 500, 500, 500, 0]
    assert 0 < row["pixel"] < 12 * 4**29


def test_csv(sky: list[SkyRow], client: Client) -> None:
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": QUERY, "RESPONSEFORMAT": "csv"})
    assert b"0 500 500 500 500 0" in response.getvalue()


def test_a_fault_is_a_dali_error(sky: list[SkyRow], client: Client) -> None:
    """DALI 1.1 section 4.2: what a function does not take is told in its words."""
    query = "SELECT ivo_healpix_index(n, ra, dec) FROM test.sky WHERE n = 40"
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query})
    assert response.status_code == 400
    assert b"the order of a HEALPix grid must be within 0 and 29" in response.getvalue()
