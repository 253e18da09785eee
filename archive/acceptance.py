"""Which job types can take a data set: what DataLink describes and pages offer."""

from __future__ import annotations

from archive.models import Product
from uws.jobtypes import JobType

EVENT_LIST = "event-list"


def takes(job_type: JobType, product: Product) -> bool:
    """Whether one of the inputs of a job type is for this kind of data set.

    Point-like responses hold for one size of the on region. They do where the input says so, and where event lists
    without responses do; else responses for the whole field of view are needed (full enclosure).
    """
    point_like = product.observation is not None and product.observation.point_like
    return any(
        product.subtype in role.product_types
        and (role.point_like or EVENT_LIST in role.product_types or not point_like)
        for role in job_type.inputs
    )
