"""Rendering of a page: what every page shows, and the headers that keep it to this host."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tap.registry import QueryContext, Viewer

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        # Plotly draws with style attributes and saves pictures through blob and data URLs.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


NAVIGATION = (("search", "Search"), ("query", "ADQL"), ("jobs", "Jobs"), ("provenance", "Provenance"), ("docs", "Docs"))


@cache
def version() -> str:
    """Version of this software: of the installed distribution, else of the checkout."""
    try:
        return metadata.version("distiller")
    except metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])


def base_url(request: HttpRequest) -> str:
    """Absolute URL of the service without a slash at the end: as configured, else as this client reached it."""
    return settings.DISTILLER_BASE_URL or request.build_absolute_uri("/").rstrip("/")


def query_context(request: HttpRequest) -> QueryContext:
    """Who asks, for queries that a page makes."""
    user = request.user
    viewer = Viewer(user.get_username(), user.is_staff) if user.is_authenticated else Viewer()
    return QueryContext(viewer, base_url(request))


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """The template as a whole page."""
    site = {"version": version(), "base_url": base_url(request), "nav": NAVIGATION}
    response = render(request, f"frontend/{template}", {"site": site, **(context or {})}, status=status)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Referrer-Policy"] = "same-origin"
    return response
