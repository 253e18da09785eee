"""Cut-outs in the process of their job: a result for each observation, or one archive of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archive.soda.cutout import Cutout, Nothing
from archive.soda.datasets import datasets
from archive.soda.jobs import RESULT, SodaParameters
from archive.soda.parameters import MEDIA_TYPES, CutoutRequest
from tap.registry import Viewer
from uws.context import JobContext
from uws.errors import FatalJobError
from vo.errors import FatalFault, UsageFault, VOError
from vo.http import soda_text


def run(context: JobContext) -> None:
    """Write one result for each observation, or one of all where an archive is asked for (SODA 1.0 section 6).

    What fails has a text in its place that says why.
    """
    parameters = context.parameters
    if not isinstance(parameters, SodaParameters):
        raise TypeError(f"a cut-out has SodaParameters, not {type(parameters).__name__}")
    asked = parameters.request()
    viewer = Viewer(context.origin.owner, context.origin.is_curator)
    whole = asked.form in ("zip", "tar")
    parts = [asked] if whole else [replace(asked, ids=(identifier,)) for identifier in asked.ids]
    for number, part in enumerate(parts, 1):
        context.progress(f"Cutting out {number} of {len(parts)}", (number - 1) / len(parts))
        path, media_type = _written(context, part, viewer, number)
        context.output(f"{RESULT}-{number}", path, media_type)


def _written(context: JobContext, part: CutoutRequest, viewer: Viewer, number: int) -> tuple[Path, str]:
    """The file of a result and its media type."""
    try:
        cutout = Cutout(part, datasets(part.ids, viewer), context.origin.base_url, context.job_id)
        cutout.check_size(viewer, None)
        cutout.check_overlap()
        path = context.workdir / f"{number}_{cutout.filename}"
        with path.open("wb") as file:
            file.writelines(cutout.pieces())
        return path, MEDIA_TYPES[cutout.form]
    except FatalFault as fault:
        raise FatalJobError(fault.message) from fault
    except Nothing as nothing:
        error: VOError = UsageFault(str(nothing))
    except VOError as fault:
        error = fault
    path = context.workdir / f"{number}_error.txt"
    path.write_text(soda_text(error), encoding="utf-8")
    return path, "text/plain"
