"""Publisher identifiers of products: `ivo://<authority>/<collection>?<release>/<obs_id>[/<part>]`.

IVOA Identifiers 2.0: authority and path compare without regard to case, the part after `?` is the archive's own and
is compared exactly.
"""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings


def make_did(collection: str, release: str, obs_id: str, part: str = "") -> str:
    """The identifier of the main product of an observation, or of a named part of it."""
    local = f"{release}/{obs_id}" + (f"/{part}" if part else "")
    return f"ivo://{settings.DISTILLER_AUTHORITY}/{collection}?{quote(local, safe='/-._~+:')}"


def encoded(did: str) -> str:
    """The identifier as the value of a parameter in a query string."""
    return quote(did, safe="")


def split_did(text: str) -> tuple[str, str] | None:
    """(collection, local part) of an identifier of this archive, None for anything else."""
    registry_part, question_mark, local = text.strip().partition("?")
    scheme, _, rest = registry_part.partition("://")
    authority, _, collection = rest.partition("/")
    if scheme.lower() != "ivo" or not question_mark or not collection or not local:
        return None
    if authority.lower() != settings.DISTILLER_AUTHORITY.lower():
        return None
    return collection, local
