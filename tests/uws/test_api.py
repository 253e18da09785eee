"""The JSON interface of the job types."""

from __future__ import annotations

import pytest
from django.test import Client

from uws.fields import fields
from uws.jobtypes import job_type, job_types

pytestmark = pytest.mark.django_db


def test_every_job_type_is_described(client: Client) -> None:
    answer = client.get("/api/job-types").json()
    assert [kind["name"] for kind in answer] == [kind.name for kind in job_types()]
    for kind in answer:
        assert kind["service"] == f"http://testserver/uws/{kind['name']}"
        assert {output["role"] for output in kind["outputs"]} == {o.name for o in job_type(kind["name"]).outputs}


def test_the_schema_has_units_ranges_and_defaults(client: Client) -> None:
    kind = client.get("/api/job-types/spectrum").json()
    properties = kind["parameters"]["properties"]
    assert set(properties) == {field.name for field in fields(job_type("spectrum").parameters)}
    assert properties["on_radius"]["unit"] == "deg"
    assert properties["on_radius"]["exclusiveMinimum"] == 0
    assert properties["model"]["enum"] == ["power-law", "log-parabola", "exponential-cut-off"]


def test_an_unknown_type_is_not_found(client: Client) -> None:
    response = client.get("/api/job-types/nonesuch")
    assert response.status_code == 404
    assert response.json()["error"] == "NotFoundFault"
