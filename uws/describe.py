"""A job type as machines read it: JSON schemas of its parameters, and a JSON description of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uws.fields import FieldSpec, fields
from uws.jobtypes import JobType

_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_WORDS = {"interval": 2, "position": 2, "circle": 3}


def parameter_schema(job_type: JobType) -> dict[str, Any]:
    """JSON schema (2020-12) of the parameters as values; unit, UCD, xtype and group stand beside each property."""
    schema = job_type.parameters.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = job_type.title
    return schema


def form_schema(job_type: JobType) -> dict[str, Any]:
    """JSON schema of the parameters as they are sent in a form: intervals, positions and circles are texts of DALI."""
    specs = fields(job_type.parameters)
    return {
        "type": "object",
        "title": job_type.title,
        "properties": {spec.name: _form_property(spec) for spec in specs},
        "required": [spec.name for spec in specs if spec.required],
        "additionalProperties": False,
    }


def example(job_type: JobType) -> dict[str, list[str]]:
    """Parameters for a snippet: the declared examples, or the defaults of what is shown first in the form."""
    if job_type.examples:
        return {name: [text] for name, text in job_type.examples.items()}
    specs = [spec for spec in fields(job_type.parameters) if not spec.advanced]
    return {spec.name: [spec.default or f"<{spec.kind}>"] for spec in specs if spec.default or spec.required}


def description(job_type: JobType, base_url: str) -> dict[str, Any]:
    """The job type as plain JSON values: where its service is, what it takes and gives, by role."""
    return {
        "name": job_type.name,
        "version": job_type.version,
        "title": job_type.title,
        "description": job_type.description,
        "service": f"{base_url}/{job_type.location}",
        "parameters": parameter_schema(job_type),
        "inputs": [
            {
                "role": role.name,
                "description": role.description,
                "product_types": list(role.product_types),
                "multiple": role.multiple,
            }
            for role in job_type.inputs
        ],
        "outputs": [
            {
                "role": role.name,
                "description": role.description,
                "filename": role.filename,
                "media_type": role.media_type,
                "optional": not role.required,
            }
            for role in job_type.outputs
        ],
        "execution_duration": job_type.execution_duration,
    }


def _form_property(spec: FieldSpec) -> dict[str, Any]:
    one: dict[str, Any] = {"type": spec.kind if spec.kind in ("integer", "number", "boolean") else "string"}
    if spec.kind in _WORDS:
        number = rf"({_NUMBER}|[+-]?Inf)" if spec.kind == "interval" else _NUMBER
        one["pattern"] = "^" + r"\s+".join([number] * _WORDS[spec.kind]) + "$"
    if spec.choices:
        one["enum"] = list(spec.choices)
    if spec.kind in ("integer", "number"):
        number_of = int if spec.kind == "integer" else float
        if spec.minimum is not None:
            one["exclusiveMinimum" if spec.above else "minimum"] = number_of(spec.minimum)
        if spec.maximum is not None:
            one["exclusiveMaximum" if spec.below else "maximum"] = number_of(spec.maximum)
    schema: dict[str, Any] = {"type": "array", "items": one} if spec.multiple else one
    schema["description"] = spec.help + (f" Unit: {spec.unit}." if spec.unit else "")
    if spec.default:
        schema["default"] = _default(spec)
    extra = {"x-unit": spec.unit, "x-ucd": spec.ucd, "x-xtype": spec.xtype}
    return schema | {name: text for name, text in extra.items() if text}


def _default(spec: FieldSpec) -> Any:
    kinds: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": lambda text: text == "true"}
    value = kinds.get(spec.kind, str)(spec.default)
    return [value] if spec.multiple else value
