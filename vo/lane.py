"""A lane for anonymous requests, which pass by Django's middleware.

Sessions, messages, static files and the checks of forms mean nothing to them, and cost as much as a short query does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.contrib.auth.models import AnonymousUser
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase

_FORM = "application/x-www-form-urlencoded"
_UNUSUAL = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_TRANSFER_ENCODING")

View = Callable[[WSGIRequest], HttpResponseBase]


class Lane:
    """WSGI middleware: anonymous requests to some views go to these at once, all others to the application.

    `views` are endpoints by path (`vo.http.vo_endpoint`, which answers whatever goes wrong), `headers` what Django's
    middleware would add to their answers. Whoever brings credentials or an upload is none of the lane's.
    """

    def __init__(
        self, application: WSGIApplication, views: Mapping[str, View], headers: Sequence[tuple[str, str]]
    ) -> None:
        self._application = application
        self._views = views
        self._headers = list(headers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view = self._views.get(environ.get("PATH_INFO", ""))
        if view is None or not _is_plain(environ):
            return self._application(environ, start_response)
        request = WSGIRequest(environ)
        request.user = AnonymousUser()
        response = view(request)
        headers = [*response.items(), *self._headers]
        status = f"{response.status_code} {response.reason_phrase}"
        if response.streaming:
            start_response(status, headers)
            return cast(Iterable[bytes], response)
        content = cast(HttpResponse, response).content
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [content]


def _is_plain(environ: WSGIEnvironment) -> bool:
    method = environ["REQUEST_METHOD"]
    is_query = method == "GET" or (
        method == "POST" and environ.get("CONTENT_TYPE") == _FORM and bool(environ.get("CONTENT_LENGTH"))
    )
    return is_query and not environ.get("SCRIPT_NAME") and not any(name in environ for name in _UNUSUAL)
