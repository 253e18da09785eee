"""Who asks and from where: the context of a query, from a web request."""

from __future__ import annotations

from django.http import HttpRequest

from tap.registry import QueryContext, Viewer
from vo.clients import network_address
from vo.http import base_url


def viewer(request: HttpRequest) -> Viewer:
    """The signed-in user, or the anonymous viewer; staff are curators."""
    if request.user.is_authenticated:
        return Viewer(request.user.get_username(), is_curator=bool(request.user.is_staff))
    return Viewer()


def query_context(request: HttpRequest) -> QueryContext:
    asking = viewer(request)
    client = network_address(request) if asking.name is None else f"user {asking.name}"
    return QueryContext(asking, base_url(request), client)
