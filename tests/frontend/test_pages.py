"""Search, results, observations, ADQL: pages on the demo archive."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from frontend import tables
from frontend.views import search
from tap.admission import Admission
from tests.frontend.html import text, tree

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_archive")]
HTML = {"accept": "text/html"}
DID = "ivo://distiller.example/demo?r1/1001"


def column(root, name: str) -> list[str]:
    """The texts of a column of the results table."""
    headings = [" ".join(h.text_content().split()) for h in root.xpath("//table[@class='results']//thead//th")]
    place = next(i for i, heading in enumerate(headings) if heading.startswith(name))
    rows = root.xpath("//table[@class='results']/tbody/tr")
    return [" ".join(row.xpath("./*")[place].text_content().split()) for row in rows]


def test_front_page_says_what_the_archive_holds(client: Client) -> None:
    root = tree(client.get("/"))
    (row,) = root.xpath("//th[@scope='row'][normalize-space()='demo']/..")
    assert row.xpath("string(td[1])") == "10"
    targets = {
        a.text_content().split("\n")[0].rsplit(maxsplit=1)[0]: a.get("href")
        for a in root.xpath("//ul[@class='chips']//a")
    }
    assert targets["Crab Nebula"] == "/results?target=Crab+Nebula"
    assert len(root.xpath("//*[local-name()='circle'][@class='sky-spot']")) == len(targets)


def test_front_page_names_the_most_observed_targets(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_TARGETS", 2)
    root = tree(client.get("/"))
    assert len(root.xpath("//ul[@class='chips']/li")) == 2
    (more,) = root.xpath("//a[contains(., 'and 1 more')]/@href")
    assert "Empty field" in text(tree(client.get(more)))


@pytest.mark.parametrize("name", ["Crab Nebula", "crab nebula", " CRABNEBULA ", "Crab"])
def test_name_finds_the_runs_that_point_to_it(client: Client, name: str) -> None:
    response = client.get("/results", {"target": name, "radius": "2"})
    root = tree(response)
    assert column(root, "Observation") == ["1001", "1002", "1003", "1004"]
    assert set(column(root, "Target")) == {"Crab Nebula"}
    assert set(column(root, "Separation")) == {"0.50"}
    assert root.xpath("//input[@name='position']/@value")[0].startswith("83.6")
    assert "CIRCLE(83.6" in root.xpath("string(//textarea[@name='adql'])")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 10),
        ({"ra": "83.633", "dec": "22.014"}, 4),
        ({"ra": "5:34:31.9", "dec": "+22:00:52", "radius": "0.6"}, 4),
        ({"ra": "83.633", "dec": "22.014", "radius": "0.4"}, 0),
        ({"ra": "83.633", "dec": "22.014", "radius": "180"}, 10),
        ({"collection": "demo"}, 10),
        ({"time_max": "1999-12-31"}, 0),
        ({"time_min": "2021-01-10", "time_max": "2021-01-10"}, 2),
        ({"energy_max": "1e-6"}, 0),
        ({"energy_min": "1", "energy_max": "2"}, 10),
    ],
)
def test_criteria_select(client: Client, query: dict[str, str], count: int) -> None:
    root = tree(client.get("/results", query))
    assert len(root.xpath("//table[@class='results']/tbody/tr")) == count
    if not count:
        assert "Nothing in the archive matches" in text(root)


def test_columns_sort_both_ways(client: Client) -> None:
    root = tree(client.get("/results", {"sort": "obs_id", "order": "descending"}))
    ids = column(root, "Observation")
    assert ids == sorted(ids, reverse=True)
    (sorted_by,) = root.xpath("//th[@aria-sort]")
    assert sorted_by.get("aria-sort") == "descending"
    assert parse_qs(urlsplit(sorted_by.xpath("string(a/@href)")).query) == {"sort": ["obs_id"]}
    assert "ORDER BY obs_id DESC" in root.xpath("string(//textarea[@name='adql'])")


def test_unknown_order_is_the_usual_one(client: Client) -> None:
    root = tree(client.get("/results", {"sort": "obs_id; DROP TABLE x"}))
    assert "ORDER BY t_min, obs_id" in root.xpath("string(//textarea[@name='adql'])")


def test_long_results_have_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.fetch, "__defaults__", (1, 4, 30))
    seen = []
    url = "/results?sort=obs_id"
    for expected in ("1–4 of 10", "5–8 of 10", "9–10 of 10"):
        root = tree(client.get(url))
        assert expected in text(root, "//nav[@class='pager']")
        seen += column(root, "Observation")
        # What is on other pages is not ticked, so nothing is ticked.
        assert root.xpath("//table//input[@checked]") == []
        following = root.xpath("//a[@rel='next']/@href")
        url = f"/results{following[0]}" if following else ""
    assert url == ""
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("number", "expected"), [("99", "9–10"), ("0", "1–4"), ("-3", "1–4"), ("x", "1–4"), ("9" * 30, "1–4")]
)
def test_page_beyond_the_result(client: Client, monkeypatch: pytest.MonkeyPatch, number: str, expected: str) -> None:
    monkeypatch.setattr(tables.fetch, "__defaults__", (1, 4, 30))
    assert expected in text(tree(client.get("/results", {"page": number})), "//nav[@class='pager']")


@pytest.mark.parametrize("label", ["Fit spectrum", "Distil these events"])
def test_ticked_runs_lead_to_the_form_of_a_job(client: Client, label: str) -> None:
    root = tree(client.get("/results", {"target": "Crab"}))
    assert len(root.xpath("//table//input[@name='obs_id'][@checked]")) == 4
    (button,) = root.xpath(f"//button[normalize-space()='{label}']")
    fields = [(i.get("name"), i.get("value")) for i in root.xpath("//form[@id='selection']//input")]
    filled = tree(client.get(button.get("formaction"), fields))
    assert filled.xpath("string(//textarea[@name='obs_id'])").split() == ["1001", "1002", "1003", "1004"]
    assert filled.xpath("//input[@name='collection']/@value") == ["demo"]
    assert filled.xpath("//input[@name='position.ra']/@value")[0].startswith("83.6")


def test_whole_result_can_be_downloaded(client: Client) -> None:
    root = tree(client.get("/results", {"target": "Crab"}))
    links = {a.text_content(): a.get("href") for a in root.xpath("//span[@class='downloads']/a")}
    response = client.get(links["CSV"].removeprefix("http://testserver"))
    assert response.status_code == 200
    lines = b"".join(response).decode().splitlines()
    assert lines[0].startswith("obs_id,target_name")
    assert len(lines) == 5
    assert {
        name: client.get(link.removeprefix("http://testserver"))["Content-Type"] for name, link in links.items()
    } == {
        "VOTable": "application/x-votable+xml",
        "CSV": "text/csv;header=present",
        "FITS": "application/fits",
        "JSON": "application/json",
        "Parquet": "application/vnd.apache.parquet",
        "Download as data store": "application/zip;content=gadf",
    }


WRONG = [
    ({"target": "Nowhere Nebula"}, "target", "no target named 'Nowhere Nebula'"),
    ({"target": "Crab", "radius": "-1"}, "radius", "The radius must be above 0"),
    ({"ra": "400", "dec": "0"}, "ra", "Right ascension must be within 0 and 360 deg, not 400."),
    ({"energy_min": "10", "energy_max": "1"}, "energy_max", "upside down"),
    ({"time_min": "soon"}, "time_min", "neither a date"),
    ({"collection": "none"}, "collection", "There is no collection “none” here. Collections: demo."),
    ({"target": '<script>alert("x")</script>'}, "target", "no target named"),
]


@pytest.mark.parametrize(("query", "field", "message"), WRONG)
def test_wrong_search_is_told_beside_its_field(client: Client, query: dict[str, str], field: str, message: str) -> None:
    response = client.get("/results", query)
    assert response.status_code == 400
    root = tree(response)
    assert message in text(root, f"//*[@id='id_{field}_error']")
    (box,) = root.xpath(f"//*[@id='id_{field}']")
    assert box.get("aria-invalid") == "true"
    assert f"id_{field}_error" in box.get("aria-describedby")
    for name, value in query.items():
        (kept,) = root.xpath(f"//*[@id='id_{name}']")
        if kept.tag == "input":
            assert kept.get("value") == value


def test_resolver_that_cannot_be_reached(client: Client, settings: Any) -> None:
    settings.DISTILLER_SESAME_URL = "http://127.0.0.1:9/sesame"
    response = client.get("/results", {"target": "M 87"})
    assert response.status_code == 503
    root = tree(response)
    assert "Sesame could not be reached" in text(root, "//*[@id='id_target_error']")
    assert root.xpath("//*[@id='id_target']/@value") == ["M 87"]


def test_observation(client: Client) -> None:
    results = tree(client.get("/results", {"target": "Crab"}))
    (link,) = results.xpath("//td/a[normalize-space()='1001']/@href")
    root = tree(client.get(link))
    words = text(root)
    assert "Observation 1001: Crab Nebula" in words
    for meaning in ("Event list", "Effective area", "Energy dispersion", "Point spread function", "Background model"):
        assert meaning in words
    links = {a.text_content().strip(): a.get("href") for a in root.xpath("//main//a")}
    field, counts = root.xpath("//figure[@class='picture']/img/@src")
    for url, media_type in (
        (field, "image/png"),
        (counts, "image/png"),
        (links["Download"], "application/fits"),
        (links["tar"], "application/x-tar"),
        (links["zip"], "application/zip"),
        (links["script"], "text/x-shellscript; charset=utf-8"),
        (links["DataLink"], "application/x-votable+xml;content=datalink"),
    ):
        response = client.get(url)
        assert (response.status_code, response["Content-Type"]) == (200, media_type)
        assert b"".join(response)  # reading to the end closes the file
    assert "Where it comes from" in text(tree(client.get(links["Provenance"])))
    assert tree(client.get(links["Fit spectrum"])).xpath("string(//textarea[@name='obs_id'])").strip() == DID


def test_files_of_a_result(client: Client) -> None:
    """Those of the ticked runs, and those of the whole result, by the query behind it."""
    root = tree(client.get("/results", {"target": "Crab"}))
    (script,) = root.xpath("//form[@id='selection']//button[normalize-space()='Script']/@formaction")
    ticked = root.xpath("//input[@name='obs_id']/@value")[:2]
    (collection,) = root.xpath("//form[@id='selection']/input[@name='collection']/@value")
    text_of = client.get(script, {"obs_id": ticked, "collection": collection, "position": "83.6 22"}).content.decode()
    assert text_of.count("\nfetch ") == len(ticked)
    (packed,) = root.xpath("//form[@id='selection']//button[normalize-space()='Download zip']")
    asked = {"obs_id": ticked, "collection": collection, packed.get("name"): packed.get("value")}
    assert b"".join(client.get(packed.get("formaction"), asked)).startswith(b"PK")
    (query,) = root.xpath("//input[@name='QUERY']/@value")
    (whole,) = root.xpath("//button[normalize-space()='SHA256SUMS']/@formaction")
    runs = root.xpath("//input[@name='obs_id']")
    assert len(client.get(whole, {"QUERY": query}).content.splitlines()) == len(runs)


@pytest.mark.parametrize(
    "path",
    [
        "/observations/ivo%3A%2F%2Fdistiller.example%2Fdemo%3Fr1%2F1001",
        "/observations/ivo://distiller.example/demo%3Fr1/1001",
        "/observations/ivo:/distiller.example/demo%3Fr1/1001",
        "/observations/ivo://distiller.example/demo?r1/1001",
    ],
)
def test_observation_is_found_however_its_address_is_written(client: Client, path: str) -> None:
    assert "Observation 1001" in text(tree(client.get(path)))


@pytest.mark.parametrize("did", ["ivo://distiller.example/demo%3Fr1/9", "x", "'%20OR%20'1'='1", "%00"])
def test_unknown_observation(client: Client, did: str) -> None:
    response = client.get(f"/observations/{did}", headers=HTML)
    assert response.status_code == 404
    assert "There is nothing here" in text(tree(response))


@pytest.mark.parametrize(("accept", "wanted"), [("text/html", "text/html"), ("*/*", "text/plain")])
def test_busy_archive(client: Client, monkeypatch: pytest.MonkeyPatch, accept: str, wanted: str) -> None:
    """No place for the query: a page that says so, and no defect."""
    none = Admission(places=1, turns=1, waiting=0, patience=0.01)
    none.places.take("somebody", 1)
    monkeypatch.setattr("tap.service.admission", lambda: none)
    response = client.get("/observations/x", headers={"accept": accept})
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert response["Content-Type"].partition(";")[0] == wanted
    assert b"busy" in response.content


def test_query(client: Client) -> None:
    adql = (
        "SELECT target_name, COUNT(*) AS n\nFROM ivoa.obscore\nWHERE dataproduct_type = 'event'\n"
        "GROUP BY target_name\nORDER BY target_name"
    )
    root = tree(client.get("/query", {"adql": adql}))
    rows = [[c.text_content() for c in row] for row in root.xpath("//div[contains(@class,'result')]//tbody/tr")]
    assert rows == [["Crab Nebula", "4"], ["Empty field", "2"], ["PKS 2155-304", "4"]]
    assert root.xpath("string(//textarea)").strip() == adql
    assert "ivoa.obscore_hea" in text(root)


def test_sent_query_is_answered_under_its_permalink(client: Client) -> None:
    response = client.post("/query", {"adql": "SELECT COUNT(*) AS n\r\nFROM ivoa.obscore"})
    assert response.status_code == 303
    assert response["Location"] == "/query?adql=SELECT+COUNT%28%2A%29+AS+n%0AFROM+ivoa.obscore"


def test_query_too_long_for_a_link_is_answered_at_once(client: Client) -> None:
    ids = ", ".join(f"'{number}'" for number in range(1001, 2101))
    response = client.post("/query", {"adql": f"SELECT obs_id FROM ivoa.obscore WHERE obs_id IN ({ids})"})
    assert response.status_code == 200
    root = tree(response)
    assert len(root.xpath("//div[contains(@class,'result')]//tbody/tr")) == 40
    assert "too long for a link" in text(root)


@pytest.mark.parametrize(
    ("adql", "line", "mark"),
    [
        ("SELECT obs_id\nFRM ivoa.obscore", "FRM ivoa.obscore", None),
        ("SELECT obs_id, nonsense FROM ivoa.obscore", "SELECT obs_id, nonsense FROM ivoa.obscore", 15),
        ("DELETE FROM ivoa.obscore", "DELETE FROM ivoa.obscore", 0),
    ],
)
def test_mistake_in_a_query_is_shown_where_it_is(client: Client, adql: str, line: str, mark: int | None) -> None:
    response = client.get("/query", {"adql": adql})
    assert response.status_code == 400
    root = tree(response)
    shown = root.xpath("string(//pre[@class='place'])").split("\n")
    assert shown[0] == line
    assert set(shown[1]) <= {" ", "^"}
    if mark is not None:
        assert shown[1].index("^") == mark
    assert root.xpath("string(//textarea)").strip() == adql


@pytest.mark.parametrize("adql", ["SELECT * FROM auth_user", "SELECT 1/0 AS x FROM ivoa.obscore", "x" * 20_001])
def test_query_that_cannot_be_run(client: Client, adql: str) -> None:
    response = client.get("/query", {"adql": adql})
    assert response.status_code == 400
    assert text(tree(response), "//*[@id='adql-error']")


def test_text_from_the_archive_cannot_be_markup(client: Client) -> None:
    root = tree(client.get("/query", {"adql": "SELECT TOP 1 '<b onclick=x>' AS \"<i>\" FROM ivoa.obscore"}))
    assert root.xpath("//td")[0].text_content() == "<b onclick=x>"
    assert root.xpath("//table//b") == []


def test_provenance(client: Client) -> None:
    root = tree(client.get("/provenance", {"ID": DID}))
    assert root.xpath("//figure[@class='lineage']//*[local-name()='svg']")
    assert "ingest" in text(root)
    for link in root.xpath("//span[@class='downloads']/a/@href"):
        assert client.get(link).status_code == 200
    assert client.get("/provenance", {"ID": DID, "DIRECTION": "FORTH"}).status_code == 200
    assert client.get("/provenance").status_code == 200


@pytest.mark.parametrize("identifier", ["ivo://distiller.example/jobs?none", "<b>", "\x00", "x" * 500])
def test_unknown_provenance(client: Client, identifier: str) -> None:
    response = client.get("/provenance", {"ID": identifier})
    assert response.status_code == 404
    root = tree(response)
    assert text(root, "//*[@id='ID_error']")


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/none", "/jobs/new/none"])
def test_missing_pages_help(client: Client, path: str) -> None:
    response = client.get(path, headers=HTML)
    assert response.status_code == 404
    root = tree(response)
    assert "/" in root.xpath("//main//a/@href")
    plain = client.get(path, headers={"accept": "application/json"})
    assert plain.status_code == 404
    assert plain["Content-Type"].startswith("text/plain")


def test_every_page_stays_on_this_host(client: Client) -> None:
    response = client.get("/")
    assert "default-src 'self'" in response["Content-Security-Policy"]
    root = tree(response)
    loaded = root.xpath("//script/@src | //link/@href | //img/@src")
    assert loaded
    assert all(url.startswith("/static/") for url in loaded)
