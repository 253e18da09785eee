"""Every URL of the service."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from distiller.health import healthz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("api/", include("distiller.api")),
    path("uws/", include("uws.urls")),
    path("", include("tap.urls")),
    path("", include("archive.urls")),
    path("provenance/", include("provenance.urls")),
    path("", include("frontend.urls")),
]

handler400 = "frontend.views.problems.bad_request"
handler403 = "frontend.views.problems.forbidden"
handler404 = "frontend.views.problems.not_found"
handler500 = "frontend.views.problems.server_error"
