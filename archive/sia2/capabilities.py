"""What the image service declares: its capability, and its description of itself in every result."""

from __future__ import annotations

from archive.obscore.columns import OBSCORE
from archive.sia2.parameters import PARAMETERS
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.vosi import Capability, capabilities

STANDARD_ID = "ivo://ivoa.net/std/SIA#query-2.0"


def url(base_url: str) -> str:
    """Where images are asked for."""
    return f"{base_url}/sia2/query"


def capability(base_url: str) -> Capability:
    """The image service as its VOSI endpoint and a registry record show it (SIA 2.0 section 2.3)."""
    return Capability(STANDARD_ID, url(base_url), version="2.0", signing_in=True)


def document(base_url: str) -> bytes:
    """The capabilities document (VOSI 1.1 section 3.1)."""
    service = f"{base_url}/sia2"
    return capabilities(
        [
            capability(base_url),
            Capability("ivo://ivoa.net/std/VOSI#capabilities", f"{service}/capabilities"),
            Capability("ivo://ivoa.net/std/VOSI#availability", f"{service}/availability"),
            Capability("ivo://ivoa.net/std/VOSI#tables-1.1", f"{base_url}/tap/tables/{OBSCORE.name}", version="1.1"),
        ]
    )


def self_descriptor(base_url: str) -> ServiceDescriptor:
    """The service describing itself (SIA 2.0 section 3.1.2)."""
    more = (
        ColumnMeta("MAXREC", "int", description="Most rows of the answer"),
        ColumnMeta("RESPONSEFORMAT", "char", "*", description="Format of the answer"),
    )
    return ServiceDescriptor(
        id="this",
        name="this",
        params=(("standardID", STANDARD_ID), ("accessURL", url(base_url))),
        inputs=tuple((column, None) for column in (*(p.column for p in PARAMETERS), *more)),
        description="This service",
        options={p.name: p.options for p in PARAMETERS if p.options},
    )
