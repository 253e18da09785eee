"""The observations that a request for events names: found, readable, and where and when they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive import lookup
from archive.coverage import is_touched
from archive.inputs import input_files
from archive.models import Observation, Product
from archive.policy import POLICY
from events.selection import Selection
from tap.registry import Viewer
from uws.context import InputFile
from uws.errors import UserJobError
from vo.errors import FatalFault, NotFoundFault, UsageFault

SUBTYPES = ("event-bundle", "event-list")
"""Products that events can be cut out of."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """An observation whose events may be read."""

    product: Product
    observation: Observation
    file: InputFile

    def is_touched_by(self, selection: Selection) -> bool:
        """Whether field of view and time of the observation have something in common with those asked for."""
        return is_touched(self.observation, selection)


def datasets(identifiers: Sequence[str], viewer: Viewer) -> list[Dataset]:
    """The observations of those publisher identifiers, each once.

    Raises NotFoundFault for an unknown one, UsageFault for what has no events, AuthorizationFault for what the viewer
    may not read.
    """
    products = lookup.products(identifiers, viewer)
    chosen: dict[int, tuple[Product, Observation]] = {}
    for identifier in identifiers:
        product = products.get(identifier)
        if product is None:
            raise NotFoundFault(f"this archive has no data set with the identifier {identifier.strip()[:200]}")
        if product.observation is None or product.semantics != "#this" or product.subtype not in SUBTYPES:
            raise UsageFault(f"{product.did} is a {product.subtype}, which has no events to cut out")
        POLICY.check_read(product, viewer)
        chosen[product.pk] = (product, product.observation)
    try:
        files = input_files([product for product, _ in chosen.values()])
    except UserJobError as error:
        raise FatalFault(error.message) from None
    return [
        Dataset(product, observation, file) for (product, observation), file in zip(chosen.values(), files, strict=True)
    ]
