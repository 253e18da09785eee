"""The JSON interface of the job types."""

from __future__ import annotations

import json
import re

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


def test_openapi_has_typed_parameters(client: Client) -> None:
    """Each job list with its parameters; every reference leads somewhere."""
    answer = client.get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"})
    document = json.loads(answer.content)
    schemas = document["components"]["schemas"]
    for kind in job_types():
        assert set(document["paths"][f"/uws/{kind.name}"]) == {"get", "post"}
        properties = schemas[f"{kind.name}-parameters"]["properties"]
        assert set(properties) == {field.name for field in fields(kind.parameters)}
    assert schemas["spectrum-parameters"]["properties"]["on_radius"]["exclusiveMinimum"] == 0
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.content.decode()))
    assert references <= set(schemas)
    assert schemas["JobType"]["properties"]["outputs"]["type"] == "array"
