"""The JSON interface of the archive."""

from __future__ import annotations

import warnings

import pytest
from django.test import Client

from archive.models import Observation

pytestmark = pytest.mark.django_db


def test_collections_are_counted(demo_archive: str, client: Client) -> None:
    (collection,) = client.get("/api/collections").json()
    assert collection["name"] == demo_archive
    assert collection["observations"] == Observation.objects.count() == 10


def test_observations_come_in_pages_and_order_of_time(demo_archive: str, client: Client) -> None:
    first = client.get("/api/observations?limit=4").json()
    assert first["count"] == 10
    second = client.get(first["next"]).json()
    starts = [row["t_start"] for row in first["results"] + second["results"]]
    assert len(starts) == 8
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("target=crab%20nebula", {"1001", "1002", "1003", "1004"}),
        ("obs_id=2001&obs_id=3001", {"2001", "3001"}),
        ("OBS_ID=2001", {"2001"}),
        ("collection=none", set()),
    ],
)
def test_observations_are_selected(demo_archive: str, client: Client, query: str, found: set[str]) -> None:
    rows = client.get(f"/api/observations?{query}").json()["results"]
    assert {row["obs_id"] for row in rows} == found
    for row in rows:
        assert row["collection"] == demo_archive
        assert {"event-bundle", "preview-image"} <= {product["subtype"] for product in row["products"]}


def test_names_are_resolved(demo_archive: str, client: Client) -> None:
    answer = client.get("/api/resolve?name=Crab").json()
    assert answer["name"] == "Crab Nebula"
    assert answer["source"] == "archive"
    assert (answer["ra"], answer["dec"]) == pytest.approx((83.633, 22.014), abs=0.01)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("resolve", 400, "name"),
        ("resolve?name=Nonesuch", 400, "no target named 'Nonesuch'"),
        ("observations?collection=a&collection=b", 400, "collection"),
    ],
)
def test_what_is_wrong_is_said_in_json(demo_archive: str, client: Client, path: str, status: int, words: str) -> None:
    response = client.get(f"/api/{path}")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer["error"] == "UsageFault"
    assert words in answer["detail"].lower() or words in answer["detail"]


def test_a_defect_is_told_by_reference(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("archive.api.resolve", broken)
    client.raise_request_exception = False
    response = client.get("/api/resolve?name=x")
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    assert "reference" in response.json()["detail"]


def test_openapi_describes_every_path(client: Client) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = client.get("/api/schema?format=json")
    paths = set(response.json()["paths"])
    assert {"/api/collections", "/api/observations", "/api/resolve", "/api/job-types", "/api/job-types/{name}"} <= paths
