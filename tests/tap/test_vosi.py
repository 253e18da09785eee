"""VOSI endpoints, examples and the page at the base URL."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client

from tap.registry import find, tables
from tap.sizes import measured

pytestmark = pytest.mark.django_db
TAP_SCHEMA = [
    "tap_schema.schemas",
    "tap_schema.tables",
    "tap_schema.columns",
    "tap_schema.keys",
    "tap_schema.key_columns",
]
XHTML = "{http://www.w3.org/1999/xhtml}"


def get(client: Client, path: str) -> ET.Element:
    response = client.get(path)
    assert response.status_code == 200, response.content
    assert response.content.startswith(b"<?xml")
    return fromstring(response.content)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "path",
    [
        "/tap/tables",
        "/tap/tables/",
        "/tap/tables?detail=min",
        "/tap/tables/tap_schema.columns",
        "/tap/tables/tap_schema.columns?detail=min",
        "/tap/availability",
        "/tap/availability/",
        "/tap/capabilities",
        "/tap/capabilities/",
    ],
)
def test_documents_are_valid(client: Client, path: str, validate: Callable[[bytes], list[str]]) -> None:
    """VOSI 1.1 section 3, VODataService 1.2, TAPRegExt 1.0: valid against their schemas, with and without a slash."""
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert validate(response.content) == []


def test_tables(client: Client) -> None:
    """VOSI 1.1 section 3.3, TAP-71: every published table; those of TAP_SCHEMA describe themselves."""
    names = [t.findtext("name") for t in get(client, "/tap/tables").iter("table")]
    assert names == [t.meta.name for t in tables()]
    assert names[:5] == TAP_SCHEMA


def test_sizes_of_tables(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """VODataService 1.2 section 3.3: nrows, estimated or counted; a table that is too large to count has none."""
    published = find("tap_schema.columns")
    assert published is not None
    expected = sum(len(table.meta.columns) for table in tables())
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {published.sql_name}" if connection.vendor == "postgresql" else "SELECT 1")
    cache.delete("tap.sizes")
    rows = {t.findtext("name"): t.findtext("nrows") for t in get(client, "/tap/tables").iter("table")}
    assert rows["tap_schema.columns"] == str(expected)
    assert get(client, "/tap/tables/tap_schema.columns").findtext("nrows") == str(expected)
    assert all(number is not None and number.isdecimal() for number in rows.values())
    monkeypatch.setattr("tap.sizes._COUNTED", 3)
    assert measured().get("tap_schema.columns") == (expected if connection.vendor == "postgresql" else None)


def test_one_table(client: Client) -> None:
    """VOSI 1.1 section 3.3 (VR-04, TAP-81): by its name in any case; columns as a query writes them."""
    table = get(client, "/tap/tables/TAP_Schema.Columns")
    columns = {c.findtext("name"): c for c in table.iter("column")}
    assert '"size"' in columns
    kind = columns["table_name"].find("dataType")
    assert kind is not None
    assert (kind.text, kind.get("arraysize"), kind.get("{http://www.w3.org/2001/XMLSchema-instance}type")) == (
        "char",
        "*",
        "vs:VOTableType",
    )
    assert [f.text for f in columns["table_name"].iter("flag")] == ["indexed", "principal"]
    assert table.findtext("foreignKey/targetTable") == "tap_schema.tables"


def test_detail(client: Client) -> None:
    """VOSI 1.1 section 3.3: detail=min leaves out the columns, max has them, another value is an error."""
    assert not list(get(client, "/tap/tables?detail=min").iter("column"))
    assert list(get(client, "/tap/tables?detail=max").iter("column"))
    assert client.get("/tap/tables?detail=all").status_code == 400


def test_unknown_table(client: Client) -> None:
    """VOSI 1.1 section 3.3: 404, told in a document."""
    response = client.get("/tap/tables/tap_schema.nothing")
    assert response.status_code == 404
    assert b"there is no table tap_schema.nothing" in response.content


def test_availability(client: Client) -> None:
    """VOSI 1.1 section 3.2."""
    document = get(client, "/tap/availability")
    space = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"
    assert document.findtext(f"{space}available") == "true"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document.findtext(f"{space}upSince") or "")


def test_availability_is_a_real_check(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """VR-02: false when the database does not answer, without a word of the database."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

    class Broken:
        def cursor(self) -> Any:
            raise OperationalError("could not connect to secret-host")

    monkeypatch.setattr("tap.views.connection", Broken())
    response = client.get("/tap/availability")
    assert b"<vosi:available>false</vosi:available>" in response.content
    assert b"the database does not answer" in response.content
    assert b"secret-host" not in response.content


def test_examples(client: Client) -> None:
    """DALI 1.1 section 2.3, TAP 1.1 section 2.6: well-formed XHTML with the properties, nothing nested in them."""
    response = client.get("/tap/examples")
    assert response["Content-Type"].startswith("application/xhtml+xml")
    page = fromstring(response.content)
    vocabularies = [e for e in page.iter() if e.get("vocab") == "http://www.ivoa.net/rdf/examples#"]
    assert len(vocabularies) == 1
    examples = [e for e in vocabularies[0] if e.get("typeof") == "example"]
    assert examples
    for example in examples:
        assert example.get("resource") == f"#{example.get('id')}"
        properties = [e for e in example.iter() if e.get("property")]
        assert sorted({str(e.get("property")) for e in properties}) == ["name", "query", "table"]
        assert not [child for e in properties for child in e]
        assert not [e for e in properties if e.get("href") or e.get("src")]
    assert len({e.get("id") for e in examples}) == len(examples)


def test_page_for_people(client: Client) -> None:
    """TAP 1.1 section 2 (TAP-04): the bare URL shows a page that leads on."""
    links = [a.get("href") or "" for a in get(client, "/tap").iter(f"{XHTML}a")]
    assert "http://testserver/tap/examples" in links
    assert [client.get(link).status_code for link in links if not link.endswith("/sync")] == [200] * (len(links) - 1)


@pytest.mark.parametrize("path", ["/tap/properties", "/tap/capabilities/properties", "/tap/sync/x"])
def test_what_is_not_there_is_404(client: Client, path: str) -> None:
    """TAP 1.1 section 2 (TAP-03): 404 and no page; nor are other endpoints promised."""
    for response in (client.get(path), client.post(path)):
        assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")
