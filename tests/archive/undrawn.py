"""Pictures that are not drawn, which takes most of the time of an ingest."""

from __future__ import annotations

from archive.preview import FIRST, SECOND, Picture
from archive.readers.records import ProductRecord
from archive.readers.sketches import EventSketch


def undrawn(record: ProductRecord, salt: str = "") -> tuple[Picture, ...]:
    """As many pictures as a data set has, of a few bytes each; other ones with other salt."""
    kinds = ("preview-image", "preview-plot") if isinstance(record.sketch, EventSketch) else ("preview-plot",)
    return tuple(
        Picture(ending, kind, "Drawn for a test", b"\x89PNG" + f"{kind} {salt} {record.obs_id}".encode())
        for ending, kind in zip((FIRST, SECOND), kinds, strict=False)
    )
