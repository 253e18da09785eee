"""Finding products and observations by the identifiers that people and clients write."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from archive.identifiers import split_did
from archive.models import Collection, Product
from archive.policy import POLICY
from tap.registry import Viewer

_RELATED = ("release__collection", "observation")


def product(identifier: str, viewer: Viewer) -> Product | None:
    """The product of a publisher DID, None if there is none that the viewer sees.

    Authority and collection compare without regard to case (IVOA Identifiers 2.0), the rest exactly.
    """
    return products([identifier], viewer).get(identifier)


def products(identifiers: Iterable[str], viewer: Viewer) -> dict[str, Product]:
    """Products by identifier as it was written, in two queries at most."""
    wanted = list(dict.fromkeys(identifiers))
    visible = POLICY.products(viewer).select_related(*_RELATED)
    found = {p.did: p for p in visible.filter(did__in=[w.strip() for w in wanted])}
    answer = {w: found[w.strip()] for w in wanted if w.strip() in found}
    others = {w: canonical for w in wanted if w not in answer and (canonical := _canonical(w))}
    if others:
        found = {p.did: p for p in visible.filter(did__in=others.values())}
        answer |= {w: found[canonical] for w, canonical in others.items() if canonical in found}
    return answer


def _canonical(identifier: str) -> str | None:
    parts = split_did(identifier)
    if parts is None:
        return None
    collection = Collection.objects.filter(name__iexact=parts[0]).first()
    return None if collection is None else f"ivo://{settings.DISTILLER_AUTHORITY}/{collection.name}?{parts[1]}"


def successor(old: Product) -> Product | None:
    """The same part of the same observation in the newest release of the collection, None if `old` is that."""
    if old.observation is None:
        return None
    newest = (
        Product.objects.filter(
            release__collection=old.release.collection_id,
            observation__obs_id=old.observation.obs_id,
            observation__part=old.observation.part,
            semantics=old.semantics,
            subtype=old.subtype,
        )
        .select_related("release", "observation")
        .order_by("-release__created", "-release_id")
        .first()
    )
    return None if newest is None or newest.pk == old.pk else newest
