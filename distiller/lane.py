"""Which requests pass by Django's middleware (`vo.lane`), and what that would have added to their answers."""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from archive.retrieval.views import retrieve
from tap.views import sync
from vo.lane import Lane

VIEWS = {"/tap/sync": sync, "/retrieve": retrieve}
HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("Vary", "Cookie"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def with_lane(application: WSGIApplication) -> Lane:
    """The application with the lane in front of it."""
    return Lane(application, VIEWS, HEADERS)
