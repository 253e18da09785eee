"""The job lists in the OpenAPI description: for each job type its typed parameters, made from the declaration."""

from __future__ import annotations

from typing import Any

from uws import offers
from uws.describe import form_schema
from uws.jobtypes import JobType
from uws.phases import Phase

_TIME = {"type": ["string", "null"], "format": "date-time"}
_PHASE = {"type": "string", "enum": list(Phase.values)}
_CONTROL = {
    "PHASE": {"type": "string", "enum": ["RUN"], "description": "Start the job at once."},
    "RUNID": {"type": "string", "maxLength": 64, "description": "Your name for the job."},
    "EXECUTIONDURATION": {
        "type": "integer",
        "minimum": 0,
        "description": "Seconds that it may run; 0: as long as allowed.",
    },
    "DESTRUCTION": {"type": "string", "format": "date-time", "description": "When it is to be destroyed (UTC)."},
}
_SCHEMAS: dict[str, Any] = {
    "UwsParameter": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "value": {"type": "string"}, "byReference": {"type": "boolean"}},
        "required": ["id", "value"],
    },
    "UwsResult": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "href": {"type": "string", "format": "uri"},
            "mimeType": {"type": "string"},
            "size": {"type": "integer"},
        },
        "required": ["id", "href"],
    },
    "UwsJob": {
        "type": "object",
        "description": "A job (UWS 1.1 section 2.2.2.2) in JSON.",
        "properties": {
            "version": {"type": "string"},
            "jobId": {"type": "string"},
            "runId": {"type": "string"},
            "ownerId": {"type": ["string", "null"]},
            "phase": _PHASE,
            "quote": _TIME,
            "creationTime": _TIME,
            "startTime": _TIME,
            "endTime": _TIME,
            "executionDuration": {"type": "integer"},
            "destruction": _TIME,
            "parameters": {"type": "array", "items": {"$ref": "#/components/schemas/UwsParameter"}},
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/UwsResult"}},
            "errorSummary": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string", "enum": ["fatal", "transient"]},
                    "hasDetail": {"type": "boolean"},
                },
            },
            "jobInfo": {"type": "object"},
        },
        "required": ["jobId", "phase", "executionDuration", "parameters", "results"],
    },
    "UwsJobList": {
        "type": "object",
        "description": "A job list (UWS 1.1 section 2.2.2.1) in JSON.",
        "properties": {
            "version": {"type": "string"},
            "jobref": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "jobId": {"type": "string"},
                        "phase": _PHASE,
                        "runId": {"type": "string"},
                        "ownerId": {"type": ["string", "null"]},
                        "creationTime": _TIME,
                        "href": {"type": "string", "format": "uri"},
                    },
                },
            },
        },
    },
}


def add_job_lists(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular (POSTPROCESSING_HOOKS)."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _SCHEMAS
    for kind in offers.offered():
        result["paths"][f"/{kind.location}"] = {"get": _listing(kind), "post": _creation(kind)}
        result["paths"][f"/{kind.location}/{{job_id}}"] = {"get": _job(kind)}
        parameters = form_schema(kind)
        del parameters["additionalProperties"]  # what steers the job comes with them
        schemas[f"{kind.name}-parameters"] = parameters
    return result


def _creation(kind: JobType) -> dict[str, Any]:
    schema = {
        "allOf": [{"$ref": f"#/components/schemas/{kind.name}-parameters"}, {"type": "object", "properties": _CONTROL}],
        "unevaluatedProperties": False,
    }
    return {
        "operationId": f"uws_{kind.name}_create",
        "tags": ["uws"],
        "summary": f"Make a job: {kind.title}",
        "description": kind.description,
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        "responses": {
            "303": {"description": "The job is made", "headers": {"Location": {"schema": {"type": "string"}}}},
            "400": {"description": "A parameter is wrong; the text says which"},
            "403": {"description": "This is not open to whoever asks"},
        },
    }


def _listing(kind: JobType) -> dict[str, Any]:
    filters = {
        "PHASE": {"type": "array", "items": _PHASE},
        "AFTER": {"type": "string", "format": "date-time"},
        "LAST": {"type": "integer", "minimum": 1},
    }
    return {
        "operationId": f"uws_{kind.name}_list",
        "tags": ["uws"],
        "summary": f"Own jobs: {kind.title}",
        "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in filters.items()],
        "responses": {"200": _answer("UwsJobList")},
    }


def _job(kind: JobType) -> dict[str, Any]:
    return {
        "operationId": f"uws_{kind.name}_job",
        "tags": ["uws"],
        "summary": f"A job: {kind.title}",
        "parameters": [
            {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "WAIT", "in": "query", "schema": {"type": "integer"}},
        ],
        "responses": {"200": _answer("UwsJob"), "404": {"description": "There is no such job"}},
    }


def _answer(schema: str) -> dict[str, Any]:
    return {
        "description": "In JSON, if that is preferred to XML",
        "content": {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}},
            "application/xml": {"schema": {"type": "string"}},
        },
    }
