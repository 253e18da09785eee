"""A job type as machines read it: a JSON schema of its parameters, and a JSON description of the whole."""

from __future__ import annotations

from typing import Any

from uws.fields import fields
from uws.jobtypes import JobType


def parameter_schema(job_type: JobType) -> dict[str, Any]:
    """JSON schema (2020-12) of the parameters; unit, UCD, xtype and group stand beside each property."""
    schema = job_type.parameters.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = job_type.title
    return schema


def description(job_type: JobType) -> dict[str, Any]:
    """The job type as plain JSON values."""
    return {
        "name": job_type.name,
        "version": job_type.version,
        "title": job_type.title,
        "description": job_type.description,
        "parameters": [
            {key: value for key in spec.__slots__ if (value := getattr(spec, key)) not in (None, "", (), False)}
            for spec in fields(job_type.parameters)
        ],
        "inputs": [
            {"name": r.name, "description": r.description, "product_types": list(r.product_types)}
            for r in job_type.inputs
        ],
        "outputs": [
            {"name": r.name, "description": r.description, "media_type": r.media_type, "required": r.required}
            for r in job_type.outputs
        ],
        "execution_duration": job_type.execution_duration,
    }
