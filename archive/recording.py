"""One transaction of ingest: store the files, write every row that belongs to them, and their provenance."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata

from django.conf import settings
from django.db import transaction

from archive import copies, preview
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
from archive.readers.records import ObservationRecord, Refused, SourceFile
from archive.readers.registry import Reader
from archive.store import Depositor, Digest, digest_bytes, is_present, name_for
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, ParameterValue, record
from vo.version import version

FITS_TYPE = "application/fits"
PREVIEW_TYPE = "image/png"
_DID_LENGTH = 255
_DESCRIPTIONS = {"event-bundle": "Event list with instrument responses", "event-list": "Event list"}


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the rows go: the release, and the run that they come from."""

    depositor: Depositor
    collection: str
    release: str
    title: str
    reader: Reader
    started: datetime

    def release_row(self) -> Release:
        collection, _ = Collection.objects.get_or_create(name=self.collection, defaults={"title": self.title})
        release, _ = Release.objects.get_or_create(collection=collection, name=self.release)
        return release


def write_observation(
    recording: Recording, observation: ObservationRecord, sources: Sequence[tuple[SourceFile, Digest]]
) -> None:
    """Store an observation's files and write its rows, all or nothing.

    Raises Refused for identifiers that are too long.
    """
    did = make_did(recording.collection, recording.release, observation.obs_id)
    if len(did) + len("/preview") > _DID_LENGTH:
        raise Refused(f"the identifier {did} is too long")
    picture = preview.render(observation)
    picture_digest = digest_bytes(picture)
    depositor = recording.depositor

    def write() -> None:
        files: dict[str, StoredFile] = {}
        for source, content in sources:
            if content.sha256 not in files:
                files[content.sha256] = _stored(
                    content,
                    source.name,
                    FITS_TYPE,
                    partial(depositor.put_file, source.path, content),
                )
        preview_name = f"{observation.obs_id}_preview.png"
        preview_file = _stored(picture_digest, preview_name, PREVIEW_TYPE, partial(depositor.put_bytes, picture))
        release = recording.release_row()
        row = Observation.objects.create(release=release, **_observation_values(observation))
        product = Product.objects.create(
            did=did,
            release=release,
            observation=row,
            subtype=observation.subtype,
            semantics="#this",
            description="Event list with instrument responses"
            if observation.subtype == "event-bundle"
            else "Event list",
        )
        names: set[str] = set()
        for position, (source, content) in enumerate(sources):
            ProductFile.objects.create(
                product=product,
                file=files[content.sha256],
                name=_unique(source, names),
                position=position,
                hdus=dict(source.hdus),
                hdu_classes=dict(source.hdu_classes),
            )
        shown = Product.objects.create(
            did=f"{did}/preview",
            release=release,
            observation=row,
            subtype="preview-image",
            semantics="#preview-image",
            description="Events in the field of view, and their energies",
        )
        ProductFile.objects.create(product=shown, file=preview_file, name=preview_name)
        values = obscore_values(
            observation,
            collection=recording.collection,
            did=did,
            publisher=f"ivo://{settings.DISTILLER_AUTHORITY}",
            main_size=sources[0][1].size,
            released=datetime.now(UTC),
        )
        obscore = ObsCore.objects.create(product=product, did_encoded=encoded(did), **values)
        ObsCoreHEA.objects.create(obscore=obscore, **hea_values(observation, did=did))
        record(_activity(recording, did, observation, sources, picture_digest, preview_name))

    _all_or_nothing(depositor, write)
    copies.prepare(did)


def write_document(recording: Recording, did: str, source: SourceFile, content: Digest) -> None:
    """Store a document of the release (terms of use, read-me)."""
    media_type = mimetypes.guess_type(source.name)[0] or "text/plain"

    def write() -> None:
        file = _stored(content, source.name, media_type, partial(recording.depositor.put_file, source.path, content))
        product = Product.objects.create(
            did=did,
            release=recording.release_row(),
            subtype="document",
            semantics="#documentation",
            description=f"{source.name} of the release",
        )
        ProductFile.objects.create(product=product, file=file, name=source.name)

    _all_or_nothing(recording.depositor, write)


def _all_or_nothing(depositor: Depositor, write: Callable[[], None]) -> None:
    try:
        with transaction.atomic():
            write()
    except BaseException:
        depositor.discard()
        raise
    depositor.settle()


def _stored(content: Digest, original_name: str, media_type: str, put: Callable[[str], None]) -> StoredFile:
    """The record of these bytes; they are put into the store unless they are in it."""
    known = StoredFile.objects.filter(sha256=content.sha256).first()
    if known is not None:
        if not is_present(known):
            put(known.path)
        return known
    name = name_for(content, original_name)
    put(name)
    return StoredFile.objects.create(sha256=content.sha256, size=content.size, path=name, media_type=media_type)


def _unique(source: SourceFile, names: set[str]) -> str:
    name = source.name if source.name not in names else f"{source.path.parent.name}_{source.name}"
    number = 1
    while name in names:
        number += 1
        name = f"{number}_{source.name}"
    names.add(name)
    return name


def _observation_values(observation: ObservationRecord) -> dict[str, object]:
    same = (
        "obs_id", "target_name", "ra_obj", "dec_obj", "ra_pnt", "dec_pnt", "zen_pnt", "fov_radius", "ontime",
        "livetime", "energy_min", "energy_max", "event_count", "quality", "obs_mode", "facility_name",
        "instrument_name",
    )  # fmt: skip
    return {
        **{name: getattr(observation, name) for name in same},
        "target_key": target_key(observation.target_name),
        "t_start": observation.gti[0][0],
        "t_stop": observation.gti[-1][1],
        "notes": list(observation.notes),
    }


def _activity(
    recording: Recording,
    did: str,
    observation: ObservationRecord,
    sources: Sequence[tuple[SourceFile, Digest]],
    picture: Digest,
    preview_name: str,
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
    product = EntityRef(
        id=did,
        name=sources[0][0].name,
        location=f"/retrieve?ID={encoded(did)}",
        content_type=FITS_TYPE,
        sha256=sources[0][1].sha256,
        size=sources[0][1].size,
        comment=f"With {', '.join(others)}" if others else "",
    )
    shown = EntityRef(
        id=f"{did}/preview",
        name=preview_name,
        location=f"/retrieve?ID={encoded(did + '/preview')}",
        content_type=PREVIEW_TYPE,
        sha256=picture.sha256,
        size=picture.size,
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
        generated=[("dataset", product), ("preview", shown)],
        agents=agents,
        parameters={
            "collection": ParameterValue(recording.collection, description="Collection that the data set belongs to"),
            "release": ParameterValue(recording.release, description="Release of the collection"),
            "reader": ParameterValue(recording.reader.name, description="Reader that recognised the format"),
        },
        software=_software(),
        usage=[Described("source", "File as it was handed to the archive", "Main", FITS_TYPE, "*")],
        generation=[
            Described("dataset", "Data set under its publisher identifier", "Main", FITS_TYPE),
            Described("preview", "Picture of the data set", "Preview", PREVIEW_TYPE),
        ],
        derivations={did: [entity.id for entity in used.values()], f"{did}/preview": [did]},
    )


def _software() -> dict[str, str]:
    return {"distiller": version(), **{name: metadata.version(name) for name in ("astropy", "numpy", "matplotlib")}}
