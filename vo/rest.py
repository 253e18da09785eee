"""Errors of the JSON interface: a VOError becomes its HTTP status and {"error": label, "detail": message}."""

from __future__ import annotations

import logging
from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from vo.errors import InternalFault, VOError

log = logging.getLogger(__name__)


def json_errors(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's EXCEPTION_HANDLER; an unforeseen error is logged and told by its reference."""
    known = exception_handler(error, context)
    if known is not None:
        return known
    if not isinstance(error, VOError):
        fault = InternalFault()
        log.error(fault.message, exc_info=error)
        error = fault
    return Response({"error": error.label, "detail": error.message}, status=error.status)
