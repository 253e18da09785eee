"""Queries over HTTP with the real compiler and engine, on the demo archive and on TAP_SCHEMA."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from astropy.io.votable import parse
from astropy.io.votable.exceptions import W06
from astropy.io.votable.tree import TableElement, VOTableFile
from django.test import Client

from tap.registry import Example, find, tables

pytestmark = pytest.mark.django_db
EXAMPLES = [example for table in tables() for example in table.examples]


@pytest.fixture
def ask(demo_archive: str, client: Client) -> Callable[..., Any]:
    """`ask("SELECT ...", MAXREC=5)`: the answer of /tap/sync."""
    return lambda query, **parameters: client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query, **parameters})


@pytest.fixture
def document(ask: Callable[..., Any]) -> Callable[..., VOTableFile]:
    """`document("SELECT ...")`: the parsed result; an error document fails the test."""

    def run(query: str, **parameters: Any) -> VOTableFile:
        response = ask(query, **parameters)
        assert response.status_code == 200, response.getvalue()
        with warnings.catch_warnings():
            # The draft of the high-energy extension uses UCD words that astropy's list does not have yet.
            warnings.filterwarnings("ignore", message=r".*Unknown word", category=W06)
            return parse(io.BytesIO(response.getvalue()), verify="warn")

    return run


@pytest.fixture
def table(document: Callable[..., VOTableFile]) -> Callable[..., TableElement]:
    return lambda query, **parameters: document(query, **parameters).get_first_table()


def test_tap_schema_is_queried_like_any_schema(table: Callable[..., TableElement]) -> None:
    """TAP 1.1 section 4 (TAP-70, 80): in whatever case, with functions, joins and aliases."""
    names = table("SELECT table_name FROM TAP_SCHEMA.Tables ORDER BY schema_name, table_index").array["table_name"]
    assert set(names) == {t.meta.name for t in tables()}
    counted = table("SELECT COUNT(*) AS nrow FROM TAP_SCHEMA.columns").array["nrow"]
    assert list(counted) == [sum(len(t.meta.columns) for t in tables())]
    joined = table(
        "SELECT k.from_table, c.from_column FROM tap_schema.keys AS k JOIN tap_schema.key_columns AS c "
        "ON k.key_id = c.key_id WHERE k.from_table = 'ivoa.obscore_hea'"
    ).array
    assert [tuple(row) for row in joined] == [("ivoa.obscore_hea", "obs_publisher_did")]


def test_size_column(table: Callable[..., TableElement]) -> None:
    """TAP 1.1 section 4.3 (TAP-75): the column is called size and written "size"."""
    got = table("SELECT column_name, \"size\" FROM tap_schema.columns WHERE arraysize = '*'")
    assert [field.name for field in got.fields] == ["column_name", "size"]
    assert got.array["size"].mask.all()


@pytest.mark.parametrize("name", [t.meta.name for t in tables()])
def test_results_have_the_declared_columns(table: Callable[..., TableElement], name: str) -> None:
    """TAP 1.1 section 3.2 (TAP-40, 41, 78): order, names, types and metadata of every published table."""
    published = find(name)
    assert published is not None
    got = [
        (f.name, f.datatype, f.arraysize, f.xtype, str(f.unit or "") or None, f.ucd, f.utype, f.description)
        for f in table(f"SELECT * FROM {name}", MAXREC=3).fields
    ]
    assert got == [
        (c.name, c.datatype, c.arraysize, c.xtype, c.unit, c.ucd, c.utype, c.description or None)
        for c in published.meta.columns
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.id for example in EXAMPLES])
def test_examples_run_and_find_something(table: Callable[..., TableElement], example: Example) -> None:
    """TAP 1.1 section 2.6 (TAP-103)."""
    assert len(table(example.query).array) > 0


def test_datalink_descriptor_comes_with_its_column(document: Callable[..., VOTableFile]) -> None:
    """DataLink 1.1 section 4 (DL-42, 43): present with obs_publisher_did under whatever alias, else absent."""
    for query in ("SELECT * FROM ivoa.obscore", "SELECT obs_publisher_did AS did, obs_id FROM ivoa.obscore"):
        found = document(query, MAXREC=1)
        service = found.resources[1]
        assert (service.type, service.utype) == ("meta", "adhoc:service")
        params = {p.name: p.value for p in service.params}
        assert params["standardID"].startswith("ivo://ivoa.net/std/DataLink#links-1")
        assert params["accessURL"] == "http://testserver/datalink/links"
        field = found.get_field_by_id(service.groups[0].entries[0].ref)
        assert field.name in ("obs_publisher_did", "did")
    assert len(document("SELECT obs_id FROM ivoa.obscore", MAXREC=1).resources) == 1


def test_links_are_those_of_the_request(table: Callable[..., TableElement]) -> None:
    """access_url is absolute, as this client reaches the service."""
    assert str(table("SELECT TOP 1 access_url FROM ivoa.obscore").array["access_url"][0]).startswith(
        "http://testserver/datalink/links?ID=ivo%3A%2F%2F"
    )


def test_selected_columns_have_unique_names(table: Callable[..., TableElement]) -> None:
    """TAP 1.1 section 3.2 (TAP-42)."""
    fields = table("SELECT obs_id, obs_id, 1 + 1, s_ra + 1 FROM ivoa.obscore", MAXREC=1).fields
    assert len({f.name for f in fields}) == len({f.ID for f in fields}) == 4


def test_formats_hold_the_same_rows(ask: Callable[..., Any], table: Callable[..., TableElement]) -> None:
    query = "SELECT obs_id, s_ra, em_min, t_min, s_region FROM ivoa.obscore WHERE t_min > 0 ORDER BY obs_id"
    rows = [tuple(map(str, row)) for row in table(query).array]
    assert [tuple(map(str, row)) for row in table(query, RESPONSEFORMAT="votable/td").array] == rows
    for kind, delimiter in (("csv", ","), ("tsv", "\t")):
        lines = csv.reader(io.StringIO(ask(query, FORMAT=kind).getvalue().decode(), newline=""), delimiter=delimiter)
        read = [(a, float(b), float(c), float(d), e) for a, b, c, d, e in list(lines)[1:]]
        assert [tuple(map(str, row)) for row in read] == rows


def test_maxrec_and_top(ask: Callable[..., Any], table: Callable[..., TableElement]) -> None:
    """TAP 1.1 section 2.7.4 (TAP-17, 18): no overflow unless MAXREC cuts."""
    query = "SELECT {} obs_id FROM ivoa.obscore"
    total = len(table(query.format("")).array)
    for top, maxrec, rows, overflow in (
        ("TOP 2", 3, 2, False),
        ("TOP 3", 2, 2, True),
        ("", total, total, False),
        ("", total - 1, total - 1, True),
        ("TOP 2", 2, 2, False),
        ("", 0, 0, True),
    ):
        response = ask(query.format(top), MAXREC=maxrec)
        assert (b'value="OVERFLOW"' in response.getvalue()) is overflow, (top, maxrec)
        assert len(parse(io.BytesIO(response.getvalue())).get_first_table().array) == rows


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", ["line 1 column 1"]),
        ("SELECT obs_id\nFROM ivoa.obscore\nWHERE", ["line 3"]),
        ("SELECT no_such_column FROM ivoa.obscore", ["line 1 column 8", "no_such_column"]),
        ("SELECT s_raa FROM ivoa.obscore", ["s_ra"]),
        ("SELECT * FROM no_such_table", ["no_such_table"]),
        ("DELETE FROM ivoa.obscore", ["line 1 column 1"]),
        ("SELECT obs_id FROM ivoa.obscore; DROP TABLE ivoa_obscore", ["line 1"]),
        ("SELECT * FROM auth_user", ["auth_user"]),
        ("SELECT * FROM ivoa_obscore", ["ivoa_obscore"]),
        ("SELECT * FROM sqlite_master", ["sqlite_master"]),
        ("SELECT pos_x FROM ivoa.obscore", ["pos_x"]),
        ("SELECT 1/0 FROM ivoa.obscore", ["zero"]),
        ("SELECT ' FROM ivoa.obscore", ["line 1"]),
        ("\x00", ["line 1"]),
        ("SELECT TOP 1 obs_id FROM ivoa.obscore WHERE obs_id = '\ud83d\ude00" + "x" * 100_000, ["line 1"]),
    ],
)
def test_bad_queries_are_told_where(ask: Callable[..., Any], query: str, words: list[str]) -> None:
    """TAP 1.1 section 3.3, ADQL-91 to 93: status 400, an error VOTable, the place, no text of the database."""
    response = ask(query.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    assert response.status_code == 400
    results = parse(io.BytesIO(response.content), verify="exception").resources[0]
    message = results.infos[0].content
    assert results.infos[0].value == "ERROR"
    assert [word for word in words if word not in message] == []
    assert not any(word in message.lower() for word in ("sqlite3", "psycopg", "traceback", "operationalerror"))
    assert len(message) < 500


def test_head_of_a_query(demo_archive: str, client: Client) -> None:
    """DALI-47: HEAD answers like GET without a body, errors included."""
    good = client.head("/tap/sync", {"QUERY": "SELECT obs_id FROM ivoa.obscore"})
    assert (good.status_code, good.content) == (200, b"")
    assert client.head("/tap/sync", {"QUERY": "SELECT nothing FROM ivoa.obscore"}).status_code == 400
