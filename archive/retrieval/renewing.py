"""Looking up again what is asked for again, all of it in one query: what is as it was holds for another moment."""

from __future__ import annotations

import logging
from itertools import groupby
from pathlib import Path

from django.db import Error

from archive.models import ProductFile
from archive.policy import POLICY
from archive.retrieval.remembered import REMEMBERED, Answer, Remembered
from archive.retrieval.serving import named, representation
from tap.registry import Viewer
from uws.wait import release_connection
from vo.errors import VOError

log = logging.getLogger(__name__)
_ANYBODY = Viewer()


def renew(remembered: Remembered = REMEMBERED) -> None:
    """Have answers hold on whose products anybody may read as before; the others are forgotten."""
    since = remembered.clock()
    answers = remembered.asked_lately()
    try:
        files = _files_of({answer.product for answer in answers.values()})
        for request, answer in answers.items():
            uses = files.get(answer.product)
            if uses and _is_as_it_was(answer, uses, request.gzip):
                remembered.keep(request, answer, since)
            else:
                remembered.forget(request)
    except Error:
        log.warning("files cannot be looked up now", exc_info=True)
        for request in answers:
            remembered.forget(request)
    finally:
        release_connection()


def _files_of(products: set[int]) -> dict[int, list[ProductFile]]:
    """The files of those of the products that everybody may read."""
    visible = POLICY.products(_ANYBODY).filter(pk__in=products)
    uses = ProductFile.objects.select_related("product", "file").filter(product__in=visible)
    grouped = groupby(uses.order_by("product_id", "position"), lambda use: use.product_id)
    found = {product: list(files) for product, files in grouped}
    return {pk: files for pk, files in found.items() if POLICY.may_read(files[0].product, _ANYBODY)}


def _is_as_it_was(answer: Answer, uses: list[ProductFile], gzip: bool) -> bool:
    """Whether the same request has the same answer. The file is opened, so that its copy counts as used."""
    served = answer.served
    try:
        if representation(named(uses, answer.name), gzip, answer.as_kept) != served:
            return False
        if Path(served.path).stat().st_size != served.size:
            return False
        served.open().close()
    except (VOError, OSError):
        return False
    return True
