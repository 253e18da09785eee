"""What the SODA service declares (SODA 1.0 section 2.5)."""

from __future__ import annotations

from vo.vosi import Capability, capabilities

SYNC_STANDARD = "ivo://ivoa.net/std/SODA#sync-1.0"
ASYNC_STANDARD = "ivo://ivoa.net/std/SODA#async-1.0"


def sync_url(base_url: str) -> str:
    """Where events are cut out at once."""
    return f"{base_url}/soda/sync"


def async_url(base_url: str) -> str:
    """Where jobs are made that cut out more."""
    return f"{base_url}/soda/async"


def document(base_url: str) -> bytes:
    """The capabilities document (VOSI 1.1 section 3.1)."""
    service = f"{base_url}/soda"
    return capabilities(
        [
            Capability(SYNC_STANDARD, sync_url(base_url), signing_in=True),
            Capability(ASYNC_STANDARD, async_url(base_url), signing_in=True),
            Capability("ivo://ivoa.net/std/VOSI#capabilities", f"{service}/capabilities"),
            Capability("ivo://ivoa.net/std/VOSI#availability", f"{service}/availability"),
            Capability("ivo://ivoa.net/std/DALI#examples", f"{service}/examples", version="1.1"),
        ]
    )
