"""A lane for anonymous requests, which pass by Django's middleware.

Sessions, messages, static files and the checks of forms mean nothing to them, and cost as much as a short query does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
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
        try:
            request.get_host()
        except DisallowedHost:
            return self._application(environ, start_response)
        request.user = AnonymousUser()
        response = view(request)
        headers = joined(response.items(), self._headers)
        status = f"{response.status_code} {response.reason_phrase}"
        if response.streaming:
            start_response(status, headers)
            return _streamed(response, environ)
        content = cast(HttpResponse, response).content
        if not response.has_header("Content-Length"):
            headers.append(("Content-Length", str(len(content))))
        start_response(status, headers)
        return [content]


def joined(headers: Iterable[tuple[str, str]], added: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer and those that are added to all; what it varies by is added up."""
    found = dict(headers)
    for name, value in added:
        before = found.get(name)
        found[name] = f"{before}, {value}" if before and name == "Vary" else value
    return list(found.items())


def _streamed(response: HttpResponseBase, environ: WSGIEnvironment) -> Iterable[bytes]:
    """The pieces of an answer, or a file that the server sends by itself (PEP 3333, `wsgi.file_wrapper`)."""
    file: Any = getattr(response, "file_to_stream", None)
    wrapper = environ.get("wsgi.file_wrapper")
    if file is None or wrapper is None:
        return cast(Iterable[bytes], response)
    file.close = response.close
    return cast(Iterable[bytes], wrapper(file, response.block_size))  # type: ignore[attr-defined]


def _is_plain(environ: WSGIEnvironment) -> bool:
    method = environ["REQUEST_METHOD"]
    is_query = method == "GET" or (
        method == "POST" and environ.get("CONTENT_TYPE") == _FORM and bool(environ.get("CONTENT_LENGTH"))
    )
    return is_query and not environ.get("SCRIPT_NAME") and not any(name in environ for name in _UNUSUAL)
