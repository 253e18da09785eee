"""What goes into a data store: which observations of those named, and under which names their files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from archive import lookup
from archive.inputs import files_of
from archive.models import Observation, Product, ProductFile, StoredFile
from archive.policy import POLICY
from tap.registry import Viewer

SUBTYPE = "event-bundle"
_ALWAYS = 64 * 1024
"""Bytes that index tables and README take, at least."""


@dataclass(frozen=True, slots=True)
class Item:
    """An observation in the store: its files with their paths in the store, the main one first."""

    product: Product
    observation: Observation
    files: tuple[tuple[ProductFile, str], ...]


@dataclass(slots=True)
class Contents:
    """`files` and `documents` are stored files by their paths in the store, each content once; `left_out` has what the
    query found and the store does not have, with the reason."""

    items: list[Item] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)
    documents: dict[str, StoredFile] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the store, but for a little."""
        return _ALWAYS + sum(file.size for file in (*self.files.values(), *self.documents.values()))


def contents(identifiers: Iterable[str], viewer: Viewer) -> Contents:
    """The data store of those publisher identifiers that the viewer may read, each once, in their order."""
    made = Contents()
    wanted = list(dict.fromkeys(identifiers))
    found = lookup.products(wanted, viewer)
    chosen: dict[int, Product] = {}
    numbers: dict[int, str] = {}
    for identifier in wanted:
        product = found.get(identifier)
        reason = _refusal(product, viewer)
        if reason:
            made.left_out.append((identifier, reason))
        elif product is not None and product.observation is not None and product.pk not in chosen:
            # GADF numbers observations, and an index cannot have two of one number.
            number = int(product.observation.obs_id)
            if number in numbers:
                made.left_out.append((identifier, f"its OBS_ID {number} is that of {numbers[number]}"))
                continue
            numbers[number] = product.did
            chosen[product.pk] = product
    _add_files(made, list(chosen.values()))
    _add_documents(made, chosen.values())
    return made


def _refusal(product: Product | None, viewer: Viewer) -> str:
    """Why a product does not go in; empty if it does."""
    if product is None:
        return "this archive has no such data set"
    if product.observation is None or product.subtype != SUBTYPE or product.semantics != "#this":
        return f"it is a {product.subtype}, not an event list with its responses"
    if not product.observation.obs_id.isdecimal():
        return "its obs_id is no number, as GADF wants it"
    if not POLICY.may_read(product, viewer):
        return "it is not public, and not yours"
    return ""


def _add_files(made: Contents, products: Sequence[Product]) -> None:
    uses = files_of(products)
    paths: dict[str, str] = {}
    for product in products:
        observation = product.observation
        assert observation is not None
        files = []
        for use in uses[product.pk]:
            if use.file.sha256 not in paths:
                paths[use.file.sha256] = _free_path(made.files, product, observation, use.name)
                made.files[paths[use.file.sha256]] = use.file
            files.append((use, paths[use.file.sha256]))
        made.items.append(Item(product, observation, tuple(files)))


def _free_path(taken: dict[str, StoredFile], product: Product, observation: Observation, name: str) -> str:
    """Where a file lies: under its own name, in a folder of its collection, or of its observation if that is taken."""
    folder = PurePosixPath("data", product.release.collection.name)
    path = str(folder / _safe(name))
    if path in taken:
        path = str(folder / product.release.name / _safe(observation.obs_id) / _safe(name))
    return path


def _safe(name: str) -> str:
    """A name that is one component of a path on every system."""
    kept = "".join(c if c.isalnum() or c in "._+-" else "_" for c in name)
    return kept.lstrip(".") or "_"


def _add_documents(made: Contents, products: Iterable[Product]) -> None:
    """Terms of use and the like, of the releases that the observations are of."""
    releases = {product.release_id for product in products}
    documents = Product.objects.filter(release__in=releases, observation=None, semantics="#documentation")
    documents = documents.select_related("release__collection").order_by("did")
    uses = files_of(list(documents))
    for document in documents:
        for use in uses[document.pk]:
            release = document.release
            made.documents[f"documents/{release.collection.name}/{release.name}/{_safe(use.name)}"] = use.file
