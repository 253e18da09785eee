"""URLs of the job lists, under /uws. Every one works with and without a slash at its end."""

from __future__ import annotations

from django.urls import re_path
from django.urls.resolvers import URLPattern

from uws import views
from vo.http import View

_NAME = r"(?P<name>[A-Za-z0-9_-]+)"
_RESOURCES: tuple[tuple[str, View, str], ...] = (
    ("phase", views.phase, "phase"),
    ("executionduration", views.execution_duration, "executionduration"),
    ("destruction", views.destruction, "destruction"),
    ("quote", views.quote, "quote"),
    ("owner", views.owner, "owner"),
    ("error", views.error, "error"),
    ("parameters", views.parameters, "parameters"),
    (r"parameters/(?P<name>[^/]+)", views.parameter, "parameter"),
    ("results", views.results, "results"),
    (f"results/{_NAME}", views.result, "result"),
)


def job_list_urls(prefix: str, type_name: str | None = None, names: str = "") -> list[URLPattern]:
    """The URLs of a job list and of its jobs, at the regular expression `prefix`.

    It has a group `type_name`, unless the list is of one given type; the names of the URLs begin with `names`.
    """
    fixed = {} if type_name is None else {"type_name": type_name}
    job = rf"^{prefix}/(?P<job_id>[A-Za-z0-9_-]+)"
    return [
        re_path(rf"^{prefix}/?$", views.job_list, fixed, name=f"{names}list"),
        re_path(rf"{job}/?$", views.job, fixed, name=f"{names}job"),
        *(re_path(rf"{job}/{path}/?$", view, fixed, name=f"{names}{name}") for path, view, name in _RESOURCES),
    ]


app_name = "uws"
_TYPE = r"(?P<type_name>[A-Za-z0-9_-]+)"
urlpatterns = [
    re_path(rf"^{_TYPE}/capabilities/?$", views.capabilities, name="capabilities"),
    *job_list_urls(_TYPE),
]
