"""The files of many products: which ones a request means, and the paths that they get in a folder.

Parameters: ID (identifiers; repeatable), OBS_ID (observations by number or identifier; repeatable) with COLLECTION,
and QUERY (ADQL whose result has a column obs_publisher_did). All that is given is put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from archive import lookup
from archive.models import Observation, Product, ProductFile
from archive.policy import POLICY
from archive.retrieval.contents import packed_name
from tap.registry import QueryContext, Viewer
from tap.service import prepare
from vo.dali import Parameters
from vo.errors import NotFoundFault, UsageFault

MAX_PRODUCTS = 10_000
"""Most products of one request."""
IDENTIFIER = "obs_publisher_did"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=-]+")
_LONGEST = 120
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file of a selection, and its path in a folder: safe words between slashes, different from all others."""

    use: ProductFile
    path: str


def chosen_files(parameters: Parameters, context: QueryContext) -> list[Chosen]:
    """The files that a request means, in the order of the request, each once.

    Raises UsageFault if it names nothing or too much, NotFoundFault for what there is not, AuthorizationFault for what
    the viewer may not have.
    """
    viewer = context.viewer
    identifiers = [text.strip() for text in parameters.all("ID") if text.strip()]
    numbers = [text.strip() for text in parameters.all("OBS_ID") if text.strip()]
    identifiers += [text for text in numbers if "://" in text]
    query = parameters.one("QUERY")
    if query is not None and query.strip():
        identifiers += _identifiers_of(query, context)
    products = _products(identifiers, viewer)
    products += _observed([text for text in numbers if "://" not in text], parameters.one("COLLECTION"), viewer)
    products = list({product.pk: product for product in products}.values())
    if not products:
        raise UsageFault("name the data sets: ID, OBS_ID, or QUERY, whose result has none" if query else _NOTHING)
    if len(products) > MAX_PRODUCTS:
        raise UsageFault(f"{len(products)} data sets are more than the {MAX_PRODUCTS} of one request: ask in parts")
    for product in products:
        POLICY.check_read(product, viewer)
    return list(_with_paths(products, _files(products)))


_NOTHING = "name the data sets: ID (repeatable), OBS_ID, or QUERY"


def _identifiers_of(query: str, context: QueryContext) -> list[str]:
    prepared = prepare(query, context)
    name = next((c.name for c in prepared.columns if c.name.lower() == IDENTIFIER), None)
    if name is None:
        raise UsageFault(f"QUERY: its result has no column {IDENTIFIER}")
    found: dict[str, None] = {}
    with prepared.run(maxrec=MAX_PRODUCTS + 1) as rows:
        batches: Iterator[pa.RecordBatch] = iter(rows)
        for batch in batches:
            found |= dict.fromkeys(value for value in batch.column(name).to_pylist() if value)
        if rows.overflow or len(found) > MAX_PRODUCTS:
            raise UsageFault(f"QUERY: its result has more than the {MAX_PRODUCTS} rows of one request: ask in parts")
    return list(found)


def _products(identifiers: Sequence[str], viewer: Viewer) -> list[Product]:
    if len(identifiers) > MAX_PRODUCTS:
        raise UsageFault(f"{len(identifiers)} data sets are more than the {MAX_PRODUCTS} of one request: ask in parts")
    found: dict[str, Product] = {}
    for start in range(0, len(identifiers), _AT_ONCE):
        found |= lookup.products(identifiers[start : start + _AT_ONCE], viewer)
    missing = [identifier for identifier in identifiers if identifier not in found]
    if missing:
        more = f", nor {len(missing) - 1} others of those named" if len(missing) > 1 else ""
        raise NotFoundFault(f"this archive has no data set with the identifier {missing[0][:200]}{more}")
    return [found[identifier] for identifier in identifiers]


def _observed(numbers: Sequence[str], collection: str | None, viewer: Viewer) -> list[Product]:
    """The main product of each observation in the newest release that has it."""
    observations = POLICY.observations(viewer).select_related("release__collection")
    if collection:
        observations = observations.filter(release__collection__name__iexact=collection)
    newest: dict[str, Observation] = {}
    keys = [text.lstrip("0") or "0" for text in numbers]
    for start in range(0, len(keys), _AT_ONCE):
        some = observations.filter(obs_id__in=keys[start : start + _AT_ONCE])
        for observation in some.order_by("release__created", "pk"):
            other = newest.get(observation.obs_id)
            if other is not None and other.release.collection_id != observation.release.collection_id:
                raise UsageFault(f"several collections have an observation {observation.obs_id}: name the COLLECTION")
            newest[observation.obs_id] = observation
    for written, key in zip(numbers, keys, strict=True):
        if key not in newest:
            raise NotFoundFault(f"this archive has no observation {written[:64]}")
    products = {
        product.observation_id: product
        for product in POLICY.products(viewer)
        .filter(observation__in=list(newest.values()), semantics="#this")
        .select_related("release__collection", "observation")
    }
    return [products[newest[key].pk] for key in keys if newest[key].pk in products]


def _files(products: Sequence[Product]) -> dict[int, list[ProductFile]]:
    uses: dict[int, list[ProductFile]] = {product.pk: [] for product in products}
    keys = list(uses)
    for start in range(0, len(keys), _AT_ONCE):
        some = ProductFile.objects.filter(product__in=keys[start : start + _AT_ONCE]).select_related("file", "product")
        for use in some.order_by("product_id", "position"):
            uses[use.product_id].append(use)
    return uses


def _with_paths(products: Iterable[Product], uses: dict[int, list[ProductFile]]) -> Iterator[Chosen]:
    taken: set[str] = set()
    for product in products:
        release = product.release
        folder = [release.collection.name, release.name]
        if product.observation is not None:
            folder.append(product.observation.obs_id)
        for use in uses[product.pk]:
            words = [*folder, packed_name(use)]
            yield Chosen(use, _unused("/".join(safe_word(word) for word in words), taken))


def safe_word(text: str) -> str:
    """The text as a name of a file that surprises nobody: no blanks or signs, no hidden or parent folder, no option."""
    word = _UNSAFE.sub("_", text).lstrip(".-")
    if len(word) > _LONGEST:
        word = word[: _LONGEST // 2] + word[-_LONGEST // 2 :]
    return word or "_"


def _unused(path: str, taken: set[str]) -> str:
    """The path, or one like it; file systems that ignore case keep them apart too."""
    folder, _, name = path.rpartition("/")
    number, candidate = 1, path
    while candidate.lower() in taken:
        number += 1
        candidate = f"{folder}/{number}_{name}"
    taken.add(candidate.lower())
    return candidate
