"""Errors of the JSON interface: a VOError becomes its HTTP status and {"error": label, "detail": message}."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from vo.errors import InternalFault, OutageFault, VOError
from vo.http import add_headers, told

log = logging.getLogger(__name__)


def json_errors(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's EXCEPTION_HANDLER; an unforeseen error is logged and told by its reference."""
    known = exception_handler(error, context)
    if known is not None:
        return known
    fault = told(error)
    if isinstance(fault, InternalFault | OutageFault):
        log.error(fault.message, exc_info=error)
    response = Response(_body(fault), status=fault.status)
    add_headers(response, fault)
    return response


def error_answer(view: Callable[..., Any]) -> Callable[[HttpRequest, VOError], HttpResponse] | None:
    """How a view of the interface answers with an error that is found before it is called; None for other views."""
    kind = getattr(view, "cls", None)
    return _answer if isinstance(kind, type) and issubclass(kind, APIView) else None


def _answer(request: HttpRequest, error: VOError) -> HttpResponse:
    response = JsonResponse(_body(error), status=error.status)
    add_headers(response, error)
    return response


def _body(error: VOError) -> dict[str, str]:
    return {"error": error.label, "detail": error.message}
