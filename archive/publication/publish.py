"""Publishes the result of a job: file in the store, product, ObsCore rows, provenance, links to what it was made from.

All of it is one transaction. Publishing the same result again changes nothing.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from archive.identifiers import encoded, make_did
from archive.models import Collection, ObsCore, ObsCoreHEA, Product, ProductFile, Release, StoredFile
from archive.obscore.mapping import EV_PER_TEV, energy
from archive.publication.content import NotPublishable, describe
from archive.publication.origin import values_of
from archive.releases import DEFAULT_RELEASE, UnusableName, check_names
from archive.store import Depositor, digest, is_present, name_for, writing
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, ParameterValue, record
from uws import jobtypes, results
from uws.activity import activity_id, result_entity_id
from uws.models import Job, Result
from uws.phases import Phase
from vo.regions import position_columns, region_box
from vo.version import version

_PICTURES = ("preview-plot", "preview-image")
_BOX = ("region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax")


@dataclass(frozen=True, slots=True)
class Publication:
    """A published result; `is_new` is false if it had been published before."""

    product: Product
    is_new: bool


def publish(
    job: Job,
    result_name: str,
    collection: str,
    release: str = DEFAULT_RELEASE,
    *,
    curator: User | None = None,
    has_consent: bool = False,
) -> Publication:
    """Make a result a product of a release of a collection, which is made if there is none of that name.

    The job of a user is published by that user, or with `has_consent`, which says that the user agreed. Raises
    NotPublishable with a sentence for the curator.
    """
    _check(job, collection, release, curator, has_consent)
    result = Result.objects.filter(job=job, name=result_name).select_related("file").first()
    if result is None:
        names = ", ".join(Result.objects.filter(job=job).values_list("name", flat=True)) or "none"
        raise NotPublishable(f"the job has no result {result_name!r}; it has {names}")
    did = make_did(collection, release, f"{job.job_type}-{job.activity}", result.name)
    known = Product.objects.filter(did=did).first()
    if known is not None:
        return Publication(known, is_new=False)
    picture = Result.objects.filter(job=job, product_type__in=_PICTURES).select_related("file").first()
    with tempfile.TemporaryDirectory(prefix="publish-") as folder, writing(_busy) as depositor:
        publisher = _Publisher(job, result, did, depositor, Path(folder))
        return Publication(publisher.write(collection, release, picture, curator), is_new=True)


def _check(job: Job, collection: str, release: str, curator: User | None, has_consent: bool) -> None:
    try:
        check_names(collection, release)
    except UnusableName as error:
        raise NotPublishable(str(error)) from None
    if job.destroyed or job.phase != Phase.COMPLETED:
        raise NotPublishable("only results of completed jobs can be published")
    if job.owner is not None and job.owner != curator and not has_consent:
        raise NotPublishable(
            f"the job belongs to {job.owner.get_username()}: ask for consent, and say that it was given"
        )


def _busy() -> None:
    raise NotPublishable("an ingest is under way; publish when it has finished")


class _Publisher:
    def __init__(self, job: Job, result: Result, did: str, depositor: Depositor, folder: Path) -> None:
        self._job, self._result, self._did = job, result, did
        self._depositor, self._folder = depositor, folder
        self._kind = jobtypes.job_type(job.job_type)
        self._now = datetime.now(UTC)

    def write(self, collection: str, release: str, picture: Result | None, curator: User | None) -> Product:
        path = self._copy(self._result)
        content = describe(path, self._result.product_type)
        inputs = list(
            Product.objects.filter(did__in=[str(entry["id"]) for entry in self._job.inputs])
            .select_related("observation")
            .order_by("pk")
        )
        pictured = None if picture is None or picture.pk == self._result.pk else (picture, self._copy(picture))
        try:
            with transaction.atomic():
                product = self._product(collection, release)
                self._store(product, self._result, path, 0)
                if pictured is not None:
                    self._store(product, *pictured, 1)
                product.progenitors.set(inputs)
                self._describe(product, {**values_of(self._job, inputs), **content.values}, path)
                record(self._activity(collection, release, inputs, curator))
        except BaseException:
            self._depositor.discard()
            raise
        self._depositor.settle()
        return product

    def _copy(self, result: Result) -> Path:
        """The bytes of a result as a file; NotPublishable if they are gone."""
        path = self._folder / result.filename
        try:
            with results.store().open(result.file.storage_name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
        except OSError:
            raise NotPublishable(f"the file of the result {result.name} cannot be read") from None
        if digest(path).sha256 != result.file.sha256:
            raise NotPublishable(f"the file of the result {result.name} is damaged")
        return path

    def _product(self, collection: str, release: str) -> Product:
        owner, _ = Collection.objects.get_or_create(name=collection)
        row, _ = Release.objects.get_or_create(collection=owner, name=release)
        return Product.objects.create(
            did=self._did,
            release=row,
            subtype=self._result.product_type,
            description=f"{self._kind.title}: {self._result.description}"[:200],
            activity=self._job.activity,
        )

    def _store(self, product: Product, result: Result, path: Path, position: int) -> None:
        content = digest(path)
        file = StoredFile.objects.filter(sha256=content.sha256).first()
        if file is None:
            name = name_for(content, result.filename)
            self._depositor.put_file(path, content, name)
            file = StoredFile.objects.create(
                sha256=content.sha256, size=content.size, crc32=content.crc32, path=name, media_type=result.media_type
            )
        elif not is_present(file):
            self._depositor.put_file(path, content, file.path)
        ProductFile.objects.create(product=product, file=file, name=result.filename, position=position)

    def _describe(self, product: Product, values: dict[str, Any], path: Path) -> None:
        x, y, z = position_columns(values.get("s_ra"), values.get("s_dec"))
        box = dict(zip(_BOX, region_box(values.get("s_region")), strict=True))
        target = f" of {values['target_name']}" if values.get("target_name") else ""
        row = ObsCore.objects.create(
            product=product,
            did_encoded=encoded(product.did),
            dataproduct_subtype=product.subtype,
            obs_collection=product.release.collection.name,
            obs_id=f"{self._job.job_type}-{self._job.activity}",
            obs_title=f"{self._kind.title}{target}: {self._result.description}"[:200],
            obs_publisher_did=product.did,
            access_estsize=-(-path.stat().st_size // 1000),
            em_ucd="em.energy",
            em_unit="TeV",
            obs_creation_date=self._job.ended,
            obs_creator_name=self._job.owner.get_full_name() or None if self._job.owner else None,
            publisher_id=f"ivo://{settings.DISTILLER_AUTHORITY}",
            obs_release_date=self._now,
            pos_x=x, pos_y=y, pos_z=z, **box, **values,
        )  # fmt: skip
        low, high = energy(values.get("em_max")), energy(values.get("em_min"))
        ObsCoreHEA.objects.create(
            obscore=row,
            obs_publisher_did=product.did,
            energy_min=low * EV_PER_TEV if low is not None else None,
            energy_max=high * EV_PER_TEV if high is not None else None,
            analysis_mode=f"{self._kind.name} {self._kind.version}",
            messenger_name="photon",
            messenger_pdgid="+22",
        )

    def _activity(self, collection: str, release: str, inputs: list[Product], curator: User | None) -> ActivityRecord:
        """Provenance of the publication: the result became a product; the job's own record says how it was made."""
        origin = result_entity_id(self._job, self._result.name)
        agents = [
            AgentRef(f"ivo://{settings.DISTILLER_AUTHORITY}", settings.DISTILLER_AUTHORITY, "Organization", "publisher")
        ]
        if curator is not None:
            name = re.sub(r"\W", "-", curator.get_username().lower())
            agents.append(AgentRef(f"urn:curator:{name}", curator.get_username(), "Person", "curator"))
        media_type = self._result.media_type
        used = EntityRef(
            id=origin, name=self._result.filename, content_type=media_type,
            sha256=self._result.file.sha256, size=self._result.file.size,
        )  # fmt: skip
        made = replace(used, id=self._did, location=f"/retrieve?ID={encoded(self._did)}")
        return ActivityRecord(
            id=f"{self._did}/publication",
            name="publish",
            version="1.0",
            type="",
            subtype="Publication",
            description="A result of a job made a product of the archive",
            start=self._now,
            end=datetime.now(UTC),
            used=[("result", used)],
            generated=[("dataset", made)],
            agents=agents,
            parameters={
                "collection": ParameterValue(collection, description="Collection that it belongs to"),
                "release": ParameterValue(release, description="Release of the collection"),
            },
            software={"distiller": version(), "astropy": metadata.version("astropy")},
            usage=[Described("result", "Result of a job", "Main", media_type)],
            generation=[Described("dataset", "Data set under its publisher identifier", "Main", media_type)],
            derivations={self._did: [origin, *(product.did for product in inputs)]},
            informed_by=[activity_id(self._job)],
        )
