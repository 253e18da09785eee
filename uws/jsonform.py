"""UWS documents in JSON: the same names and structure as in XML (`uws.xml`), which they are made from.

Attributes and elements are members alike; `parameters` and `results` are lists of objects, a job list has the list
`jobref`; what is nil in XML is null.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_xml import BaseXmlModel

MEDIA_TYPE = "application/json"
_LISTS = {"parameters": "parameter", "results": "results"}
"""Elements that hold nothing but a list, and how the model calls it."""


def document(model: BaseXmlModel) -> bytes:
    """The document of a model of `uws.xml`."""
    return json.dumps(_plain(model.model_dump(mode="json", exclude_unset=True)), ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    # The xlink type is always "simple": it says how XML links, not what is linked.
    return {
        _camel(name): _plain(_unwrapped(name, item))
        for name, item in value.items()
        if name != "type" or "href" not in value
    }


def _unwrapped(name: str, value: Any) -> Any:
    inner = _LISTS.get(name)
    return value.get(inner, []) if inner is not None and isinstance(value, dict) else value


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
