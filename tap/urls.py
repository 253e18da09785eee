"""URLs of the TAP service, each with and without a slash at its end (no redirect: it would lose a POST)."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from tap import views
from tap.jobs import JOB_TYPE
from tap.scs import views as scs
from uws.urls import job_list_urls


def _cone_search_urls(path: str, name: str) -> list[URLPattern]:
    return [
        re_path(rf"{path}/?$", scs.search, name=name),
        re_path(rf"{path}/capabilities/?$", scs.capabilities, name=f"{name}-capabilities"),
        re_path(rf"{path}/availability/?$", scs.availability, name=f"{name}-availability"),
    ]


urlpatterns = [
    re_path(r"^tap/?$", views.index, name="tap"),
    re_path(r"^tap/sync/?$", views.sync, name="tap-sync"),
    *job_list_urls("tap/async", JOB_TYPE, "tap-async-"),
    re_path(r"^tap/tables/?$", views.tables, name="tap-tables"),
    re_path(r"^tap/tables/(?P<name>[^/]+)/?$", views.tables, name="tap-table"),
    re_path(r"^tap/capabilities/?$", views.capabilities, name="tap-capabilities"),
    re_path(r"^tap/availability/?$", views.availability, name="tap-availability"),
    re_path(r"^tap/examples/?$", views.examples, name="tap-examples"),
    re_path(r"^tap/.*$", views.missing),
    *_cone_search_urls(r"^scs", "scs"),
    *_cone_search_urls(r"^scs/(?P<name>[^/]+)", "scs-table"),
    re_path(r"^scs/.*$", views.missing),
]
