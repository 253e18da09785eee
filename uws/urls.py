"""URLs of the job lists, under /uws. Every one works with and without a slash at its end."""

from __future__ import annotations

from django.urls import re_path
from django.urls.resolvers import URLPattern

from uws import views
from vo.http import View

_JOB = r"(?P<type_name>[A-Za-z0-9_-]+)/(?P<job_id>[A-Za-z0-9_-]+)"


def _of_job(resource: str, view: View, name: str) -> URLPattern:
    return re_path(rf"^{_JOB}/{resource}/?$", view, name=name)


app_name = "uws"
urlpatterns = [
    re_path(r"^(?P<type_name>[A-Za-z0-9_-]+)/?$", views.job_list, name="list"),
    re_path(rf"^{_JOB}/?$", views.job, name="job"),
    _of_job("phase", views.phase, "phase"),
    _of_job("executionduration", views.execution_duration, "executionduration"),
    _of_job("destruction", views.destruction, "destruction"),
    _of_job("quote", views.quote, "quote"),
    _of_job("owner", views.owner, "owner"),
    _of_job("error", views.error, "error"),
    _of_job("parameters", views.parameters, "parameters"),
    _of_job("parameters/(?P<name>[A-Za-z0-9_-]+)", views.parameter, "parameter"),
    _of_job("results", views.results, "results"),
    _of_job("results/(?P<name>[A-Za-z0-9_-]+)", views.result, "result"),
]
