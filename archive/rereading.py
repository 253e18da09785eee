"""Data sets that are in the archive, read again from their stored files by the reader that knows their format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from archive.models import Product, ProductFile
from archive.readers.outline import outline
from archive.readers.records import Candidate, ProductRecord, Refused, SourceFile
from archive.readers.registry import readers
from archive.readers.scanning import reader_of
from archive.store import local_path
from vo.errors import FatalFault


@dataclass(frozen=True, slots=True)
class StoredUse:
    """A file of a product, and where its bytes can be read now."""

    use: ProductFile
    path: Path


@dataclass(frozen=True, slots=True)
class Reread:
    """What a reader says of a data set now, under the name that the archive knows it by."""

    record: ProductRecord
    files: tuple[StoredUse, ...]


def read_again(product: Product) -> Reread:
    """Read the data set of an observation; `product` is its main one (`#this`).

    Raises `Refused` where the file is gone or damaged, or no reader takes it.
    """
    observation = product.observation
    assert observation is not None
    uses = ProductFile.objects.filter(product=product).select_related("file").order_by("position")
    try:
        files = tuple(StoredUse(use, local_path(use.file.path)) for use in uses)
        if not files:
            raise Refused("it has no file of its own")
        reader = reader_of(outline(files[0].path, files[0].use.name), readers())
        sources = tuple(SourceFile(f.path, f.use.name, f.use.hdus, f.use.hdu_classes) for f in files)
        # What an index beside the files said is not stored with them, but in the observation's row.
        hints = {"QUALITY": observation.quality, "OBJECT": observation.target_name, "ZEN_PNT": observation.zen_pnt}
        record = reader.read(Candidate(product.did, sources, hints))
    except OSError as error:
        raise Refused(f"its file cannot be read: {error.strerror or error}") from None
    except FatalFault as fault:
        raise Refused(fault.message) from None
    # Where a file does not say what it is called, its name does, which is another in the store.
    return Reread(replace(record, obs_id=observation.obs_id, part=observation.part), files)
