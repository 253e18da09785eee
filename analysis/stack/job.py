"""Declaration of the job type `stack`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from analysis.onoff.parameters import MEMORY, OnOffParameters
from analysis.selection import ON_OFF_OBSERVATIONS
from analysis.stack.groups import Group, group, text_of
from uws.jobtypes import JobType, OutputRole
from uws.parameters import param

MAX_GROUPS = 20
GroupText = Annotated[str, AfterValidator(lambda text: text_of(group(text)))]


class StackParameters(OnOffParameters):
    """Parameters of a comparison of stacked spectra."""

    group: tuple[GroupText, ...] = param(
        (),
        label="Groups",
        description="What is compared, at least two: `NAME: obs_id 23523 23526` (a source), "
        "`NAME: time 53340 53346` (a period, MJD UTC) or `NAME: position 83.63 22.01` (degrees, ICRS), repeatable; "
        "conditions of one group are joined by semicolons. Each group takes from the observations selected those that "
        "it names and the time that it gives; observations named in groups need not be named above.",
        group="Groups",
        max_length=MAX_GROUPS,
    )
    flux_points_per_decade: int = param(
        3,
        label="Flux points per decade",
        description="Flux points per decade of energy, of each group.",
        ge=1,
        le=10,
        group="Spectrum",
        advanced=True,
    )

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(map(group, self.group))

    @model_validator(mode="before")
    @classmethod
    def _named_in_groups(cls, values: Any) -> Any:
        """Observations that groups name are selected, unless a list or a circle is what they are chosen from."""
        if not isinstance(values, dict) or values.get("circle") or values.get("obs_list"):
            return values
        try:
            named = [obs_id for text in values.get("group") or () for obs_id in group(text).obs_ids]
        except ValueError:
            return values  # told with the parameter `group`
        return {**values, "obs_id": tuple(dict.fromkeys([*(values.get("obs_id") or ()), *named]))}

    @model_validator(mode="after")
    def _comparable(self) -> StackParameters:
        names = [found.name for found in self.groups]
        if len(names) < 2:
            raise ValueError(f"a comparison takes at least two groups, not {len(names)}")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two groups are named {twice[0]!r}")
        return self


JOB = JobType(
    name="stack",
    version="1.1",
    title="Stacked spectra compared",
    description="Stacked spectra of several sources or periods, their fitted parameters side by side, and the "
    "likelihood-ratio tests whether they agree in shape, and in shape and flux.",
    parameters=StackParameters,
    inputs=(ON_OFF_OBSERVATIONS,),
    outputs=(
        OutputRole("comparison", "comparison.fits", "application/fits", "Fitted parameters of the groups", "table"),
        OutputRole("comparison_table", "comparison.ecsv", "text/plain", "The same table as text (ECSV)"),
        OutputRole("summary", "summary.json", "application/json", "Fits with covariances, tests and counts"),
        OutputRole("flux_points", "flux_points.fits", "application/fits", "Flux points of each group (GADF sed)"),
        OutputRole("models", "models.yaml", "application/yaml", "Fitted models (gammapy)"),
        OutputRole("plot", "comparison.png", "image/png", "Picture of the spectra", "preview-plot"),
        OutputRole("plot_data", "plot.json", "application/json", "Flux points and fitted bands for interactive plots"),
    ),
    worker="analysis.stack.worker:run",
    warm_up="analysis.stack.worker:warm_up",
    software=("gammapy", "astropy", "numpy", "scipy", "regions"),
    execution_duration=3600,
    memory=MEMORY,
)
