"""What belongs to the products that links are asked for: read for many of them at once, in a fixed number of queries.

The number of queries for a batch of identifiers does not depend on how many they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from archive import lookup
from archive.models import HDUIndex, Product, ProductFile
from archive.policy import POLICY
from tap.registry import Viewer


@dataclass(slots=True)
class Belongings:
    """What the links of one product are made of."""

    files: list[ProductFile] = field(default_factory=list)
    """Its own, the main one first."""
    hdus: list[HDUIndex] = field(default_factory=list)
    """Of its files."""
    hdu: HDUIndex | None = None
    """The HDU that it is, if it is a response."""
    main: Product | None = None
    """The data set of the same observation, if it is only a part of it."""
    companions: list[tuple[Product, ProductFile]] = field(default_factory=list)
    """Pictures of the observation, then documents of the release, with their files."""
    progenitors: list[Product] = field(default_factory=list)
    derivations: list[Product] = field(default_factory=list)
    successor: Product | None = None


class Archive:
    """Reads what belongs to products, as a viewer may see it. Documents of a release are read once."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._documents: dict[int, list[tuple[Product, ProductFile]]] = {}

    def of(self, identifiers: Sequence[str]) -> dict[str, tuple[Product, Belongings]]:
        """Products that there are, by the identifier as it was written, and what belongs to them."""
        products = lookup.products(identifiers, self._viewer)
        unique = {product.pk: product for product in products.values()}
        found = {key: Belongings() for key in unique}
        self._read_hdus(unique, found)
        siblings = self._read_siblings(unique)
        files = self._read_files([*unique, *(p.pk for group in siblings.values() for p in group)])
        self._read_documents({product.release_id for product in unique.values()})
        self._read_relations(unique, found)
        newer = lookup.successors(list(unique.values()))
        for key, product in unique.items():
            belongings = found[key]
            belongings.files = files.get(key, [])
            belongings.successor = newer.get(key)
            others = [p for p in siblings.get(product.observation_id or 0, ()) if p.pk != key]
            if product.semantics == "#this":
                belongings.companions = [
                    *((p, use) for p in others if p.semantics.startswith("#preview") for use in files.get(p.pk, ())),
                    *self._documents[product.release_id],
                ]
            else:
                belongings.main = next((p for p in others if p.semantics == "#this"), None)
        return {identifier: (product, found[product.pk]) for identifier, product in products.items()}

    def _read_siblings(self, products: dict[int, Product]) -> dict[int, list[Product]]:
        """Products by the key of their observation."""
        grouped: dict[int, list[Product]] = defaultdict(list)
        observations = {p.observation_id for p in products.values() if p.observation_id is not None}
        rows = POLICY.products(self._viewer).filter(observation_id__in=observations).exclude(semantics="#calibration")
        for row in rows.order_by("pk"):
            grouped[row.observation_id or 0].append(row)
        return grouped

    def _read_files(self, keys: Sequence[int]) -> dict[int, list[ProductFile]]:
        grouped: dict[int, list[ProductFile]] = defaultdict(list)
        for use in ProductFile.objects.filter(product_id__in=set(keys)).select_related("file").order_by("position"):
            grouped[use.product_id].append(use)
        return grouped

    def _read_hdus(self, products: dict[int, Product], found: dict[int, Belongings]) -> None:
        rows = HDUIndex.objects.select_related("file__file").order_by("pk")
        for row in rows.filter(product_id__in=products):
            found[row.product_id].hdus.append(row)
        for row in rows.filter(response_id__in=[p.pk for p in products.values() if p.semantics == "#calibration"]):
            if row.response_id is not None:
                found[row.response_id].hdu = row

    def _read_documents(self, releases: set[int]) -> None:
        new = releases - self._documents.keys()
        if new:
            self._documents |= {release: [] for release in new}
            rows = ProductFile.objects.filter(product__release_id__in=new, product__semantics="#documentation")
            for use in rows.select_related("file", "product__release").order_by("product__did", "position"):
                self._documents[use.product.release_id].append((use.product, use))

    def _read_relations(self, products: dict[int, Product], found: dict[int, Belongings]) -> None:
        """What jobs made of these products and what they made these from, as far as it is in this archive."""
        edges = Product.progenitors.through.objects
        made_from = list(
            edges.filter(from_product_id__in=products).values_list("from_product_id", "to_product_id").order_by("pk")
        )
        made_of = list(
            edges.filter(to_product_id__in=products).values_list("to_product_id", "from_product_id").order_by("pk")
        )
        wanted = {key for _, key in made_from} | {key for _, key in made_of}
        if not wanted:
            return
        visible = {p.pk: p for p in POLICY.products(self._viewer).filter(pk__in=wanted)}
        for key, other in made_from:
            if other in visible:
                found[key].progenitors.append(visible[other])
        for key, other in made_of:
            if other in visible:
                found[key].derivations.append(visible[other])
