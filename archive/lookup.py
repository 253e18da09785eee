"""Finding products and observations by the identifiers that people and clients write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    """Products by identifier as it was written, in three queries at most."""
    wanted = list(dict.fromkeys(identifiers))
    visible = POLICY.products(viewer).select_related(*_RELATED)
    found = {p.did: p for p in visible.filter(did__in=[w.strip() for w in wanted])}
    answer = {w: found[w.strip()] for w in wanted if w.strip() in found}
    others = _canonical([w for w in wanted if w not in answer])
    if others:
        found = {p.did: p for p in visible.filter(did__in=others.values())}
        answer |= {w: found[canonical] for w, canonical in others.items() if canonical in found}
    return answer


def _canonical(identifiers: list[str]) -> dict[str, str]:
    """Identifiers of this archive as it writes them, of those whose collections there are."""
    parts = {identifier: split for identifier in identifiers if (split := split_did(identifier))}
    if not parts:
        return {}
    names = {name.lower(): name for name in Collection.objects.values_list("name", flat=True)}
    return {
        identifier: f"ivo://{settings.DISTILLER_AUTHORITY}/{names[collection.lower()]}?{local}"
        for identifier, (collection, local) in parts.items()
        if collection.lower() in names
    }


def successor(old: Product) -> Product | None:
    """The same part of the same observation in the newest release of the collection, None if `old` is that."""
    return successors([old]).get(old.pk)


def successors(products: Sequence[Product]) -> dict[int, Product]:
    """The successors of products that have one, by the primary key of the old; in one query."""
    old = [product for product in products if product.observation is not None]
    newest: dict[tuple[object, ...], Product] = {}
    rows = Product.objects.filter(
        release__collection_id__in={product.release.collection_id for product in old},
        observation__obs_id__in={product.observation.obs_id for product in old if product.observation},
    )
    for row in rows.select_related("release", "observation").order_by("release__created", "release_id"):
        newest[_same(row)] = row
    return {p.pk: newest[_same(p)] for p in old if newest.get(_same(p), p).pk != p.pk}


def _same(product: Product) -> tuple[object, ...]:
    """What a product has in common with itself in other releases."""
    assert product.observation is not None
    run = product.observation
    return product.release.collection_id, run.obs_id, run.part, product.semantics, product.subtype
