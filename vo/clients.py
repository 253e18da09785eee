"""Where a request comes from: what limits of anonymous users are counted by."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str:
    """The address that a request came from, as the server or our own proxy saw it."""
    text = str(request.META.get("REMOTE_ADDR", ""))
    if settings.DISTILLER_TRUST_PROXY:
        # The last one is what our own proxy saw; those before it are what the client said.
        text = request.META.get("HTTP_X_FORWARDED_FOR", text).rpartition(",")[2].strip()
    return text


def network_address(request: HttpRequest) -> str:
    """The network address of a client, empty if unknown; of IPv6 the network: one client has all its addresses."""
    return _network(address(request))


@lru_cache(maxsize=1024)
def _network(text: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if found.version == 6:
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
