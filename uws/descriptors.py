"""Job types as DataLink service descriptors: any client that knows DataLink can fill in and submit a job.

Source: DataLink 1.1 section 4. The job list is the service; `PHASE=RUN` among the inputs starts the job at once, which
the service takes by GET too: pyvo and TOPCAT know no other way.
"""

from __future__ import annotations

from uws.fields import FieldSpec, fields
from uws.jobtypes import JobType
from vo.columns import ColumnMeta, ServiceDescriptor

OBSERVATIONS = "obs_id"
"""The parameter that a product's identifier is the value of."""


def descriptor(job_type: JobType, base_url: str, column: str | None = None) -> ServiceDescriptor:
    """The descriptor of a job type; `column` is the column of the result with the identifier of the input data."""
    specs = fields(job_type.parameters)
    inputs = [(column_of(spec), column if spec.name == OBSERVATIONS else None) for spec in specs]
    inputs.append((ColumnMeta("PHASE", "char", "*", description="Start the job at once"), None))
    return ServiceDescriptor(
        id=f"job_{job_type.name}",
        params=(
            ("accessURL", f"{base_url.rstrip('/')}/uws/{job_type.name}"),
            ("contentType", "text/xml"),
        ),
        inputs=tuple(inputs),
        description=f"{job_type.title}: {job_type.description}",
        options={spec.name: spec.choices for spec in specs if spec.choices},
        values={"PHASE": "RUN"} | {s.name: s.default for s in specs if s.default and not _bound(s, column)},
        limits={s.name: (s.minimum, s.maximum) for s in specs if (s.minimum, s.maximum) != (None, None)},
    )


def column_of(spec: FieldSpec) -> ColumnMeta:
    """A parameter in VOTable's terms."""
    return ColumnMeta(
        spec.name, spec.datatype, spec.arraysize, spec.xtype or None, spec.unit or None, spec.ucd or None,
        description=spec.help,
    )  # fmt: skip


def _bound(spec: FieldSpec, column: str | None) -> bool:
    return column is not None and spec.name == OBSERVATIONS
