"""Collections and their releases, by name. Light to import: forms need it, what takes data in does not belong there."""

from __future__ import annotations

import re

from archive.models import Collection

DEFAULT_RELEASE = "r1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class UnusableName(Exception):
    """Neither a collection nor a release can have it; the message is for the curator."""


def check_names(collection: str, release: str) -> None:
    """Raises UnusableName for what cannot name a collection or a release."""
    for what, name in (("collection", collection), ("release", release)):
        if not _NAME.fullmatch(name):
            raise UnusableName(f"{name!r} cannot name a {what}: use letters, digits and -._ (at most 64)")
    # Identifiers compare collections without regard to case.
    other = Collection.objects.filter(name__iexact=collection).exclude(name=collection).first()
    if other is not None:
        raise UnusableName(f"the collection is called {other.name!r}; {collection!r} would get the same identifiers")
