"""Signing in by the request itself, for programs: VO endpoints and the JSON interface take the header Authorization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.credentials import user_of
from vo import http, rest
from vo.errors import AuthorizationFault, VOError

_SAFE = ("GET", "HEAD", "OPTIONS")


class SignInByHeader:
    """Middleware: `request.user` is whom the header names; wrong credentials are refused in the form of the endpoint.

    Pages do not read the header: people sign in there, and a proxy in front of the service may have credentials of its
    own. A request that is signed in so needs no CSRF token: no page of another site can make a browser send a token.
    A browser that was told a password sends it along with requests of other sites' pages; those are refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        name = getattr(request, "signed_in_by_header", None)
        if name is not None and name.isascii() and name.isprintable():
            response["X-VO-Authenticated"] = name
        return response

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Django's hook before a view is called."""
        told = http.error_answer(view) or rest.error_answer(view)
        if told is None:
            return None
        try:
            user = user_of(request)
            if user is None:
                return None
            if request.method not in _SAFE and _is_of_another_site(request):
                raise AuthorizationFault("the request does not come from this site's own pages")
        except VOError as error:
            return told(request, error)
        request.user = user
        request.signed_in_by_header = user.get_username()  # type: ignore[attr-defined]
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return None


def _is_of_another_site(request: HttpRequest) -> bool:
    """Whether a browser sends this for a page of another site, with the password that it keeps."""
    if request.headers.get("Authorization", "")[:6].lower() != "basic ":
        return False
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc != request.get_host()
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
