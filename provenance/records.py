"""What callers hand to the recorder: plain values that describe one activity and what it used and made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

AGENT_TYPES = frozenset({"Person", "Organization", "SoftwareAgent"})
ATTRIBUTED = frozenset(
    {"author", "contributor", "creator", "curator", "editor", "investigator", "provider", "publisher"}
)
"""Roles in which agents of an activity are responsible for what it generates (roles: ProvenanceDM 1.0 section 2.6)."""
SOFTWARE_ROLE = "software"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A dataset or value. `id` is the publisher DID for archive products, and stable for everything else."""

    id: str
    name: str = ""
    location: str = ""
    content_type: str = ""
    sha256: str = ""
    size: int | None = None
    value: str | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AgentRef:
    """`type` is one of `AGENT_TYPES`; `role` one of ProvenanceDM's (operator, creator, provider ...)."""

    id: str
    name: str
    type: str = "SoftwareAgent"
    role: str = "operator"


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter as it was used (defaults included); numbers in a form that round-trips."""

    value: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    datatype: str = "char"
    arraysize: str = ""
    xtype: str = ""
    default: str | None = None
    options: tuple[str, ...] = ()
    min: str | None = None
    max: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigFileRef:
    """A configuration file as it was used; `name` is its role."""

    name: str
    location: str = ""
    content_type: str = "text/plain"
    description: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """A role and its description, for the usage and generation descriptions of an activity description."""

    role: str
    description: str = ""
    type: str = "Main"
    content_type: str = ""
    multiplicity: str = "1"


@dataclass(frozen=True, slots=True)
class ActivityRecord:
    """One run of something. `used` and `generated` are (role, entity) pairs.

    `derivations` maps the id of a generated entity to the ids it was derived from; entities not named there are
    derived from everything used under a role whose description has type Main.
    """

    id: str
    name: str
    version: str
    start: datetime
    end: datetime
    type: str = "Analysis"
    subtype: str = ""
    description: str = ""
    docurl: str = ""
    status: str = "COMPLETED"
    comment: str = ""
    used: Sequence[tuple[str, EntityRef]] = ()
    generated: Sequence[tuple[str, EntityRef]] = ()
    agents: Sequence[AgentRef] = ()
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    config_files: Sequence[ConfigFileRef] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    usage: Sequence[Described] = ()
    generation: Sequence[Described] = ()
    derivations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    informed_by: Sequence[str] = ()
