"""Index rows and responses of event lists that are in the archive already, from their stored files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from archive.gadf.indexing import IndexedFile, index
from archive.models import Product, ProductFile
from archive.readers.gadf import GADFReader
from archive.readers.records import Candidate, Refused, SourceFile
from archive.store import local_path
from vo.errors import FatalFault

_EVENT_LISTS = ("event-bundle", "event-list")


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What became of one event list; `problem` is empty if all went well."""

    did: str
    problem: str = ""


def reindex(*, everything: bool = False) -> Iterator[Reindexed]:
    """Make the rows of event lists that have none, or of all; each in a transaction of its own."""
    products = Product.objects.filter(semantics="#this", subtype__in=_EVENT_LISTS, observation__isnull=False)
    if not everything:
        products = products.filter(gadf_index=None)
    for key in list(products.order_by("pk").values_list("pk", flat=True)):
        product = Product.objects.select_related("release__collection", "observation", "obscore").get(pk=key)
        try:
            _reindex(product)
        except Refused as refusal:
            yield Reindexed(product.did, refusal.reason)
        except OSError as error:
            yield Reindexed(product.did, f"its file cannot be read: {error.strerror or error}")
        except FatalFault as fault:
            yield Reindexed(product.did, fault.message)
        else:
            yield Reindexed(product.did)


def _reindex(product: Product) -> None:
    observation = product.observation
    assert observation is not None
    uses = list(ProductFile.objects.filter(product=product).select_related("file").order_by("position"))
    files = [IndexedFile(use, local_path(use.file.path)) for use in uses]
    sources = tuple(SourceFile(f.path, f.use.name, f.use.hdus, f.use.hdu_classes) for f in files)
    # What an index beside the files said is not stored with them, but in the observation's row.
    hints = {"QUALITY": observation.quality, "OBJECT": observation.target_name, "ZEN_PNT": observation.zen_pnt}
    record = GADFReader().read(Candidate(product.did, sources, hints))
    released = product.obscore.obs_release_date or datetime.now(UTC)
    with transaction.atomic():
        index(product, record, files, released)
