"""An asynchronous query in the process of its job: the result document is written to a file."""

from __future__ import annotations

from contextlib import closing

from tap.jobs import RESULT, TapParameters
from tap.limits import limits_of
from tap.registry import QueryContext, Viewer
from tap.results import document
from tap.service import prepare
from tap.uploads.receive import receive
from uws.context import JobContext
from uws.errors import FatalJobError, UserJobError
from vo.errors import FatalFault, UsageFault, VOError

_EXTENSIONS = {"votable": "vot"}
"""File name extensions of formats that are not called by them."""


def run(context: JobContext) -> None:
    """Answer the query with the rights of the job's owner (TAP 1.1 section 2.2).

    Whatever is wrong with it, and a statement that takes too long, ends the job in words for its owner.
    """
    parameters, origin = context.parameters, context.origin
    if not isinstance(parameters, TapParameters):
        raise TypeError(f"a query has TapParameters, not {type(parameters).__name__}")
    try:
        viewer = Viewer(origin.owner, origin.is_curator)
        asked = parameters.request(origin.run_id, viewer)
        path = context.workdir / f"result.{_EXTENSIONS.get(asked.format.kind, asked.format.kind)}"
        context_of_query = QueryContext(viewer, origin.base_url)
        query = prepare(asked.query, context_of_query, uploads=receive(asked.uploads, _no_part, viewer))
        context.progress("Querying", 0.0)
        service, seconds = f"{origin.base_url}/tap", limits_of(viewer).async_timeout
        with path.open("wb") as file, closing(document(query, asked, service, seconds, strict=True)) as pieces:
            file.writelines(pieces)
    except FatalFault as fault:
        raise FatalJobError(fault.message) from fault
    except VOError as error:
        raise UserJobError(error.message) from None
    context.output(RESULT, path, asked.format.content_type)


def _no_part(name: str) -> None:
    raise UsageFault("tables sent along with a query are taken at /tap/sync only; give the URL of the table here")
