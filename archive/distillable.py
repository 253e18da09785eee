"""The input resolver "events": from the parameters of the job `distil` to the event lists that it may read.

Parameters are taken by attribute: `obs_id`, `obs_list`, `query`, `circle`, `collection`, `quality_max`, and
`selection()` for the events wanted (`analysis.distil.job`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from archive.acceptance import foreign_lists
from archive.copies import event_store
from archive.coverage import is_touched
from archive.inputs import ObservationSelection, input_files
from archive.limits import most_bytes
from archive.models import Product
from archive.policy import POLICY
from archive.soda.datasets import SUBTYPES
from events.selection import Selection
from tap.limits import limits_of
from tap.registry import QueryContext, Viewer
from tap.service import prepare, texts
from uws.context import InputFile
from uws.errors import UserJobError
from uws.jobtypes import Owner
from uws.parameters import JobParameters
from vo.errors import VOError

IDENTIFIER = "obs_publisher_did"
MAX_OBSERVATIONS = 20_000
"""Observations of one job."""


def resolve_events(parameters: JobParameters, owner: Owner) -> Sequence[InputFile]:
    """The event lists of a selection, by obs_id. Raises UserJobError with a sentence for the job's owner."""
    viewer = Viewer(name=owner.name)
    products = _products(parameters, viewer)
    if len(products) > MAX_OBSERVATIONS:
        raise UserJobError(f"{len(products)} observations are selected, and {MAX_OBSERVATIONS} is the limit")
    for product in products:
        if not POLICY.may_read(product, viewer):
            raise UserJobError(f"{product.did} is not public, and not yours")
    known = {"copies": str(event_store().folder), "most_bytes": most_bytes(viewer, at_once=False)}
    files = [replace(file, metadata={**file.metadata, **known}) for file in input_files(products)]
    return sorted(files, key=lambda f: (len(f.metadata["obs_id"]), f.metadata["obs_id"], f.id))


def _products(parameters: Any, viewer: Viewer) -> list[Product]:
    wanted: Selection = parameters.selection()
    named = [*parameters.obs_id, *(_found_by(parameters.query, viewer) if parameters.query else ())]
    criteria = SimpleNamespace(
        obs_id=named,
        obs_list=parameters.obs_list,
        circle=parameters.circle,
        collection=parameters.collection,
        time=None,
        quality_max=parameters.quality_max,
    )
    chosen = ObservationSelection(criteria, viewer, SUBTYPES)
    if chosen.obs_ids:
        return _runs(chosen.by_identifier(), are_named=True)
    if chosen.circle is not None:
        return _runs(chosen.by_criteria())
    nothing = "no observation looks at the regions at the times asked for"
    return _runs(chosen.by(lambda o: is_touched(o, wanted), nothing))


def _runs(products: list[Product], *, are_named: bool = False) -> list[Product]:
    """Those that a GADF data store can hold; others may not be among what is named, nor be all that is found."""
    foreign = foreign_lists(products)
    runs = [product for product in products if product.pk not in foreign]
    if foreign and (are_named or not runs):
        did = next(product.did for product in products if product.pk in foreign)
        raise UserJobError(
            f"{did} is an event list of another format, which a GADF data store cannot hold; SODA cuts events out of it"
        )
    return runs


def _found_by(adql: str, viewer: Viewer) -> list[str]:
    """The identifiers that a query finds, with the rights of the viewer."""
    try:
        query = prepare(adql, QueryContext(viewer, ""))
        names = [column.name.lower() for column in query.columns]
        if IDENTIFIER not in names:
            raise UserJobError(f"query: the result has no column {IDENTIFIER}; it has {', '.join(names)[:200]}")
        with query.run(maxrec=MAX_OBSERVATIONS, timeout=limits_of(viewer).timeout) as rows:
            found = list(dict.fromkeys(texts(rows, names.index(IDENTIFIER))))
            if rows.overflow:
                raise UserJobError(f"query: it finds more than {MAX_OBSERVATIONS} rows, the limit of a job")
    except VOError as fault:
        raise UserJobError(f"query: {fault.message}") from None
    if not found:
        raise UserJobError("query: it finds no observation")
    return found
