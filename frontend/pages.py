"""Rendering of a page: what every page shows, and the headers that keep it to this host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from vo.http import base_url
from vo.version import release

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


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """The template as a whole page."""
    site = {"version": release(), "base_url": base_url(request), "nav": NAVIGATION}
    response = render(request, f"frontend/{template}", {"site": site, **(context or {})}, status=status)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Referrer-Policy"] = "same-origin"
    return response
