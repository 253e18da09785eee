"""Job parameters from DALI text and back: names ignore case, values are checked one by one, then together."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from uws.fields import FieldSpec, fields, value_text
from uws.parameters import JobParameters, dali_float
from vo.errors import UsageFault

_NUL = "has a character that cannot be used (NUL)"
_INTEGER = re.compile(r"[+-]?\d+$")
_BOOLEANS = {"1": True, "true": True, "t": True, "0": False, "false": False, "f": False}


class ParameterErrors(UsageFault):
    """Parameters that cannot be used. `errors` are (field name, sentence); the name is empty for the whole set."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" if name else text for name, text in errors))
        self.errors = tuple(errors)


def canonical_names(model: type[JobParameters], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The given values under the declared names (DALI 1.1 section 3.1: names ignore case), without empty values.

    Raises ParameterErrors for names that the job does not have.
    """
    declared = {name.lower(): name for name in model.model_fields}
    unknown = [name for name in given if name.lower() not in declared]
    if unknown:
        listed = ", ".join(model.model_fields)
        raise ParameterErrors([(name, f"there is no such parameter; there are {listed}") for name in unknown])
    values: dict[str, list[str]] = {}
    for name, texts in given.items():
        kept = [_stripped(model, text) for text in texts if text.strip()]
        values.setdefault(declared[name.lower()], []).extend(kept)
    return values


def known(model: type[JobParameters], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The given values of parameters that the job has, under their declared names, not checked.

    Raises ParameterErrors for the one character that cannot be kept.
    """
    declared = {name.lower(): name for name in model.model_fields}
    values: dict[str, list[str]] = {}
    for name, texts in given.items():
        if name.lower() in declared:
            if any("\x00" in text for text in texts):
                raise ParameterErrors([(name, _NUL)])
            values.setdefault(declared[name.lower()], []).extend(texts)
    return values


def check(model: type[JobParameters], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Check each value by itself and return the values under their declared names.

    Raises ParameterErrors for unknown names, single-valued parameters given twice, and values that are malformed or
    out of range. What depends on several parameters is left to `parse`.
    """
    values = canonical_names(model, given)
    _typed(model, values)
    return values


def parse(model: type[JobParameters], given: Mapping[str, Sequence[str]]) -> JobParameters:
    """The typed parameters. Raises ParameterErrors for anything that `check` or the model finds wrong."""
    typed = _typed(model, canonical_names(model, given))
    try:
        return model(**typed)
    except ValidationError as error:
        raise ParameterErrors([(_field_of(e), sentence(e)) for e in error.errors()]) from None


def to_texts(parameters: JobParameters) -> dict[str, list[str]]:
    """All parameters, defaults included, as DALI text that `parse` reads back to the same values."""
    texts: dict[str, list[str]] = {}
    for spec in fields(type(parameters)):
        value = getattr(parameters, spec.name)
        if value is None:
            texts[spec.name] = []
        else:
            texts[spec.name] = [value_text(v) for v in value] if spec.multiple else [value_text(value)]
    return texts


def sentence(error: ErrorDetails) -> str:
    """What pydantic found, in words for the user."""
    context, given = error.get("ctx", {}), error.get("input")
    bounds = {
        "greater_than": ("must be above", "gt"),
        "greater_than_equal": ("must be at least", "ge"),
        "less_than": ("must be below", "lt"),
        "less_than_equal": ("must be at most", "le"),
    }
    kind = error["type"]
    if kind in bounds:
        words, key = bounds[kind]
        return f"{words} {context[key]:g}, not {given:g}"
    if kind == "literal_error":
        return f"must be one of {context['expected']}, not {given!r}"
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(context["error"])
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def _field_of(error: ErrorDetails) -> str:
    return str(error["loc"][0]) if error["loc"] else ""


def _strips(model: type[BaseModel]) -> bool:
    return bool(model.model_config.get("str_strip_whitespace"))


def _stripped(model: type[BaseModel], text: str) -> str:
    return text.strip() if _strips(model) else text


@cache
def _adapters(model: type[BaseModel]) -> dict[str, TypeAdapter[Any]]:
    """A validator of each field alone, without the model's checks across fields."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        for metadata in info.metadata:
            annotation = Annotated[annotation, metadata]
        adapters[name] = TypeAdapter(annotation, config={"str_strip_whitespace": _strips(model)})
    return adapters


def _typed(model: type[JobParameters], values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    specs = {spec.name: spec for spec in fields(model)}
    for name, texts in values.items():
        if not texts:
            continue
        spec = specs[name]
        if len(texts) > 1 and not spec.multiple:
            errors.append((name, f"takes one value, {len(texts)} were given"))
            continue
        try:
            plain = [_plain(spec, text) for text in texts]
            typed[name] = _adapters(model)[name].validate_python(tuple(plain) if spec.multiple else plain[0])
        except ValidationError as error:
            errors.extend((name, sentence(e)) for e in error.errors()[:1])
        except ValueError as error:
            errors.append((name, str(error)))
    if errors:
        raise ParameterErrors(errors)
    return typed


def _plain(spec: FieldSpec, text: str) -> Any:
    """A Python value of DALI text (DALI 1.1 section 3.3); what is more than a scalar is parsed by its own type."""
    if "\x00" in text:
        raise ValueError(_NUL)
    if spec.kind == "number":
        number = dali_float(text)
        if not math.isfinite(number):
            raise ValueError("must be a finite number")
        return number
    if spec.kind == "integer":
        if not _INTEGER.match(text):
            raise ValueError(f"{text!r} is not a whole number")
        return int(text)
    if spec.kind == "boolean":
        try:
            return _BOOLEANS[text.lower()]
        except KeyError:
            raise ValueError(f"{text!r} is neither true nor false") from None
    return text
