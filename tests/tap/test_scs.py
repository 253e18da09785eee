"""Simple Cone Search on the generated sky, against great-circle distances, and on the archive's own table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import TableElement, VOTableFile
from defusedxml.ElementTree import fromstring
from django.test import Client

from tap.registry import publish, withdraw
from tap.scs.catalogues import catalogue_of, catalogues
from tests.tap.sky import SKY, SkyRow
from vo.columns import ColumnMeta
from vo.regions import separation

pytestmark = pytest.mark.django_db
URL = "/scs/test.sky"
MAIN = ("meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main")


def document(client: Client, url: str = URL, **parameters: Any) -> VOTableFile:
    response = client.get(url, parameters)
    assert response.status_code == 200, response.content
    content = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined, arg-type]
    return parse(io.BytesIO(content), verify="exception")


def table(client: Client, url: str = URL, **parameters: Any) -> TableElement:
    (resource,) = [r for r in document(client, url, **parameters).resources if r.type == "results"]
    (found,) = resource.tables
    return found


def field_of(found: TableElement, ucd: str) -> Any:
    """The one FIELD of that UCD."""
    (field,) = [f for f in found.fields if f.ucd == ucd]
    return field


def main_columns(found: TableElement) -> tuple[Any, Any, Any]:
    return tuple(field_of(found, ucd) for ucd in MAIN)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("ra", "dec", "radius"),
    [
        (83.63, 22.01, 1.5),
        (0.0, 0.0, 1.0),
        (360.0, 0.0, 1.0),
        (359.9, -0.2, 0.7),
        (17.0, 90.0, 0.5),
        (200.0, -89.8, 0.6),
        (120.0, 30.0, 95.0),
        (0, 0, 180),
        (1, 1, 1e-9),
    ],
)
def test_rows_are_those_within_the_radius(
    client: Client, sky: list[SkyRow], ra: float, dec: float, radius: float
) -> None:
    """Simple Cone Search 1.03 section 2: right at the poles and across 0; no rows are no error."""
    found = table(client, RA=ra, DEC=dec, SR=radius, VERB=1)
    assert [f.name for f in found.fields] == ["obs_id", "ra", "dec"]
    located = [r for r in sky if r.ra is not None and r.dec is not None]
    apart = separation([r.ra for r in located], [r.dec for r in located], ra, dec)
    wanted = {str(r.obs_id) for r, distance in zip(located, apart, strict=True) if distance <= radius}
    assert {str(i) for i in found.array["obs_id"]} == wanted
    assert len(found.array) == len(wanted)


def test_main_columns(client: Client, sky: list[SkyRow]) -> None:
    """Section 2.2, checklist of SCS: one FIELD each of identifier (text), right ascension and declination (double)."""
    identifier, ra, dec = main_columns(table(client, RA=0, DEC=0, SR=1))
    assert (identifier.datatype, identifier.arraysize) == ("char", "*")
    assert {(c.datatype, str(c.unit)) for c in (ra, dec)} == {("double", "deg")}


def test_main_columns_of_obscore(client: Client, demo_archive: str) -> None:
    """ObsCore calls its position and its identifier otherwise; a cone search calls them as its own standard does."""
    document_ = document(client, "/scs", RA=83.63, DEC=22.01, SR=2)
    assert [r.type for r in document_.resources] == ["results", "meta"]
    assert document_.resources[1].ID == "datalink"
    found = document_.resources[0].tables[0]
    assert [f.name for f in main_columns(found)] == ["obs_publisher_did", "s_ra", "s_dec"]
    assert len(found.array) == 4
    assert {"target_name", "access_url"} <= {f.name for f in found.fields}


@pytest.mark.parametrize(
    ("verbosity", "columns"),
    [
        ({"VERB": 1}, ["obs_id", "ra", "dec"]),
        ({}, ["obs_id", "ra", "dec"]),
        ({"VERB": 3}, [c.name for c in SKY.columns]),
    ],
)
def test_verbosity(client: Client, sky: list[SkyRow], verbosity: dict[str, int], columns: list[str]) -> None:
    """Section 2.1: VERB 1 is the least, 3 is all; 2, the default, has the principal columns."""
    found = table(client, RA=0, DEC=0, SR=1, **verbosity)
    assert [f.name for f in found.fields] == columns


@pytest.mark.parametrize("asked", [{"SR": 0}, {"SR": 180, "MAXREC": 0}])
def test_metadata_only(client: Client, sky: list[SkyRow], asked: dict[str, Any]) -> None:
    """Section 2.1: SR=0 gives the columns and no rows; it is whole, so there is no overflow."""
    (resource, *_) = document(client, RA=0, DEC=0, **asked).resources
    assert len(resource.tables[0].array) == 0
    assert len(resource.tables[0].fields) == 3
    assert [i.value for i in resource.infos if i.name == "QUERY_STATUS"] == ["OK"]


def test_serialisation(client: Client, sky: list[SkyRow]) -> None:
    """Section 2.2: text/xml, in TABLEDATA for old programs; other formats if asked for (draft of 1.1)."""
    response = client.get(URL, {"RA": 0, "DEC": 0, "SR": 1})
    assert response["Content-Type"].partition(";")[0] == "text/xml"
    assert b"<TABLEDATA>" in response.content
    response = client.get(URL, {"RA": 0, "DEC": 0, "SR": 1, "RESPONSEFORMAT": "csv"})
    assert response["Content-Type"].startswith("text/csv")
    assert next(csv.reader(io.StringIO(response.content.decode()))) == ["obs_id", "ra", "dec"]


def test_limit(client: Client, sky: list[SkyRow]) -> None:
    """DALI 1.1 sections 3.4.4 and 4.4.1: MAXREC cuts the table, which is told."""
    (resource, *_) = document(client, RA=0, DEC=0, SR=180, MAXREC=5).resources
    assert len(resource.tables[0].array) == 5
    assert [i.value for i in resource.infos if i.name == "QUERY_STATUS"] == ["OK", "OVERFLOW"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"DEC": "1", "SR": "1"}, "RA is missing"),
        ({"RA": "1", "SR": "1"}, "DEC is missing"),
        ({"RA": "1", "DEC": "1"}, "SR is missing"),
        ({"RA": "", "DEC": "1", "SR": "1"}, "RA is missing"),
        ({"RA": "12:00:00", "DEC": "1", "SR": "1"}, "RA: '12:00:00' is not a number"),
        ({"RA": "361", "DEC": "1", "SR": "1"}, "RA: must be within 0 and 360 deg"),
        ({"RA": "1", "DEC": "91", "SR": "1"}, "DEC: must be within -90 and 90 deg"),
        ({"RA": "1", "DEC": "1", "SR": "-1"}, "SR: must be within 0 and 180 deg"),
        ({"RA": "1", "DEC": "1", "SR": "181"}, "SR: must be within 0 and 180 deg"),
        ({"RA": "NaN", "DEC": "1", "SR": "1"}, "RA: must be within 0 and 360 deg"),
        ({"RA": "1", "DEC": "1", "SR": "x"}, "SR: 'x' is not a number"),
        ({"RA": ["1", "2"], "DEC": "1", "SR": "1"}, "RA may be given once"),
        ({"RA": "1", "DEC": "1", "SR": "1", "VERB": "4"}, "VERB: must be 1, 2 or 3"),
        ({"RA": "1", "DEC": "1", "SR": "1", "TIME": "2 1"}, "TIME: the interval is upside down"),
        ({"RA": "1", "DEC": "1", "SR": "1", "TIME": "+Inf +Inf"}, "TIME: no number is in the interval"),
        ({"RA": "1", "DEC": "1", "SR": "1", "MAXREC": "-1"}, "MAXREC: must not be negative"),
        ({"RA": "1", "DEC": "1", "SR": "1", "RESPONSEFORMAT": "image/gif"}, "is not offered"),
    ],
)
def test_errors(client: Client, parameters: dict[str, Any], message: str) -> None:
    """Section 2.3: a VOTable with an INFO named Error, in a document that every client reads."""
    for response in (client.get("/scs", parameters), client.post("/scs", parameters)):
        assert (response.status_code, response["Content-Type"]) == (200, "text/xml")
        (resource,) = parse(io.BytesIO(response.content), verify="exception").resources
        infos = {i.name: i for i in resource.infos}
        assert message in infos["Error"].value
        assert infos["QUERY_STATUS"].value == "ERROR"


def test_unknown_parameters_are_ignored(client: Client, sky: list[SkyRow]) -> None:
    """Section 2.1; names of parameters are in any case (DALI 1.1 section 3.1)."""
    assert len(table(client, ra=0, Dec=0, sr=1, cat="x", TIME="1 2").array) > 0


@pytest.mark.parametrize(
    "path", ["/scs/test.nothing", "/scs/tap_schema.tables", "/scs/ivoa.obscore_hea", "/scs/nothing"]
)
def test_what_has_no_position_has_no_cone_search(client: Client, path: str) -> None:
    for suffix in ("?RA=1&DEC=1&SR=1", "/capabilities", "/availability"):
        response = client.get(f"{path}{suffix}")
        assert response.status_code == 404
        assert b"there is no cone search on" in response.content
        assert b"there is on ivoa.obscore" in response.content


@pytest.mark.parametrize(
    ("time", "count"),
    [("59224 59225", 2), ("59225.84", 1), ("-Inf +Inf", 4), ("59225 +Inf", 2), ("-Inf 1", 0)],
)
def test_time(client: Client, demo_archive: str, time: str, count: int) -> None:
    """Draft of 1.1 section 2.1.4: what was observed at a time, or in an interval (MJD)."""
    assert len(table(client, "/scs", RA=83.63, DEC=22.01, SR=2, TIME=time).array) == count


def test_catalogues_are_found_by_their_ucds(sky: list[SkyRow]) -> None:
    assert [c.name for c in catalogues()] == ["ivoa.obscore", "gadf.events", "test.sky"]


def test_a_float_position_is_sent_as_double(client: Client, sky: list[SkyRow]) -> None:
    """Section 2.2 wants double; two positions without a main one are no main position."""
    from dataclasses import replace

    from tap.registry import find

    original = find("test.sky")
    assert original is not None
    columns = {c.name: c for c in SKY.columns}
    narrow = [columns["name"].but(ucd="meta.id;meta.main"), *(columns[n].but(datatype="float") for n in ("ra", "dec"))]
    meta = replace(SKY, columns=tuple(narrow))
    try:
        publish(replace(original, meta=meta, expressions={}, identifier=None, descriptors=None))
        assert [f.datatype for f in main_columns(table(client, RA=0, DEC=0, SR=1))[1:]] == ["double", "double"]
        plain = [c.but(ucd=(c.ucd or "").removesuffix(";meta.main")) for c in narrow]
        twice = replace(SKY, columns=(*narrow[:1], *plain[1:], ColumnMeta("n", "double", ucd="pos.eq.ra")))
        assert catalogue_of(replace(original, meta=twice, identifier="name")) is None
    finally:
        withdraw("test.sky")
        publish(original)


def test_rows_are_those_that_the_viewer_may_see(client: Client, sky: list[SkyRow]) -> None:
    """A cone search sees no more than a query does."""
    from dataclasses import replace

    from tap.registry import find

    original = find("test.sky")
    assert original is not None
    try:
        publish(replace(original, rows=lambda rows, viewer: rows.c.obs_id < 1300))
        found = table(client, RA=0, DEC=0, SR=180)
        assert 0 < len(found.array) < len(sky)
        assert max(int(number) for number in found.array["obs_id"]) < 1300
    finally:
        withdraw("test.sky")
        publish(original)


@pytest.mark.parametrize("path", ["/scs", URL])
def test_vosi(client: Client, sky: list[SkyRow], path: str, validate: Callable[[bytes], list[str]]) -> None:
    """VOSI 1.1 section 3, SimpleDALRegExt 1.1 section 3.1: valid, and the URLs that it tells answer."""
    content = client.get(f"{path}/capabilities").content
    assert validate(content) == []
    found = {c.get("standardID"): c for c in fromstring(content).iter("capability")}
    cone = found["ivo://ivoa.net/std/ConeSearch"]
    assert cone.findtext("verbosity") == "true"
    urls = [str(c.findtext("interface/accessURL")) for c in found.values()]
    name = "ivoa.obscore" if path == "/scs" else "test.sky"
    assert urls[0] == f"http://testserver/scs/{name}"
    assert [client.get(url).status_code for url in urls] == [200] * 4
    assert validate(client.get(f"{path}/availability/").content) == []
