"""Pictures of data sets as products of the archive: at ingest, and later for what came in without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import metadata

from django.conf import settings

from archive import preview
from archive.depositing import all_or_nothing, stored
from archive.identifiers import encoded
from archive.models import Product, ProductFile
from archive.preview import Picture
from archive.readers.records import Refused
from archive.rereading import read_again
from archive.store import Depositor, digest_bytes
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, record
from vo.version import version

ROLE = "preview"
"""Of pictures in provenance."""
DESCRIPTION = Described(ROLE, "Picture of the data set", "Preview", preview.MEDIA_TYPE, "*")
_EVENT_LISTS = ("event-bundle", "event-list")


def write_pictures(product: Product, pictures: Sequence[Picture], depositor: Depositor) -> list[EntityRef]:
    """Make pictures products beside the data set that they show, in the transaction of the caller."""
    assert product.observation is not None
    name = product.observation.part or product.observation.obs_id
    return [_written(product, picture, f"{name}_{picture.ending}.png", depositor) for picture in pictures]


def _written(product: Product, picture: Picture, name: str, depositor: Depositor) -> EntityRef:
    content = digest_bytes(picture.content)
    file = stored(content, name, preview.MEDIA_TYPE, partial(depositor.put_bytes, picture.content))
    shown = Product.objects.create(
        did=picture_did(product, picture.ending),
        release=product.release,
        observation=product.observation,
        subtype=picture.kind,
        semantics=f"#{picture.kind}",
        description=picture.description,
    )
    ProductFile.objects.create(product=shown, file=file, name=name)
    return EntityRef(
        id=shown.did,
        name=name,
        location=f"/retrieve?ID={encoded(shown.did)}",
        content_type=preview.MEDIA_TYPE,
        sha256=content.sha256,
        size=content.size,
    )


def picture_did(product: Product, ending: str) -> str:
    """The identifier of a picture of a data set."""
    return f"{product.did}/{ending}"


def draw_missing(depositor: Depositor) -> Iterator[tuple[str, str]]:
    """Draw the pictures that data sets should have and do not, each data set in a transaction of its own.

    Yields the identifier of each such data set, and why it has none now, empty if it has.
    """
    for product in _without_pictures():
        try:
            _draw(product, depositor)
        except Refused as refusal:
            yield product.did, refusal.reason
        else:
            yield product.did, ""


def _without_pictures() -> Iterator[Product]:
    known = set(Product.objects.filter(semantics__startswith="#preview").values_list("did", flat=True))
    products = Product.objects.filter(semantics="#this", observation__isnull=False).order_by("pk")
    for product in products.select_related("release", "observation").iterator(chunk_size=200):
        endings = (preview.FIRST, preview.SECOND) if product.subtype in _EVENT_LISTS else (preview.FIRST,)
        if any(picture_did(product, ending) not in known for ending in endings):
            yield product


def _draw(product: Product, depositor: Depositor) -> None:
    started = datetime.now(UTC)
    drawn = preview.render(read_again(product).record)
    dids = [picture_did(product, picture.ending) for picture in drawn]
    known = set(Product.objects.filter(did__in=dids).values_list("did", flat=True))
    missing = [picture for picture, did in zip(drawn, dids, strict=True) if did not in known]

    def write() -> None:
        made = write_pictures(product, missing, depositor)
        publisher = f"ivo://{settings.DISTILLER_AUTHORITY}"
        record(
            ActivityRecord(
                id=f"{product.did}/pictures-{started:%Y%m%dT%H%M%S}",
                name="picture",
                version="1.0",
                type="",
                subtype="Visualization",
                description="A data set of the archive is drawn for those who look for data",
                start=started,
                end=datetime.now(UTC),
                used=[("dataset", EntityRef(product.did))],
                generated=[(ROLE, picture) for picture in made],
                agents=[AgentRef(publisher, settings.DISTILLER_AUTHORITY, "Organization", "publisher")],
                software=software(),
                usage=[Described("dataset", "Data set under its publisher identifier", "Main", "application/fits")],
                generation=[DESCRIPTION],
                derivations={picture.id: [product.did] for picture in made},
            )
        )

    all_or_nothing(depositor, write)


def software() -> dict[str, str]:
    """What reads data sets and draws them, with versions."""
    return {"distiller": version(), **{name: metadata.version(name) for name in ("astropy", "numpy", "matplotlib")}}
