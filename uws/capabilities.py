"""The capabilities of a job list that stands for itself (VOSI 1.1 section 3.1; UWS 1.1 section 4)."""

from __future__ import annotations

from uws.jobtypes import JobType
from vo.vosi import Capability, capabilities

STANDARD_ID = "ivo://ivoa.net/std/UWS#rest-1.1"


def document(kind: JobType, base_url: str) -> bytes:
    """The capabilities document of the job list of that type."""
    url = f"{base_url}/{kind.location}"
    return capabilities(
        [
            Capability(STANDARD_ID, url, "base", "1.1", signing_in=True),
            Capability("ivo://ivoa.net/std/VOSI#capabilities", f"{url}/capabilities"),
        ]
    )
