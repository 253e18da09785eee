"""An asynchronous query in the process of its job: the result document is written to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing

from tap import outputs
from tap.jobs import RESULT, UPLOADS, TapParameters
from tap.limits import limits_of
from tap.registry import QueryContext, Viewer
from tap.results import document
from tap.service import prepare
from tap.uploads import Part, receive
from uws.context import InputFile, JobContext
from uws.errors import FatalJobError, UserJobError
from vo.errors import FatalFault, VOError

_EXTENSIONS = {"votable": "vot"}
"""File name extensions of formats that are not called by them."""


def warm_up() -> None:
    """Build the parser, which takes longer than most queries do; the processes of the jobs inherit it."""
    prepare("SELECT COUNT(*) AS n FROM tap_schema.tables WHERE table_name LIKE 'a%'", QueryContext(Viewer(), ""))


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
        path = context.workdir / _filename(asked.format.kind)
        tables = receive(asked.uploads, _parts(context.inputs.get(UPLOADS, ())), viewer)
        query = prepare(asked.query, QueryContext(viewer, origin.base_url), uploads=tables)
        context.progress("Querying", 0.0)
        service, seconds = f"{origin.base_url}/tap", limits_of(viewer).async_timeout
        with path.open("wb") as file, closing(document(query, asked, service, seconds, strict=True)) as pieces:
            file.writelines(pieces)
    except FatalFault as fault:
        raise FatalJobError(fault.message) from fault
    except VOError as error:
        raise UserJobError(error.message) from None
    context.output(RESULT, path, asked.format.content_type)


def _filename(kind: str) -> str:
    output = outputs.find(kind)
    return f"result.{_EXTENSIONS.get(kind, kind)}" if output is None else output.filename


def _parts(files: Iterable[InputFile]) -> Callable[[str], Part | None]:
    """Gives what was sent under a name."""
    found = {file.metadata["part"]: file for file in files}

    def find(name: str) -> Part | None:
        if name not in found:
            return None
        file = found[name]
        return Part(file.path.stat().st_size, file.path.read_bytes, file.media_type, file.metadata["filename"])

    return find
