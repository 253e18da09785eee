"""Simple Image Access 2.0: each parameter by the rows that it finds, and the documents as clients read them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import VOTableFile
from defusedxml.ElementTree import fromstring
from django.test import Client

from archive.obscore.columns import DATALINK_TYPE, OBSCORE
from archive.sia2.parameters import PARAMETERS
from archive.sia2.sky import TOLERANCE, range_polygons
from tests.archive.images import ROWS, image_products
from vo.regions import Point, contains

pytestmark = pytest.mark.django_db
URL = "/sia2/query"
CRAB = {"crab", "crab-cube"}
IMAGES = set(ROWS) - {"crab-events"}
KNOWN = IMAGES - {"unknown"}


@pytest.fixture(scope="module", autouse=True)
def images(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), image_products():
        yield


def document(client: Client, *pairs: tuple[str, str]) -> VOTableFile:
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return parse(io.BytesIO(response.content), verify="exception")


def found(client: Client, *pairs: tuple[str, str]) -> set[str]:
    """Names of the rows; none comes twice."""
    array = document(client, *pairs).resources[0].tables[0].array
    names = [str(name) for name in array["obs_id"]]
    assert len(set(names)) == len(names)
    return set(names)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("COLLECTION", [], IMAGES),
        ("POS", ["CIRCLE 83.63 22.01 0.1"], CRAB),
        ("POS", ["circle 83.63 24.1 0.11"], {"crab"}),
        ("POS", ["CIRCLE 359.5 0 0.1"], {"meridian"}),
        ("POS", ["CIRCLE 0 0 180"], KNOWN),
        ("POS", ["POLYGON 83.5 21.9 83.7 21.9 83.7 22.1 83.5 22.1"], CRAB),
        ("POS", ["POLYGON 358 -2 2 -2 2 2 358 2"], {"meridian"}),
        ("POS", ["POLYGON 85.5 21 85.5 23 86 23"], {"crab"}),
        ("POS", ["RANGE 83 84 21 22"], CRAB),
        ("POS", ["RANGE 85.1 85.2 21 23"], {"crab"}),
        ("POS", ["RANGE 359 1 -1 1"], {"meridian"}),
        ("POS", ["RANGE 350 360 -1 1"], {"meridian"}),
        ("POS", ["RANGE 0 360 -2 2"], {"meridian"}),
        ("POS", ["RANGE 0 360 89 +Inf"], {"pole"}),
        ("POS", ["RANGE 100 101 89.9 90"], {"pole"}),
        ("POS", ["RANGE -Inf +Inf -Inf +Inf"], KNOWN),
        ("POS", ["RANGE -Inf +Inf -90 -40"], {"south"}),
        ("POS", ["RANGE 2 358 -44 88.4"], CRAB),
        ("POS", ["RANGE 190 210 -44.49 -40"], set()),
        ("POS", ["RANGE 190 210 -44.51 -40"], {"south"}),
        ("POS", ["RANGE 200 200 -45 -45"], {"south"}),
        ("POS", ["CIRCLE 83.63 22.01 0.1", "CIRCLE 200 -45 0.1"], {*CRAB, "south"}),
        ("BAND", ["2e-20 3e-20"], KNOWN),
        ("BAND", ["1e-19 1"], KNOWN - {"crab-cube"}),
        ("BAND", ["1e-18"], KNOWN - {"crab-cube"}),
        ("BAND", ["1.1e-18 +Inf"], set()),
        ("BAND", ["-Inf 1e-20"], KNOWN),
        ("BAND", ["-Inf +Inf"], KNOWN),
        ("TIME", ["53000.5"], KNOWN - {"meridian"}),
        ("TIME", ["53002 +Inf"], {"meridian"}),
        ("TIME", ["52000 52001", "59000.1 59000.2"], {"meridian"}),
        ("POL", ["I"], {"crab-cube"}),
        ("POL", ["q"], {"crab-cube"}),
        ("POL", ["Q", "POLI"], {"crab-cube", "meridian"}),
        ("POL", ["V"], set()),
        ("FOV", ["1 2"], {"meridian"}),
        ("FOV", ["3 +Inf"], KNOWN - {"meridian"}),
        ("SPATRES", ["-Inf 60"], {"meridian"}),
        ("SPECRP", ["50 100"], {"south"}),
        ("EXPTIME", ["60"], {"meridian"}),
        ("TIMERES", ["59 61"], KNOWN),
        ("ID", ["IVO://distiller.EXAMPLE/maps?R1/pole"], {"pole"}),
        ("ID", ["ivo://distiller.example/Maps?r1/pole", "ivo://distiller.example/Maps?r1/crab"], {"pole", "crab"}),
        ("ID", ["ivo://distiller.example/Maps?r1/%"], set()),
        ("COLLECTION", ["Maps"], IMAGES),
        ("COLLECTION", ["maps"], set()),
        ("FACILITY", ["VERITAS"], {"pole"}),
        ("INSTRUMENT", ["H.E.S.S. Phase I"], KNOWN),
        ("DPTYPE", ["cube"], {"crab-cube"}),
        ("DPTYPE", ["cube", "image"], IMAGES),
        ("CALIB", ["4"], {"crab-cube"}),
        ("CALIB", ["0", "3"], IMAGES - {"crab-cube"}),
        ("TARGET", ["M 1's pulsar"], {"crab-cube"}),
        ("TARGET", ["x' OR 'a'='a"], set()),
        ("FORMAT", [DATALINK_TYPE], IMAGES),
        ("FORMAT", [DATALINK_TYPE.replace("+", " ").upper()], IMAGES),
        ("FORMAT", ["application/fits"], set()),
        ("POS", [""], IMAGES),
        ("DPTYPE", ["image"] * 500, IMAGES - {"crab-cube"}),
    ],
)
def test_a_parameter_finds_its_rows(client: Client, name: str, values: list[str], expected: set[str]) -> None:
    """SIA 2.0 section 2.1: several values are alternatives; what is not known meets no condition."""
    assert found(client, *((name, value) for value in values)) == expected


def test_parameters_must_all_hold(client: Client) -> None:
    """Section 2.1: names in any case; a parameter of no standard is ignored."""
    asked = (("pos", "CIRCLE 83.63 22.01 1"), ("Band", "1e-19"), ("TIME", "53000.5"), ("X", "y"))
    assert found(client, *asked) == {"crab"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("POS", "83 22 1", "POS: a position is CIRCLE, RANGE or POLYGON"),
        ("POS", "CIRCLE 83 22", "POS: a circle takes 3 numbers"),
        ("POS", "CIRCLE 83 92 1", "POS: latitude must be within -90 and 90 deg"),
        ("POS", "CIRCLE NaN 22 1", "POS: longitude must be within 0 and 360 deg"),
        ("POS", "BOX 83 22 1 1", "POS: a position is CIRCLE, RANGE or POLYGON"),
        ("POS", "POLYGON 1 2 3 4", "POS: a polygon takes three or more pairs"),
        ("POS", "POLYGON 1 2 1 2 1 2", "POS: "),
        ("POS", "POLYGON 0 0 5 5 5 0 0 5", "POS: edges of the polygon cross each other"),
        ("POS", "RANGE 1 2 3", "POS: RANGE takes 4 numbers"),
        ("POS", "RANGE 1 2 4 3", "POS: the range of latitudes is upside down"),
        ("POS", "RANGE 1 2 3 NaN", "POS: latitude must be within -90 and 90 deg"),
        ("BAND", "NaN", "BAND: an interval has no NaN"),
        ("BAND", "2 1", "BAND: the interval is upside down"),
        ("BAND", "1 2 3", "BAND: an interval takes 2 numbers"),
        ("BAND", "+Inf", "BAND: no number is in the interval"),
        ("TIME", "2004-01-01", "TIME: '2004-01-01' is not a number"),
        ("POL", "Z", "POL: 'Z' is none of I, Q, U, V"),
        ("POL", "%", "POL: '%' is none of"),
        ("CALIB", "7", "CALIB: '7' is none of 0, 1, 2, 3, 4"),
        ("CALIB", "two", "CALIB: 'two' is not an integer"),
        ("DPTYPE", "spectrum", "DPTYPE: 'spectrum' is none of image, cube"),
        ("TARGET", "a\0b", "TARGET: the character '\\x00' cannot be part of a value"),
        ("MAXREC", "-1", "MAXREC: must not be negative"),
        ("RESPONSEFORMAT", "image/fits", "format 'image/fits' is not offered"),
    ],
)
def test_errors(client: Client, name: str, value: str, message: str) -> None:
    """Section 3.2, DALI 1.1 section 4.2: status 400 and a document whose message begins with UsageFault."""
    for response in (client.get(URL, {name: value}), client.post(URL, {name: value})):
        assert (response.status_code, response["Content-Type"]) == (400, "application/x-votable+xml")
        (info,) = parse(io.BytesIO(response.content), verify="exception").resources[0].infos
        assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
        assert str(info.content).startswith(f"UsageFault: {message}")


def test_errors_of_text_formats_are_text(client: Client) -> None:
    """Section 3.2."""
    response = client.get(URL, {"POS": "x", "RESPONSEFORMAT": "csv"})
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert response.content.startswith(b"UsageFault: POS: ")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"TARGET": [f"t{n}" for n in range(1001)]}, "TARGET: at most 1000 values"),
        ({"POS": ["CIRCLE 1 1 1"] * 101}, "POS: at most 100 positions"),
        ({"POS": ["POLYGON " + "1 2 " * 5001]}, "POS: at most 100 positions with 10000 numbers"),
    ],
)
def test_too_many_values(client: Client, values: dict[str, list[str]], message: str) -> None:
    response = client.post(URL, values)
    assert response.status_code == 400
    assert f"UsageFault: {message}" in response.content.decode()


def test_rows_and_their_description(client: Client) -> None:
    """Section 3.1: the columns of ObsCore, the DataLink service, and the service describing itself."""
    answer = document(client, ("POS", "CIRCLE 83.63 22.01 1"), ("CALIB", "3"))
    results, *services = answer.resources
    assert [f.name for f in results.tables[0].fields] == [c.name for c in OBSCORE.columns]
    assert [f.utype for f in results.tables[0].fields] == [c.utype for c in OBSCORE.columns]
    assert {i.name: i.value for i in results.infos}["standardID"] == "ivo://ivoa.net/std/SIA#query-2.0"
    datalink, own = services
    assert (datalink.ID, own.name, own.type) == ("datalink", "this", "meta")
    assert {p.name: p.value for p in own.params}["accessURL"] == "http://testserver/sia2/query"
    inputs = [p.name for p in own.groups[0].entries]
    assert inputs == [*(p.name for p in PARAMETERS), "MAXREC", "RESPONSEFORMAT"]


def test_limits(client: Client) -> None:
    """Section 2.1 (MAXREC): a result that was cut says so; metadata alone are no overflow."""
    for maxrec, rows, status in (("2", 2, ["OK", "OVERFLOW"]), ("0", 0, ["OK"]), ("6", 6, ["OK"])):
        results = document(client, ("COLLECTION", "Maps"), ("MAXREC", maxrec)).resources[0]
        assert len(results.tables[0].array) == rows
        assert [i.value for i in results.infos if i.name == "QUERY_STATUS"] == status


def test_formats(client: Client) -> None:
    response = client.get(URL, {"DPTYPE": "cube", "RESPONSEFORMAT": "csv"})
    assert response["Content-Type"].startswith("text/csv")
    assert response.content.count(b"\r\n") == 2
    assert client.head(URL)["Content-Type"] == "application/x-votable+xml"


def test_vosi(client: Client, validate: Callable[[bytes], list[str]]) -> None:
    """Sections 2.2 and 2.3: valid, beside the query, and the URLs that it tells answer."""
    content = client.get("/sia2/capabilities").content
    assert validate(content) == []
    found_ = {c.get("standardID"): c for c in fromstring(content).iter("capability")}
    interface = found_["ivo://ivoa.net/std/SIA#query-2.0"].find("interface")
    assert interface is not None
    assert (interface.get("version"), interface.get("role")) == ("2.0", "std")
    urls = [str(c.findtext("interface/accessURL")) for c in found_.values()]
    assert urls[0] == "http://testserver/sia2/query"
    assert [client.get(url).status_code for url in urls] == [200] * 4
    assert validate(client.get("/sia2/availability").content) == []


@pytest.mark.parametrize("path", ["/sia2", "/sia2/", "/sia2/query/capabilities", "/sia2/x"])
def test_what_is_not_there_is_404(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_ranges_are_made_of_polygons() -> None:
    """Every position outside the tolerance of the edges is on the right side of them."""
    rng = np.random.default_rng(1)
    checked = 0
    for _ in range(60):
        west, east = rng.uniform(0, 360, 2)
        south, north = np.sort(rng.uniform(-90, 90, 2))
        south, north = (-90.0 if rng.random() < 0.1 else south), (90.0 if rng.random() < 0.1 else north)
        polygons = range_polygons(west, east, south, north)
        width = (east - west) % 360
        for lat in (*rng.uniform(-90, 90, 4), south - 2 * TOLERANCE, south + 2 * TOLERANCE, north + 2 * TOLERANCE):
            for lon in (*rng.uniform(0, 360, 2), west + 1e-6, west - 1e-6, east - 1e-6, east + 1e-6):
                offset = (lon - west) % 360
                near_edge = min(abs(lat - south), abs(lat - north)) < TOLERANCE or abs(lat) > 89.99
                if near_edge:
                    continue
                inside = offset <= width and south <= lat <= north
                assert any(contains(p, Point(lon % 360, lat)) for p in polygons) == inside, (west, east, south, north)
                checked += 1
    assert checked > 1500
