"""Which content coding a client wants: `Accept-Encoding` (RFC 9110 section 12.5.3)."""

from __future__ import annotations

import re

_MEMBER = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)
_GZIP = ("gzip", "x-gzip")


def prefers_gzip(accept_encoding: str | None) -> bool:
    """Whether gzip is to be sent rather than plain bytes; without the header plain bytes are.

    A client that takes both alike gets gzip. Members of the list that cannot be read are passed over.
    """
    weights: dict[str, float] = {}
    for member in (accept_encoding or "").split(","):
        match = _MEMBER.fullmatch(member)
        if match:
            weights[match[1].lower()] = min(1.0, float(match[2] or 1))
    anything = weights.get("*")
    gzip = max((weights[name] for name in _GZIP if name in weights), default=anything or 0.0)
    plain = weights.get("identity", anything if anything == 0 else None)
    return gzip > 0 and (plain is None or gzip >= plain)
