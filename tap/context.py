"""Who asks and from where: the context of a query, from a web request."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from tap.registry import QueryContext, Viewer
from vo.http import base_url


def viewer(request: HttpRequest) -> Viewer:
    """The signed-in user, or the anonymous viewer; staff are curators."""
    if request.user.is_authenticated:
        return Viewer(request.user.get_username(), is_curator=bool(request.user.is_staff))
    return Viewer()


def query_context(request: HttpRequest) -> QueryContext:
    asking = viewer(request)
    return QueryContext(asking, base_url(request), _address(request) if asking.name is None else f"user {asking.name}")


def _address(request: HttpRequest) -> str:
    """The network address of a client; of IPv6 the network, since one client has all addresses of it."""
    text = str(request.META.get("REMOTE_ADDR", ""))
    if settings.DISTILLER_TRUST_PROXY:
        # The last one is what our own proxy saw; those before it are what the client said.
        text = request.META.get("HTTP_X_FORWARDED_FOR", text).rpartition(",")[2].strip()
    return _network(text)


@lru_cache(maxsize=1024)
def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if address.version == 6:
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)
