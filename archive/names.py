"""Names to positions: the archive's own targets first, then Sesame.

    resolve("Crab Nebula")      # Resolved("Crab Nebula", 83.633, 22.014, "archive")

Raises vo.errors: UsageFault for a name that nobody knows, TransientFault when Sesame could not be asked.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element, ParseError

import urllib3
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.conf import settings

from vo.errors import TransientFault, UsageFault
from vo.regions import separation

_SAME_PLACE = 0.2
"""deg; targets of one name within this are one target."""
_SHORTEST_PREFIX = 3
_ANSWER_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """A position (ICRS deg) under its name; `source` is "archive" or "Sesame"."""

    name: str
    ra: float
    dec: float
    source: str


def target_key(name: str) -> str:
    """A target's name without regard to case, blanks and underscores."""
    return re.sub(r"[\s_]+", "", name).casefold()


def resolve(name: str) -> Resolved:
    """The position of a target. Raises UsageFault or TransientFault with a sentence for the user."""
    wanted = " ".join(name.split())
    if not wanted:
        raise UsageFault("give the name of a target")
    if len(wanted) > 100:
        raise UsageFault("the name of a target has at most 100 characters")
    targets = _targets()
    found = _own(target_key(wanted), targets)
    if found is not None:
        return found
    hint = _hint(wanted, targets)
    if not settings.DISTILLER_SESAME_URL:
        raise UsageFault(f"this archive has no target named {wanted!r}{hint}")
    try:
        element = _ask_sesame(wanted)
    except (urllib3.exceptions.HTTPError, ParseError, DefusedXmlException, ValueError):
        raise TransientFault(
            f"there is no target named {wanted!r} here{hint}, and the name resolver Sesame could not be reached; "
            "give a position instead, or try again later"
        ) from None
    if element is None:
        raise UsageFault(f"neither this archive nor Sesame knows a target named {wanted!r}{hint}")
    return element


def known_targets() -> list[Resolved]:
    """The archive's targets that have a position, by name."""
    return sorted((t for _, t in _targets()), key=lambda t: t.name.casefold())


def _targets() -> list[tuple[str, Resolved]]:
    from archive.models import Observation

    rows = (
        Observation.objects.exclude(target_key="")
        .filter(ra_obj__isnull=False, dec_obj__isnull=False)
        .values_list("target_key", "target_name", "ra_obj", "dec_obj")
        .order_by("target_key", "-release__created", "obs_id")
        .distinct()
    )
    targets: dict[str, Resolved] = {}
    for key, target, ra, dec in rows:
        if ra is not None and dec is not None:
            targets.setdefault(key, Resolved(target, ra, dec, "archive"))
    return list(targets.items())


def _own(key: str, targets: Sequence[tuple[str, Resolved]]) -> Resolved | None:
    for known, target in targets:
        if known == key:
            return target
    if len(key) < _SHORTEST_PREFIX:
        return None
    for relation in (
        lambda known: known.startswith(key),
        lambda known: len(known) >= _SHORTEST_PREFIX and key.startswith(known),
    ):
        alike = [target for known, target in targets if relation(known)]
        if alike and _one_place(alike):
            return alike[0]
    return None


def _one_place(targets: Sequence[Resolved]) -> bool:
    first = targets[0]
    return all(float(separation(first.ra, first.dec, t.ra, t.dec)) <= _SAME_PLACE for t in targets)


def _hint(name: str, targets: Sequence[tuple[str, Resolved]]) -> str:
    key = target_key(name)
    names = {known: target.name for known, target in targets}
    close = [k for k in names if len(key) >= _SHORTEST_PREFIX and k.startswith(key)] or difflib.get_close_matches(
        key, list(names), 3, 0.75
    )
    return f" (did you mean {' or '.join(names[k] for k in close[:3])}?)" if close else ""


def _ask_sesame(name: str) -> Resolved | None:
    timeout = settings.DISTILLER_SESAME_TIMEOUT
    deadline = time.monotonic() + timeout
    url = f"{settings.DISTILLER_SESAME_URL}?{quote(name)}"
    with urllib3.PoolManager() as pool:
        response = pool.request(
            "GET", url, timeout=urllib3.Timeout(total=timeout), retries=False, preload_content=False
        )
        try:
            if response.status != 200:
                raise ValueError(f"Sesame answered with status {response.status}")
            content = b""
            while len(content) < _ANSWER_LIMIT and (piece := response.read1(_ANSWER_LIMIT - len(content))):
                content += piece
                if time.monotonic() > deadline:
                    raise ValueError("Sesame took too long")
        finally:
            response.release_conn()
    return _position(fromstring(content), name)


def _position(document: Element, name: str) -> Resolved | None:
    """The first resolver's position in a Sesame answer (elements jradeg, jdedeg, oname), None if no one has any."""
    for resolver in document.iter("Resolver"):
        ra, dec = resolver.findtext("jradeg"), resolver.findtext("jdedeg")
        if ra and dec:
            return Resolved(" ".join((resolver.findtext("oname") or name).split()), float(ra), float(dec), "Sesame")
    return None
