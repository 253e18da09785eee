"""One transaction of ingest: store the files, write every row that belongs to them, and their provenance."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.conf import settings

from archive import copies, picturing, preview
from archive.depositing import all_or_nothing, stored
from archive.eventtable.filling import is_wanted
from archive.eventtable.loading import load
from archive.gadf.indexing import index
from archive.identifiers import encoded, make_did
from archive.models import (
    Collection,
    ObsCore,
    ObsCoreHEA,
    Observation,
    Product,
    ProductFile,
    Release,
    StoredFile,
)
from archive.names import target_key
from archive.obscore.mapping import hea_values, obscore_values
from archive.readers.records import ObservationRecord, ProductRecord, Refused, SourceFile
from archive.readers.registry import Reader
from archive.rereading import StoredUse
from archive.store import Depositor, Digest
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, ParameterValue, record

FITS_TYPE = "application/fits"
_DID_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the rows go: the release, and the run that they come from."""

    depositor: Depositor
    collection: str
    release: str
    title: str
    reader: Reader | None
    """None for documents, which nobody reads."""
    started: datetime

    def release_row(self) -> Release:
        collection, _ = Collection.objects.get_or_create(name=self.collection, defaults={"title": self.title})
        release, _ = Release.objects.get_or_create(collection=collection, name=self.release)
        return release


def write_observation(
    recording: Recording, observation: ProductRecord, sources: Sequence[tuple[SourceFile, Digest]]
) -> None:
    """Store an observation's files and write its rows, all or nothing.

    Raises Refused for identifiers that are too long.
    """
    did = make_did(recording.collection, recording.release, observation.obs_id, observation.part)
    if len(f"{did}/{preview.FIRST}") > _DID_LENGTH:
        raise Refused(f"the identifier {did} is too long")
    pictures = preview.render(observation)
    depositor = recording.depositor

    def write() -> None:
        files: dict[str, StoredFile] = {}
        for source, content in sources:
            if content.sha256 not in files:
                files[content.sha256] = stored(
                    content,
                    source.name,
                    FITS_TYPE,
                    partial(depositor.put_file, source.path, content),
                )
        release = recording.release_row()
        row = Observation.objects.create(release=release, **_observation_values(observation))
        product = Product.objects.create(
            did=did,
            release=release,
            observation=row,
            subtype=observation.subtype,
            semantics="#this",
            description=observation.description,
        )
        names: set[str] = set()
        indexed = []
        for position, (source, content) in enumerate(sources):
            use = ProductFile.objects.create(
                product=product,
                file=files[content.sha256],
                name=_unique(source, names),
                position=position,
                hdus=dict(source.hdus),
                hdu_classes=dict(source.hdu_classes),
            )
            indexed.append(StoredUse(use, source.path))
        shown = picturing.write_pictures(product, pictures, depositor)
        values = obscore_values(
            observation,
            collection=recording.collection,
            did=did,
            publisher=f"ivo://{settings.DISTILLER_AUTHORITY}",
            main_size=(sources[0][1].unpacked or sources[0][1]).size,
            released=datetime.now(UTC),
        )
        obscore = ObsCore.objects.create(product=product, did_encoded=encoded(did), **values)
        ObsCoreHEA.objects.create(obscore=obscore, **hea_values(observation, did=did))
        if isinstance(observation, ObservationRecord):
            index(product, observation, indexed, values["obs_release_date"])
            if is_wanted(obscore):
                load(obscore, observation.events)
        record(_activity(recording, did, observation, sources, shown))

    all_or_nothing(depositor, write)
    copies.prepare(did)


