"""Cut-outs as jobs: declared like any other job type, served at /soda/async (SODA 1.0 section 6)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import model_validator

from archive import lookup
from archive.inputs import input_files
from archive.policy import POLICY
from archive.soda.cutout import SOFTWARE
from archive.soda.datasets import SUBTYPES
from archive.soda.parameters import PARAMETERS, CutoutRequest
from tap.registry import Viewer
from uws.context import InputFile
from uws.jobtypes import InputRole, JobType, OutputRole, Owner, register, register_resolver
from uws.parameters import JobParameters, param
from vo.dali import Parameters
from vo.errors import UsageFault

JOB_TYPE = "soda"
RESULT = "result"
INPUTS = "observations"
_DESCRIPTIONS = {column.name: column.description for column in PARAMETERS}
_UNITS = {column.name: (column.unit, column.ucd) for column in PARAMETERS}


def _texts(name: str) -> tuple[str, ...]:
    unit, ucd = _UNITS[name]
    field: tuple[str, ...] = param((), description=_DESCRIPTIONS[name], unit=unit, ucd=ucd)
    return field


class SodaParameters(JobParameters):
    """The parameters of a cut-out. They are texts, checked as those of a synchronous request are."""

    ID: tuple[str, ...] = _texts("ID")
    POS: tuple[str, ...] = _texts("POS")
    CIRCLE: tuple[str, ...] = _texts("CIRCLE")
    POLYGON: tuple[str, ...] = _texts("POLYGON")
    MOC: tuple[str, ...] = _texts("MOC")
    BAND: tuple[str, ...] = _texts("BAND")
    ENERGY: tuple[str, ...] = _texts("ENERGY")
    TIME: tuple[str, ...] = _texts("TIME")
    EVENT_TYPE: tuple[str, ...] = _texts("EVENT_TYPE")
    IRFS: tuple[str, ...] = _texts("IRFS")
    RESPONSEFORMAT: tuple[str, ...] = _texts("RESPONSEFORMAT")

    def request(self) -> CutoutRequest:
        """What is asked for. Raises UsageFault."""
        names = type(self).model_fields
        return CutoutRequest.of(Parameters([(name, text) for name in names for text in getattr(self, name)]))

    @model_validator(mode="after")
    def _is_a_request(self) -> SodaParameters:
        try:
            self.request()
        except UsageFault as fault:
            raise ValueError(fault.message) from None
        return self


def resolve(parameters: JobParameters, owner: Owner) -> Sequence[InputFile]:
    """The files of those observations that are there and that the owner may read.

    Of the others the job has to tell: each has a result of its own (section 6).
    """
    assert isinstance(parameters, SodaParameters)
    viewer = Viewer(owner.name)
    found = lookup.products(parameters.request().ids, viewer).values()
    readable = [p for p in found if p.subtype in SUBTYPES and p.observation is not None and POLICY.may_read(p, viewer)]
    return input_files(list({product.pk: product for product in readable}.values()))


def register_job_type() -> None:
    """Make the job type known to the workers and to /soda/async."""
    register_resolver(JOB_TYPE, resolve)
    register(
        JobType(
            name=JOB_TYPE,
            version="1.0",
            title="Cut-out of events",
            description="Cuts events out of observations (SODA 1.0).",
            parameters=SodaParameters,
            inputs=(InputRole(INPUTS, "Observations that events are cut out of", JOB_TYPE),),
            outputs=(
                OutputRole(
                    RESULT,
                    "result",
                    "application/fits",
                    "The events of an observation, of all, or why there are none",
                    "event-list",
                    required=False,
                    multiple=True,
                ),
            ),
            worker="archive.soda.worker:run",
            software=SOFTWARE,
            activity_type="Selection",
            path="soda/async",
            checked_when_run=True,
            deterministic=False,  # what is too much, and told so in a result, depends on who asks
            execution_duration=3600,
        )
    )
