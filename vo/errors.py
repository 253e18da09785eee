"""Errors that a client is told of: message, HTTP status and DataLink/DALI fault label.

Anything else that is raised is a defect: the client is told "internal error" with a reference and the log has the
traceback.
"""

from __future__ import annotations

import secrets


class VOError(Exception):
    """An error with a message meant for the client (one sentence, no text of the database)."""

    status = 500
    label = "FatalFault"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageFault(VOError):
    """The request cannot be served as it is; the client can correct it."""

    status = 400
    label = "UsageFault"


class MultiValuedFault(UsageFault):
    """A parameter that takes one value was given several."""


class NotFoundFault(VOError):
    status = 404
    label = "NotFoundFault"


class AuthenticationFault(VOError):
    status = 401
    label = "AuthenticationFault"


class AuthorizationFault(VOError):
    status = 403
    label = "AuthorizationFault"


class TransientFault(VOError):
    """The service cannot do it now; trying again later makes sense, after `retry_after` seconds if it is told."""

    status = 503
    label = "TransientFault"
    retry_after: int | None = 30


class OutageFault(TransientFault):
    """The database is away or busy (`vo.outages`): raise or report this in its place, and log what it said."""

    def __init__(self) -> None:
        super().__init__("the database of the service is away or busy; try again in half a minute")


class FatalFault(VOError):
    """The service failed for a reason that the client cannot change."""


class InternalFault(FatalFault):
    """A defect: raise or report this in its place, and log the traceback with the message, which has a reference."""

    def __init__(self) -> None:
        super().__init__(f"internal error, reference {secrets.token_hex(4).upper()}")
