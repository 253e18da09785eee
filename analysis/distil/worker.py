"""The job `distil`: select, write the bundle, count, and draw what was selected."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy.table import Table

from analysis.distil.job import JOB, DistilParameters
from analysis.distil.plot import event_figure
from analysis.distil.sketch import Sketch, sketch
from analysis.outputs import title, write_ecsv, write_json, write_png
from analysis.progress import Stage
from events.distillation import Distillation, Origin
from events.errors import Undistillable
from events.inputs import source_of
from events.store import EventStore
from uws.context import InputFile, JobContext
from uws.errors import UserJobError
from uws.values import to_texts
from vo.version import version

_FORMS = {
    "zip": ("events.zip", "application/zip"),
    "tar": ("events.tar", "application/x-tar"),
    "merged": ("events.fits", "application/fits"),
}


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(DistilParameters, context.parameters)
    files = context.inputs["observations"]
    try:
        drawn, told = _distil(context, parameters, files)
    except Undistillable as error:
        raise UserJobError(_sentence(str(error))) from None
    context.progress("Drawing", 0.9)
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs if role.name != "bundle"}
    write_ecsv(paths["counts"], counts_table(files, drawn), context, JOB)
    write_json(paths["summary"], summary(files, drawn, parameters))
    write_png(event_figure(drawn, parameters.regions, title(files, "Events")), paths["plot"])
    for role, path in paths.items():
        context.output(role, path)
    context.progress(told, 1.0)


def warm_up() -> None:
    """Import all there is to import and draw an empty picture."""
    event_figure(Sketch(), (), "Warm-up").canvas.draw()


def _distil(context: JobContext, parameters: DistilParameters, files: Sequence[InputFile]) -> tuple[Sketch, str]:
    """Write the bundle; what it holds, and what the user is told of it."""
    store, limit = EventStore(Path(files[0].metadata["copies"])), int(files[0].metadata["most_bytes"])
    sources = [source_of(file) for file in files]
    selection = parameters.selection()
    distillation = Distillation(
        store, sources, selection, responses=parameters.irfs, origin=_origin(context, parameters)
    )
    size = distillation.estimate().size
    if size > limit:
        raise UserJobError(
            f"The result may have {-(-size // 2**20)} MiB, and {limit // 2**20} MiB is the limit: select less."
        )
    stage = Stage(context, 0.0, 0.3)
    drawn = sketch(store, sources, selection, lambda n: stage.step(n, len(sources), f"Selecting {sources[n].obs_id}"))
    context.progress(f"Writing {drawn.selected} events", 0.3)
    name, media_type = _FORMS[parameters.form]
    path = context.workdir / name
    with path.open("wb") as file:
        file.writelines(distillation.merged() if parameters.form == "merged" else distillation.archive(parameters.form))
    context.output("bundle", path, media_type)
    return drawn, _told(drawn, len(files))


def _origin(context: JobContext, parameters: DistilParameters) -> Origin:
    given = {name: "; ".join(texts) for name, texts in to_texts(parameters).items() if texts}
    return Origin(
        title=JOB.title,
        parameters=given,
        base_url=context.origin.base_url,
        activity=context.job_id,
        software={"distiller": version(), **{name: metadata.version(name) for name in JOB.software}},
    )


def _told(drawn: Sketch, observations: int) -> str:
    runs = f"{observations} observation{'s' if observations > 1 else ''}"
    if not drawn.selected:
        return f"No event of {runs} is in the selection: the bundle is valid and empty"
    return f"{drawn.selected} of {drawn.total} events of {runs}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def counts_table(files: Sequence[InputFile], drawn: Sketch) -> Table:
    """Events of each observation: selected, and in all."""
    return Table(
        {
            "obs_id": [str(file.metadata.get("obs_id", "")) for file in files],
            "obs_publisher_did": [file.id for file in files],
            "events": np.array(drawn.selected_of, dtype=np.int64),
            "events_all": np.array(drawn.total_of, dtype=np.int64),
        }
    )


def summary(files: Sequence[InputFile], drawn: Sketch, parameters: DistilParameters) -> dict[str, Any]:
    """Numbers for programs and for the job's page."""
    return {
        "events": drawn.selected,
        "events_all": drawn.total,
        "observations": len(files),
        "observations_with_events": sum(count > 0 for count in drawn.selected_of),
        "selection": parameters.selection().canonical(),
        "responses": parameters.irfs,
        "form": parameters.form,
        "obs_ids": [str(file.metadata.get("obs_id", file.id)) for file in files],
    }
