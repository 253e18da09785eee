"""Small pieces of XML text: escaping, characters that XML 1.0 cannot hold, and an element builder.

VOSI documents bind namespace prefixes that only occur in attribute values (`xsi:type="vs:ParamHTTP"`), which the
standard library's serialiser would drop; so the few documents of ours are put together here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
XSI = "http://www.w3.org/2001/XMLSchema-instance"

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile("[ !#-%'-;=?-~]*")
"""Text that stands as it is, in content and in attributes: most of what is written."""
_ATTRIBUTE = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def legal(text: str) -> str:
    """The text with U+FFFD in place of each character that XML 1.0 cannot hold (section 2.2 of XML 1.0)."""
    return _ILLEGAL.sub("\ufffd", text)


def content(text: str) -> str:
    """Text as element content."""
    return text if _PLAIN.fullmatch(text) else escape(legal(text), {"\r": "&#13;"})


def attributes(values: Mapping[str, str | None]) -> str:
    """Attributes with a leading space each; those that are None are left out."""
    return "".join([f' {name}="{_quoted(value)}"' for name, value in values.items() if value is not None])


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else escape(legal(text), _ATTRIBUTE)


def element(name: str, values: Mapping[str, str | None] | None = None, *children: str) -> str:
    """An element; the children are XML already (see `content` for text)."""
    start = f"<{name}{attributes(values or {})}"
    return f"{start}>{''.join(children)}</{name}>" if any(children) else f"{start}/>"


def text_element(name: str, text: str | None, values: Mapping[str, str | None] | None = None) -> str:
    """An element that holds text; nothing at all if the text is None or empty."""
    return element(name, values, content(text)) if text else ""
