"""Asynchronous queries as a job type: declared like any other, served at /tap/async (TAP 1.1 section 2.2)."""

from __future__ import annotations

from pydantic import ConfigDict, model_validator

from tap.limits import limits_of, widest
from tap.registry import ANONYMOUS, Viewer
from tap.request import QueryRequest
from tap.uploads import part_names
from uws.jobtypes import JobType, OutputRole, UploadRole, register
from uws.parameters import JobParameters, param
from vo.dali import Parameters
from vo.errors import UsageFault

JOB_TYPE = "tap"
RESULT = "result"
"""The id that TAP 1.1 section 2.2 wants of the result."""


UPLOADS = "uploads"


class TapParameters(JobParameters):
    """The parameters of a query. They are texts, checked as those of a synchronous query are (`tap.request`)."""

    # The query as it was sent: errors are told by line and column.
    model_config = ConfigDict(str_strip_whitespace=False)

    QUERY: str | None = param(None, description="The query.", ucd="meta.code")
    LANG: str | None = param(None, description="Its language: ADQL, ADQL-2.0 or ADQL-2.1.")
    MAXREC: str | None = param(None, description="Most rows of the result.", ucd="meta.number")
    RESPONSEFORMAT: str | None = param(None, description="Format of the result: a media type or a short form.")
    FORMAT: str | None = param(None, description="The same under its older name.")
    UPLOAD: tuple[str, ...] = param((), description="Tables that come with the query.")

    def request(self, run_id: str = "", viewer: Viewer = ANONYMOUS) -> QueryRequest:
        """The query as asked for, within the viewer's limits. Raises UsageFault."""
        pairs = [(name, text) for name in type(self).model_fields for text in self._texts(name)]
        return QueryRequest.of(Parameters([*pairs, ("RUNID", run_id)] if run_id else pairs), viewer)

    def _texts(self, name: str) -> tuple[str, ...]:
        value = getattr(self, name)
        return () if value is None else value if isinstance(value, tuple) else (value,)

    @model_validator(mode="after")
    def _is_a_request(self) -> TapParameters:
        try:
            self.request()
        except UsageFault as fault:
            raise ValueError(fault.message) from None
        return self


def register_job_type() -> None:
    """Make the job type known to the workers and to /tap/async."""
    register(
        JobType(
            name=JOB_TYPE,
            version="1.1",
            title="Query",
            description="Answers a query of the archive's tables (TAP 1.1).",
            parameters=TapParameters,
            inputs=(),
            outputs=(OutputRole(RESULT, "result.vot", "application/x-votable+xml", "The rows of the answer"),),
            worker="tap.worker:run",
            warm_up="tap.worker:warm_up",
            software=("SQLAlchemy", "pyarrow"),
            activity_type="Query",
            execution_duration=widest().async_timeout,
            duration_of=lambda name, is_curator: limits_of(Viewer(name, is_curator)).async_timeout,
            deterministic=False,  # the tables change
            path="tap/async",
            checked_when_run=True,
            uploads=UploadRole(UPLOADS, "Tables that were sent along with the query", part_names),
        )
    )