def write_document(recording: Recording, did: str, source: SourceFile, content: Digest) -> None:
    """Store a document of the release (terms of use, read-me)."""
    media_type = mimetypes.guess_type(source.name)[0] or "text/plain"

    def write() -> None:
        file = stored(content, source.name, media_type, partial(recording.depositor.put_file, source.path, content))
        product = Product.objects.create(
            did=did,
            release=recording.release_row(),
            subtype="document",
            semantics="#documentation",
            description=f"{source.name} of the release",
        )
        ProductFile.objects.create(product=product, file=file, name=source.name)

    all_or_nothing(recording.depositor, write)


def _unique(source: SourceFile, names: set[str]) -> str:
    name = source.name if source.name not in names else f"{source.path.parent.name}_{source.name}"
    number = 1
    while name in names:
        number += 1
        name = f"{number}_{source.name}"
    names.add(name)
    return name


def _observation_values(observation: ProductRecord) -> dict[str, object]:
    names: tuple[str, ...] = (
        "obs_id", "part", "target_name", "ra_obj", "dec_obj", "fov_radius", "livetime", "energy_min", "energy_max",
        "facility_name", "instrument_name",
    )  # fmt: skip
    if isinstance(observation, ObservationRecord):
        names += ("ra_pnt", "dec_pnt", "zen_pnt", "ontime", "event_count", "quality", "obs_mode", "point_like")
    return {
        **{name: getattr(observation, name) for name in names},
        "target_key": target_key(observation.target_name),
        "t_start": observation.gti[0][0] if observation.gti else None,
        "t_stop": observation.gti[-1][1] if observation.gti else None,
        "notes": list(observation.notes),
    }


def _activity(
    recording: Recording,
    did: str,
    observation: ProductRecord,
    sources: Sequence[tuple[SourceFile, Digest]],
    pictures: Sequence[EntityRef],
) -> ActivityRecord:
    """Provenance of an ingest (ProvenanceDM 1.0): what came in, what it became, by which software."""
    agents = [
        AgentRef(f"ivo://{settings.DISTILLER_AUTHORITY}", settings.DISTILLER_AUTHORITY, "Organization", "publisher")
    ]
    if observation.creator_name:
        name = "".join(c if c.isalnum() else "-" for c in observation.creator_name.lower())
        agents.append(AgentRef(f"urn:organization:{name}", observation.creator_name, "Organization", "creator"))
    used = {}
    for source, content in sources:
        used[content.sha256] = EntityRef(
            id=f"urn:sha256:{content.sha256}",
            name=source.name,
            content_type=FITS_TYPE,
            sha256=content.sha256,
            size=content.size,
            comment="File as it was handed to the archive",
        )
    others = [source.name for source, _ in sources[1:]]
    assert recording.reader is not None
    product = EntityRef(
        id=did,
        name=sources[0][0].name,
        location=f"/retrieve?ID={encoded(did)}",
        content_type=FITS_TYPE,
        sha256=sources[0][1].sha256,
        size=sources[0][1].size,
        comment=f"With {', '.join(others)}" if others else "",
    )
    return ActivityRecord(
        id=f"{did}/ingest",
        name="ingest",
        version=recording.reader.version,
        start=recording.started,
        end=datetime.now(UTC),
        type="",
        subtype="Ingest",
        description="Validation of a data set, its description in ObsCore, and its storage in the archive",
        used=[("source", entity) for entity in used.values()],
        generated=[("dataset", product), *((picturing.ROLE, picture) for picture in pictures)],
        agents=agents,
        parameters={
            "collection": ParameterValue(recording.collection, description="Collection that the data set belongs to"),
            "release": ParameterValue(recording.release, description="Release of the collection"),
            "reader": ParameterValue(recording.reader.name, description="Reader that recognised the format"),
        },
        software=picturing.software(),
        usage=[Described("source", "File as it was handed to the archive", "Main", FITS_TYPE, "*")],
        generation=[
            Described("dataset", "Data set under its publisher identifier", "Main", FITS_TYPE),
            picturing.DESCRIPTION,
        ],
        derivations={did: [entity.id for entity in used.values()], **{picture.id: [did] for picture in pictures}},
    )
