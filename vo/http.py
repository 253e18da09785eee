"""Endpoints of the Virtual Observatory in Django: an error is answered in the client's form, never as a page.

@vo_endpoint()  # DALI error VOTable
@vo_endpoint(errors=datalink_errors)  # the same, the message begins with its label (`UsageFault: ...`)
@vo_endpoint(errors=soda_errors)  # text/plain as SODA 1.0 section 5.2 has it
def view(request: HttpRequest) -> HttpResponseBase: ...
"""

from __future__ import annotations

import functools
import itertools
import logging
import socket
from collections.abc import Callable, Collection, Generator, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from vo.errors import (
    AuthenticationFault,
    AuthorizationFault,
    InternalFault,
    MultiValuedFault,
    NotFoundFault,
    OutageFault,
    TransientFault,
    UsageFault,
    VOError,
)
from vo.outages import will_pass
from vo.votable import MEDIA_TYPE, error_document

log = logging.getLogger(__name__)

CHALLENGE = 'Basic realm="Distiller", charset="UTF-8", Bearer realm="Distiller"'
"""What a refused program is told of how to sign in (RFC 9110 section 11.6.1)."""
ErrorForm = Callable[[HttpRequest, VOError], HttpResponse]
_SMALL = 64 * 1024
View = Callable[..., HttpResponseBase]

_SODA_LABELS: dict[type[VOError], str] = {
    UsageFault: "UsageError",
    MultiValuedFault: "MultiValuedParamNotSupported",
    NotFoundFault: "UsageError",
    AuthenticationFault: "AuthenticationError",
    AuthorizationFault: "AuthorizationError",
    TransientFault: "ServiceUnavailable",
}


class MethodNotAllowed(VOError):
    """The resource exists, the HTTP method is not for it."""

    status = 405
    label = "UsageFault"


def votable_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """A DALI error VOTable (DALI 1.1 section 4.2)."""
    return HttpResponse(error_document(error.message), content_type=MEDIA_TYPE, status=error.status)


def datalink_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """A DALI error VOTable whose message begins with the label of the fault (DataLink 1.1 section 3.4)."""
    message = f"{error.label}: {error.message}"
    return HttpResponse(error_document(message), content_type=MEDIA_TYPE, status=error.status)


def text_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """The message as plain text."""
    return HttpResponse(f"{error.message}\n", content_type="text/plain; charset=utf-8", status=error.status)


def labelled_text_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """The message as plain text that begins with the label of the fault (SIA 2.0 section 3.2)."""
    message = f"{error.label}: {error.message}\n"
    return HttpResponse(message, content_type="text/plain; charset=utf-8", status=error.status)


def soda_errors(request: HttpRequest, error: VOError) -> HttpResponse:
    """Plain text that begins with a label of SODA 1.0 section 5.2."""
    return HttpResponse(soda_text(error), content_type="text/plain; charset=utf-8", status=error.status)


def soda_text(error: VOError) -> str:
    """What SODA 1.0 sections 5.2 and 6 have told of an error."""
    label = next((_SODA_LABELS[kind] for kind in type(error).__mro__ if kind in _SODA_LABELS), "Error")
    return f"{label}: {error.message}\n"


def vo_endpoint(
    *, methods: Collection[str] = ("GET", "HEAD", "POST"), errors: ErrorForm = votable_errors, csrf: bool = False
) -> Callable[[View], View]:
    """Decorator of a view: errors become documents in the form that its clients read.

    A `VOError` is told as it is, a database that is away or busy as a fault that passes. Anything else is a defect: the
    client is told a reference, the log has the traceback.
    `csrf=False` exempts from Django's check, which is right where nothing but the request itself carries credentials or
    nothing is changed.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def endpoint(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    raise MethodNotAllowed(f"{request.method} is not for this URL; {', '.join(methods)} are")
                return view(request, *args, **kwargs)
            except Exception as caught:
                error = told(caught)
                if isinstance(error, InternalFault | OutageFault):
                    log.exception("%s: %s %s", error.message, request.method, request.path)
                return answer(request, error)

        def answer(request: HttpRequest, error: VOError) -> HttpResponse:
            response = errors(request, error)
            add_headers(response, error, methods)
            return response

        endpoint.error_answer = answer  # type: ignore[attr-defined]
        return endpoint if csrf else csrf_exempt(endpoint)

    return decorate


def error_answer(view: View) -> Callable[[HttpRequest, VOError], HttpResponse] | None:
    """How that view answers with an error, for what is found before it is called; None if it is no such endpoint."""
    return getattr(view, "error_answer", None)


def told(caught: Exception) -> VOError:
    """The error as the client is told of it."""
    if isinstance(caught, VOError):
        return caught
    if isinstance(caught, Http404):
        return NotFoundFault(str(caught) or "there is nothing at this URL")
    if isinstance(caught, PermissionDenied):
        return AuthorizationFault(str(caught) or "this is not allowed to you")
    if isinstance(caught, BadRequest | SuspiciousOperation):
        return UsageFault("the request cannot be read")
    return OutageFault() if will_pass(caught) else InternalFault()


def add_headers(response: HttpResponse, error: VOError, methods: Collection[str] = ()) -> None:
    """What belongs to an error besides its document; `methods` are those that the URL is for."""
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = ", ".join(methods)
    elif isinstance(error, AuthenticationFault):
        response["WWW-Authenticate"] = CHALLENGE
    elif isinstance(error, TransientFault) and error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)


def base_url(request: HttpRequest) -> str:
    """Absolute URL of the service as this client reaches it, without a slash at the end."""
    return settings.DISTILLER_BASE_URL or f"{request.scheme}://{request.get_host()}"


def departed(request: HttpRequest) -> Callable[[], bool] | None:
    """Tells whether the client has closed its connection; None where the server does not hand out its socket."""
    connection: socket.socket | None = request.META.get("gunicorn.socket")
    if connection is None:
        return None

    def has_departed() -> bool:
        try:
            return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    return has_departed


def streamed(chunks: Generator[bytes], content_type: str, length: int | None = None) -> HttpResponseBase:
    """An answer from a generator, sent as it comes; it gets a Content-Length where `length` is told or 64 KiB hold it.

    The generator is closed when the answer has been sent or the client has gone away.
    """
    first = b""
    while len(first) < _SMALL:
        piece = next(chunks, None)
        if piece is None:
            return HttpResponse(first, content_type=content_type)
        first += piece
    response = StreamingHttpResponse(_Pieces(first, chunks), content_type=content_type)
    if length is not None:
        response["Content-Length"] = str(length)
    return response


class _Pieces:
    """The first piece and the rest; closing it closes the rest even if nothing was sent (Django calls `close`)."""

    def __init__(self, first: bytes, rest: Generator[bytes]) -> None:
        self._pieces = itertools.chain([first], rest)
        self.close = rest.close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces
