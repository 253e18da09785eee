"""Which job types can take a data set: what DataLink describes and pages offer."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from archive.gadf.tables import ObservationIndex
from archive.models import Product
from uws.jobtypes import JobType

EVENT_LIST = "event-list"


def takes(job_type: JobType, product: Product, foreign: Collection[int]) -> bool:
    """Whether one of the inputs of a job type is for this kind of data set; `foreign` is of `foreign_lists`.

    Point-like responses hold for one size of the on region. They do where the input says so, and where event lists
    without responses do; else responses for the whole field of view are needed (full enclosure).
    """
    point_like = product.observation is not None and product.observation.point_like
    return product.pk not in foreign and any(
        product.subtype in role.product_types
        and (role.point_like or EVENT_LIST in role.product_types or not point_like)
        for role in job_type.inputs
    )


def foreign_lists(products: Iterable[Product]) -> frozenset[int]:
    """Keys of the event lists that are no GADF runs, such as the photons of a survey: no observation index has them.

    They cannot be in a GADF data store, nor be merged with runs.
    """
    lists = {product.pk for product in products if product.subtype == EVENT_LIST and product.observation_id is not None}
    if not lists:
        return frozenset()
    return frozenset(
        lists.difference(ObservationIndex.objects.filter(product__in=lists).values_list("product", flat=True))
    )
