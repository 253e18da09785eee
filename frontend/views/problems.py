"""Error pages for browsers; programs get one line of plain text. VO endpoints answer in their own forms."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from frontend.pages import page
from frontend.wording import sentence
from vo.errors import TransientFault, VOError

log = logging.getLogger(__name__)


def _answer(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    if "text/html" not in request.headers.get("Accept", ""):
        return HttpResponse(f"{title}\n", status=status, content_type="text/plain; charset=utf-8")
    return page(request, "problem.html", {"status": status, "title": title, "advice": advice}, status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """HTTP 400."""
    return _answer(request, 400, "The request cannot be read", "Check the address or the form that led here.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """HTTP 403."""
    return _answer(request, 403, "This is not open to you", "Signing in as someone who may see it may help.")


def forbidden_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """HTTP 403 for a form whose CSRF token is missing or old."""
    advice = "The form was too old, or cookies are switched off: go back, load the page again and send it once more."
    return _answer(request, 403, "The form could not be trusted", advice)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """HTTP 404."""
    given = exception.args[0] if exception.args and isinstance(exception.args[0], str) else ""
    advice = given or f"No page has the address {request.path}."
    return _answer(request, 404, "There is nothing here", advice)


def problem(request: HttpRequest, error: VOError) -> HttpResponse:
    """What a VO endpoint has to tell a browser."""
    titles = {400: "The request cannot be served", 403: "This is not open to you", 404: "There is nothing here"}
    title = titles.get(error.status, "This did not work")
    return page(
        request,
        "problem.html",
        {"status": error.status, "title": title, "advice": sentence(error.message)},
        error.status,
    )


class TellTransientFaults:
    """Middleware: a page whose query waited or took too long is HTTP 503, not a defect."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django's hook for what a view has not caught."""
        if not isinstance(exception, TransientFault):
            return None
        response = _answer(
            request, exception.status, "The archive is busy", f"Trying again later may help: {exception.message}."
        )
        if exception.retry_after is not None:
            response["Retry-After"] = str(exception.retry_after)
        return response


def server_error(request: HttpRequest) -> HttpResponse:
    """HTTP 500; the traceback is in the log. Never raises: a page that needs the database may be what has failed."""
    title, advice = "Something went wrong on our side", "The error has been logged. Trying again later may help."
    try:
        return _answer(request, 500, title, advice)
    except Exception:
        log.exception("the error page could not be made")
        return HttpResponse(f"{title}. {advice}\n", status=500, content_type="text/plain; charset=utf-8")
