"""The four kinds of error at the worker's border: the user's fault, fatal, transient, time-out.

A user sees the first in full; of the others a sentence, and the operator's log has the rest.
"""

from __future__ import annotations


class JobError(Exception):
    """A job cannot be completed. `message` is shown to the user."""

    kind = "fatal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UserJobError(JobError):
    """The parameters or the selected data do not allow the job; trying again as it is makes no sense."""


class FatalJobError(JobError):
    """The job failed for a reason on our side."""


class TransientJobError(JobError):
    """The job failed for a passing reason; the runtime may try again."""

    kind = "transient"


class JobTimeOut(JobError):
    """The job passed its execution duration."""
