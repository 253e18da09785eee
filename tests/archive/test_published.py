"""`ivoa.obscore` and `ivoa.obscore_hea` as ADQL sees them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from archive.identifiers import make_did
from archive.models import ObsCore
from archive.obscore.columns import DATALINK_TYPE, OBSCORE
from tap.registry import QueryContext, Viewer, find
from tap.service import prepare

BASE = "http://127.0.0.1:8000"
pytestmark = pytest.mark.django_db


def ask(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with prepare(text, QueryContext(Viewer(), BASE)).run() as batches:
        for batch in batches:
            rows += batch.to_pylist()
    return rows


def test_every_column_can_be_read(demo_archive: str) -> None:
    (row,) = ask("SELECT * FROM ivoa.obscore WHERE obs_publisher_did = 'ivo://distiller.example/demo?r1/1001'")
    assert list(row) == [c.name for c in OBSCORE.columns]
    stored = ObsCore.objects.get(obs_publisher_did="ivo://distiller.example/demo?r1/1001")
    for name in set(row) - {"access_url", "access_format", "obs_creation_date", "obs_release_date"}:
        assert row[name] == getattr(stored, name), name
    assert stored.obs_release_date is not None
    assert row["obs_release_date"] == stored.obs_release_date.replace(tzinfo=None)


def test_access_url_is_datalink(demo_archive: str, client: Client) -> None:
    """obscore.md OC-13, OC-41: the URL in the row leads to the links of the row, on the host that was asked."""
    rows = ask("SELECT access_url, access_format, obs_publisher_did FROM ivoa.obscore WHERE obs_id = '1001'")
    assert len(rows) == 5
    for row in rows:
        assert row["access_format"] == DATALINK_TYPE
        assert row["access_url"].startswith(f"{BASE}/datalink/links?ID=ivo%3A%2F%2F")
        response = client.get(row["access_url"].removeprefix(BASE))
        assert response["Content-Type"] == DATALINK_TYPE
        assert row["obs_publisher_did"].encode() in response.content
        assert b"NotFoundFault" not in response.content


def test_natural_join(demo_archive: str) -> None:
    """High-energy extension draft section 4.14 (obscore.md OC-60)."""
    rows = ask(
        "SELECT obs_id, ev_xel, energy_min, em_max FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea "
        "WHERE obs_collection = 'demo' AND dataproduct_type = 'event' ORDER BY obs_id"
    )
    assert len(rows) == 10
    for row in rows:
        assert row["ev_xel"] > 100
        assert row["energy_min"] * row["em_max"] == pytest.approx(1.239841984332e-6, rel=1e-12)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(83.6333, 22.0145, 1))", {"1001", "1002", "1003", "1004"}),
        ("DISTANCE(POINT(s_ra, s_dec), POINT(329.7169, -30.2256)) < 1", {"2001", "2002", "2003", "2004"}),
        ("1 = CONTAINS(POINT(45, -23), s_region)", {"3001", "3002"}),
        ("1 = INTERSECTS(s_region, CIRCLE(45, -28, 2))", {"3001", "3002"}),
        ("1 = INTERSECTS(s_region, CIRCLE(45, -60, 2))", set()),
    ],
)
def test_geometry(demo_archive: str, condition: str, expected: set[str]) -> None:
    rows = ask(f"SELECT obs_id FROM ivoa.obscore WHERE obs_collection = 'demo' AND {condition}")
    assert {row["obs_id"] for row in rows} == expected


def test_hidden_columns_stay_hidden(demo_archive: str) -> None:
    from vo.errors import UsageFault

    for name in ("did_encoded", "pos_x", "region_xmin", "product_id", "id"):
        with pytest.raises(UsageFault):
            prepare(f"SELECT {name} FROM ivoa.obscore", QueryContext(Viewer(), BASE))


def test_datalink_descriptor(demo_archive: str) -> None:
    """DataLink 1.1 section 4 (DL-43): there with obs_publisher_did, and only then."""
    context = QueryContext(Viewer(), BASE)
    for table in ("ivoa.obscore", "ivoa.obscore_hea"):
        (descriptor,) = prepare(f"SELECT obs_publisher_did FROM {table}", context).descriptors
        params = dict(descriptor.params)
        assert params["standardID"] == "ivo://ivoa.net/std/DataLink#links-1.1"
        assert params["accessURL"] == f"{BASE}/datalink/links"
    assert prepare("SELECT obs_id FROM ivoa.obscore", context).descriptors == ()


def test_examples_find_something(demo_archive: str) -> None:
    """TAP 1.1 section 2.6: the examples are valid queries, and each shows rows of the demo data."""
    for name in ("ivoa.obscore", "ivoa.obscore_hea", "gadf.obs_index"):
        table = find(name)
        assert table is not None
        assert table.examples
        for example in table.examples:
            assert len(ask(example.query)) > 0, example.id


def test_keys() -> None:
    """TAP 1.1 section 4.4: the relation by which the tables join."""
    hea, obscore = find("ivoa.obscore_hea"), find("ivoa.obscore")
    assert hea is not None
    assert obscore is not None
    (key,) = hea.meta.foreign_keys
    assert key.target_table == obscore.meta.name
    assert key.columns == (("obs_publisher_did", "obs_publisher_did"),)


def test_identifiers_are_escaped_once(demo_archive: str) -> None:
    did = make_did(demo_archive, "r1", "1001")
    assert did == "ivo://distiller.example/demo?r1/1001"
    (row,) = ask(f"SELECT obs_publisher_did FROM ivoa.obscore WHERE obs_publisher_did = '{did}'")
    assert row["obs_publisher_did"] == did
