"""The fields of a parameter model as forms, descriptors and documentation show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["text", "integer", "number", "boolean", "choice", "interval", "circle", "position"]
_XTYPE_KINDS: dict[str, Kind] = {"interval": "interval", "circle": "circle", "point": "position"}
_NUMBERS_OF_KIND = {"interval": 2, "circle": 3, "position": 2}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One parameter. `multiple`: it may be given several times; `default` is DALI text, empty for none.

    `minimum` and `maximum` are the declared bounds as text; `above` and `below` say that the bound itself is excluded.
    `unordered`: order and repetitions of several values do not matter.
    """

    name: str
    label: str
    help: str
    kind: Kind
    multiple: bool = False
    unit: str = ""
    ucd: str = ""
    xtype: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    group: str = ""
    advanced: bool = False
    lines: bool = False
    required: bool = False
    minimum: str | None = None
    maximum: str | None = None
    above: bool = False
    below: bool = False
    unordered: bool = False

    @property
    def datatype(self) -> str:
        """VOTable datatype of one value."""
        return {"integer": "int", "boolean": "boolean", "text": "char", "choice": "char"}.get(self.kind, "double")

    @property
    def arraysize(self) -> str | None:
        """VOTable arraysize of one value; None for a scalar."""
        if self.datatype == "char":
            return "*"
        count = _NUMBERS_OF_KIND.get(self.kind)
        return None if count is None else str(count)


@cache
def fields(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """The fields of a parameter model in the order of their declaration."""
    return tuple(_spec(name, info) for name, info in model.model_fields.items())


def number_text(value: float) -> str:
    """A number as DALI 1.1 section 3.3.1 writes it, in a form that round-trips."""
    if isinstance(value, float) and math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return repr(value)


def value_text(value: Any) -> str:
    """One value as DALI text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(number_text(v) for v in value)
    return str(value)


def _strip(annotation: Any) -> tuple[Any, bool]:
    """The type within Optional and Annotated, and whether it is repeatable (`tuple[T, ...]`)."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _strip(get_args(annotation)[0])
    if origin in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not NoneType]
        if len(inner) == 1:
            return _strip(inner[0])
    if origin is tuple and get_args(annotation)[-1] is Ellipsis:
        return _strip(get_args(annotation)[0])[0], True
    return annotation, False


def _kind(name: str, inner: Any, xtype: str) -> Kind:
    if get_origin(inner) is Literal:
        return "choice"
    if xtype in _XTYPE_KINDS:
        return _XTYPE_KINDS[xtype]
    kinds: dict[Any, Kind] = {str: "text", bool: "boolean", int: "integer", float: "number"}
    try:
        return kinds[inner]
    except (KeyError, TypeError):
        raise TypeError(f"parameter {name}: no form, descriptor or DALI text is known for {inner!r}") from None


def _spec(name: str, info: FieldInfo) -> FieldSpec:
    inner, multiple = _strip(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    text = {key: str(extra.get(key) or "") for key in ("label", "unit", "ucd", "xtype", "group")}
    kind = _kind(name, inner, text["xtype"])
    default = info.get_default(call_default_factory=True, validated_data={}) if not info.is_required() else None
    bounds: dict[str, Any] = {}
    for constraint in info.metadata:
        if isinstance(constraint, Ge):
            bounds["minimum"] = value_text(constraint.ge)
        elif isinstance(constraint, Gt):
            bounds |= {"minimum": value_text(constraint.gt), "above": True}
        elif isinstance(constraint, Le):
            bounds["maximum"] = value_text(constraint.le)
        elif isinstance(constraint, Lt):
            bounds |= {"maximum": value_text(constraint.lt), "below": True}
    return FieldSpec(
        name=name,
        label=text["label"] or name.replace("_", " ").capitalize(),
        help=info.description or "",
        kind=kind,
        multiple=multiple,
        unit=text["unit"],
        ucd=text["ucd"],
        xtype=text["xtype"],
        default="" if default is None or default == () else value_text(default),
        choices=tuple(str(a) for a in get_args(inner)) if kind == "choice" else (),
        group=text["group"],
        advanced=bool(extra.get("advanced")),
        lines=bool(extra.get("lines")),
        required=info.is_required(),
        unordered=bool(extra.get("unordered")),
        **bounds,
    )
