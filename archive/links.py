"""The links of a product: its files, responses, pictures, documents, relatives, and what can be done with it.

Source: DataLink 1.1 sections 3.2 and 4; the terms for responses from the high-energy draft (obscore.md OC-41).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import quote

import pyarrow as pa
from django.http import HttpRequest

from archive.acceptance import foreign_lists, takes
from archive.gadf import parts
from archive.identifiers import encoded
from archive.linked import Archive, Belongings
from archive.models import HDUIndex, Product, ProductFile
from archive.obscore.columns import DATALINK_TYPE
from archive.ownwork import results_by_input
from archive.policy import POLICY, viewer_of
from archive.published import DATALINK_STANDARD, LINKS_PATH, RETRIEVE_PATH
from archive.responses import RESPONSES
from archive.retrieval.contents import content_name, content_size
from archive.soda import descriptors as soda
from tap.registry import ANONYMOUS, Viewer
from uws import jobtypes, offers
from uws.descriptors import descriptor as job_descriptor
from uws.jobtypes import JobType
from uws.models import Job, Result
from uws.service import requester
from vo.arrow import arrow_schema
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.http import base_url
from vo.votable import Info, write

BUNDLE_PATH = "/retrieve/bundle"
BUNDLE_TYPE = "application/x-tar"
PROVENANCE_PATH = "/provenance/provsap"

COLUMNS = (
    ColumnMeta("ID", "char", "*", ucd="meta.id;meta.main", description="Identifier that was asked for"),
    ColumnMeta("access_url", "char", "*", ucd="meta.ref.url", description="Where to fetch it"),
    ColumnMeta("service_def", "char", "*", ucd="meta.ref", description="Descriptor, in this document, of a service"),
    ColumnMeta("error_message", "char", "*", ucd="meta.code.error", description="Why there is no link"),
    ColumnMeta("description", "char", "*", ucd="meta.note", description="What it is, for people"),
    ColumnMeta("semantics", "char", "*", ucd="meta.code", description="Relation to the data set (DataLink vocabulary)"),
    ColumnMeta("content_type", "char", "*", ucd="meta.code.mime", description="Media type"),
    ColumnMeta("content_length", "long", unit="byte", ucd="phys.size;meta.file", description="Size"),
    ColumnMeta("content_qualifier", "char", "*", description="Kind of data product (product-type vocabulary)"),
    ColumnMeta("local_semantics", "char", "*", ucd="meta.id.assoc", description="Kind of the HDU (GADF HDU_CLASS)"),
    ColumnMeta("link_auth", "char", "*", ucd="meta.code", description="Whether fetching needs a login: false or true"),
    ColumnMeta("link_authorized", "boolean", ucd="meta.code", description="Whether you may fetch it"),
)
_QUALIFIERS = {
    "event-bundle": "event-list",
    "event-list": "event-list",
    "aeff": "aeff",
    "edisp": "edisp",
    "psf": "psf",
    "bkgrate": "bkgrate",
    "arf": "arf",
    "rmf": "rmf",
    "counts-map": "image",
    "counts-cube": "cube",
    "counts-spectrum": "spectrum",
    "flux-points": "sed",
    "light-curve": "light-curve",
    "table": "measurements",
    "preview-image": "image",
    "preview-plot": "image",
}
"""Terms of the product-type vocabulary, and of the high-energy draft's part of it, by kind of product. An event list is
one whether its responses are in the same file or not: that is what analysis tools look for."""
_MAPS = frozenset({"counts-map", "counts-cube"})
"""Published results whose pictures are images of the sky."""
BATCH = 200
"""Identifiers whose rows are made at once."""


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the links table; the fields are the columns."""

    id: str
    access_url: str | None = None
    service_def: str | None = None
    error_message: str | None = None
    description: str | None = None
    semantics: str = "#this"
    content_type: str | None = None
    content_length: int | None = None
    content_qualifier: str | None = None
    local_semantics: str | None = None
    link_auth: str | None = None
    link_authorized: bool | None = None

    def row(self) -> tuple[object, ...]:
        return tuple(getattr(self, f.name) for f in fields(self))


class LinksDocument:
    """The links of identifiers as a document that is written while they are read."""

    def __init__(self, identifiers: Sequence[str], request: HttpRequest) -> None:
        self._identifiers = tuple(dict.fromkeys(identifiers))
        self._base = base_url(request).rstrip("/")
        self._viewer = viewer_of(request)
        self._archive = Archive(self._viewer)
        self._own = results_by_input(requester(request)) if self._identifiers else {}
        self._jobs = [_OfferedJob.to(kind, self._viewer) for kind in offers.offered()]
        self._used: dict[str, JobType] = {}
        self._cut: Product | None = None

    def pieces(self, *, is_cut: bool = False) -> Iterator[bytes]:
        """The VOTable, batch by batch of identifiers; `is_cut`: more were asked for than are answered."""
        return write(
            COLUMNS,
            (_record_batch(rows) for rows in self.batches()),
            serialization="tabledata",
            infos=[Info("standardID", DATALINK_STANDARD)],
            descriptors=self._descriptors(),
            status="OVERFLOW" if is_cut else "OK",
        )

    def batches(self) -> Iterator[list[Link]]:
        """Rows of some identifiers at a time: those of one together, in the order they were asked for."""
        for start in range(0, len(self._identifiers), BATCH):
            asked = self._identifiers[start : start + BATCH]
            found = self._archive.of(asked)
            foreign = foreign_lists(product for product, _ in found.values())
            yield [link for identifier in asked for link in self._links(identifier, found.get(identifier), foreign)]

    def _links(
        self, identifier: str, found: tuple[Product, Belongings] | None, foreign: Collection[int]
    ) -> Iterator[Link]:
        if found is None:
            message = f"NotFoundFault: this archive has no data set with the identifier {identifier}"
            yield Link(identifier, error_message=message, description="Unknown identifier")
            return
        product, belongings = found
        jobs = [job for job in self._jobs if product.semantics == "#this" and takes(job.kind, product, foreign)]
        self._used |= {job.kind.name: job.kind for job in jobs}
        self._cut = product if soda.has_events(product) else self._cut
        own = self._own.get(product.did, [])
        yield from _Rows(identifier, product, belongings, self._viewer, self._base).all(jobs, own)

    def _descriptors(self) -> Iterator[ServiceDescriptor]:
        """Asked for when the rows have been written: only then it is known which services they refer to."""
        if self._cut is not None:
            # The limits of one data set are said where the document is about that one.
            yield from soda.descriptors(self._base, self._cut.observation if len(self._identifiers) == 1 else None)
        for kind in self._used.values():
            yield job_descriptor(kind, self._base, "ID")
        yield self_descriptor(self._base)


def _record_batch(rows: Sequence[Link]) -> pa.RecordBatch:
    schema = arrow_schema(COLUMNS)
    values = zip(*(link.row() for link in rows), strict=True) if rows else ((),) * len(COLUMNS)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)], schema=schema
    )


@dataclass(frozen=True, slots=True)
class _OfferedJob:
    """A job type on offer, and whether the viewer may make such jobs."""

    kind: JobType
    is_for_everybody: bool
    is_allowed: bool

    @classmethod
    def to(cls, kind: JobType, viewer: Viewer) -> Self:
        refusal = offers.refusal(kind, viewer.name, viewer.is_curator)
        return cls(kind, offers.is_for_everybody(kind), refusal is None)


def self_descriptor(base_url: str) -> ServiceDescriptor:
    """The links service describing itself (DataLink 1.1 section 4.4)."""
    identifier = COLUMNS[0].but(description="Publisher identifier of a data set; repeatable")
    response_format = ColumnMeta("RESPONSEFORMAT", "char", "*", description="Format of the answer")
    return ServiceDescriptor(
        id="this_service",
        params=(
            ("standardID", DATALINK_STANDARD),
            ("accessURL", f"{base_url.rstrip('/')}{LINKS_PATH}"),
            ("contentType", DATALINK_TYPE),
        ),
        inputs=((identifier, None), (response_format, None)),
        description="This service",
        options={"RESPONSEFORMAT": ("votable", "application/x-votable+xml")},
        utype="adhoc:this",
    )


class _Rows:
    """Makes the rows of one product."""

    def __init__(
        self, identifier: str, product: Product, belongings: Belongings, viewer: Viewer, base_url: str
    ) -> None:
        self._id, self._product, self._has, self._base = identifier, product, belongings, base_url
        self._viewer = viewer
        self._auth, self._authorized = self._rights(product)
        self._did = encoded(product.did)

    def all(self, jobs: Sequence[_OfferedJob], own: Sequence[tuple[Job, Result]]) -> Iterator[Link]:
        if self._has.hdu is not None:
            yield self._of_hdu(self._has.hdu, "#this", self._product.description)
        yield from self._own_files()
        yield from self._responses()
        for product, use in self._has.companions:
            yield self._of_file(product, use, product.semantics, product.description)
        if self._product.semantics == "#this" and self._has.files:
            yield self._package()
        yield from self._relatives()
        yield from (self._result(job, result) for job, result in own)
        yield self._provenance()
        if soda.has_events(self._product):
            yield from self._cut_outs()
        for job in jobs:
            yield Link(
                self._id, service_def=f"job_{job.kind.name}", description=f"{job.kind.title}: {job.kind.description}",
                semantics="#proc", link_auth="false" if job.is_for_everybody else "true",
                link_authorized=job.is_allowed,
            )  # fmt: skip

    def _cut_outs(self) -> Iterator[Link]:
        for service, description in soda.SERVICES:
            yield Link(
                self._id, service_def=service, description=description, semantics="#cutout",
                link_auth=self._auth, link_authorized=self._authorized,
            )  # fmt: skip

    def _own_files(self) -> Iterator[Link]:
        for use in self._has.files:
            # Files beside the main one that hold responses only are listed among those.
            if use.position == 0 or not set(use.hdus) & set(RESPONSES):
                yield self._own_file(use)

    def _own_file(self, use: ProductFile) -> Link:
        if use.position and use.file.media_type.startswith("image/"):
            kind = "#preview-image" if self._product.subtype in _MAPS else "#preview-plot"
            return self._of_file(self._product, use, kind, "Picture of it")
        return self._of_file(self._product, use, "#this", self._product.description, qualifier(self._product.subtype))

    def _responses(self) -> Iterator[Link]:
        """Files with responses as they are, and each response: as a small file of its own where that can be had."""
        alone = {row.hdu_type: row for row in self._has.hdus if row.hdu_size is not None}
        for use in self._has.files:
            kinds = [RESPONSES[kind] for kind in use.hdus if kind in RESPONSES]
            if any(kind.hdu_type in alone for kind in kinds):
                titles = ", ".join(f"{kind.title.lower()} ({use.hdus[kind.hdu_type]})" for kind in kinds)
                description = f"All of {content_name(use)}, with its {titles}"
                yield self._of_file(self._product, use, "#calibration", description)
            for kind in kinds:
                name = use.hdus[kind.hdu_type]
                description = f"{kind.title} (HDU {name} of {content_name(use)})"
                row = alone.get(kind.hdu_type)
                if row is not None and row.file_id == use.pk:
                    yield self._of_hdu(row, "#calibration", f"{description}, alone")
                elif row is None:
                    yield self._of_file(
                        self._product, use, "#calibration", description, qualifier(kind.term),
                        fragment=quote(name), local=use.hdu_classes.get(kind.hdu_type),
                    )  # fmt: skip

    def _relatives(self) -> Iterator[Link]:
        """Other data sets, by their own links: what it was made from, what was made of it, what replaces it."""
        if self._has.main is not None:
            yield self._to_links(self._has.main, "#progenitor", "The data set that it is a part of")
        for product in self._has.progenitors:
            yield self._to_links(product, "#progenitor", f"It was made from this: {product.did}")
        for product in self._has.derivations:
            yield self._to_links(product, "#derivation", f"{product.description} ({product.did})")
        newer = self._has.successor
        if newer is not None:
            text = f"The same in release {newer.release.name}, which replaces {self._product.release.name}"
            yield self._to_links(newer, "#coderived", text)

    def _to_links(self, product: Product, semantics: str, description: str) -> Link:
        return Link(
            self._id, f"{self._base}{LINKS_PATH}?ID={encoded(product.did)}", description=description,
            semantics=semantics, content_type=DATALINK_TYPE, content_qualifier=qualifier(product.subtype),
            link_auth="false", link_authorized=True,
        )  # fmt: skip

    def _result(self, job: Job, result: Result) -> Link:
        """A result of the visitor's own; that of an anonymous job is opened by its address alone."""
        where = f"{self._base}/{jobtypes.location(job.job_type)}/{job.public_id}/results/{result.name}"
        return Link(
            self._id, where, description=f"{result.description} (your job of {job.created:%Y-%m-%d %H:%M:%S})",
            semantics="#derivation", content_type=result.media_type, content_length=result.file.size,
            content_qualifier=qualifier(result.product_type),
            link_auth="false" if job.owner_id is None else "true", link_authorized=True,
        )  # fmt: skip

    def _package(self) -> Link:
        return Link(
            self._id, f"{self._base}{BUNDLE_PATH}?ID={self._did}", semantics="#package",
            description="All its files and the documents of its release in one", content_type=BUNDLE_TYPE,
            link_auth=self._auth, link_authorized=self._authorized,
        )  # fmt: skip

    def _provenance(self) -> Link:
        whose = self._product if self._has.hdu is None or self._has.main is None else self._has.main
        return Link(
            self._id, f"{self._base}{PROVENANCE_PATH}?ID={encoded(whose.did)}",
            description="Provenance: where it comes from and how it was made (PROV-JSON)",
            semantics="#documentation", content_type="application/json", link_auth="false", link_authorized=True,
        )  # fmt: skip

    def _of_hdu(self, row: HDUIndex, semantics: str, description: str) -> Link:
        """An HDU as a file of its own; the fragment names it there."""
        kind = RESPONSES.get(row.hdu_type)
        return Link(
            self._id, f"{self._base}{RETRIEVE_PATH}?{row.hdu_query}#{quote(row.hdu_name)}", description=description,
            semantics=semantics, content_type=parts.MEDIA_TYPE, content_length=row.hdu_size,
            content_qualifier=qualifier(kind.term) if kind is not None else None, local_semantics=row.hdu_class,
            link_auth=self._auth, link_authorized=self._authorized,
        )  # fmt: skip

    def _of_file(
        self,
        product: Product,
        use: ProductFile,
        semantics: str,
        description: str,
        content_qualifier: str | None = None,
        *,
        fragment: str = "",
        local: str | None = None,
    ) -> Link:
        auth, authorized = self._rights(product)
        url = retrieve_url(self._base, product, use) + (f"#{fragment}" if fragment else "")
        return Link(
            self._id,
            url,
            description=description or content_name(use),
            semantics=semantics,
            content_type=use.file.media_type,
            content_length=content_size(use.file),
            content_qualifier=content_qualifier,
            local_semantics=local,
            link_auth=auth,
            link_authorized=authorized,
        )

    def _rights(self, product: Product) -> tuple[str, bool]:
        """Whether fetching its bytes needs a login, and whether the viewer may."""
        return "false" if POLICY.may_read(product, ANONYMOUS) else "true", POLICY.may_read(product, self._viewer)


def retrieve_url(base_url: str, product: Product, use: ProductFile) -> str:
    """Absolute URL of a file of a product."""
    url = f"{base_url.rstrip('/')}{RETRIEVE_PATH}?ID={encoded(product.did)}"
    return url if use.position == 0 else f"{url}&FILE={quote(use.name, safe='')}"


def qualifier(kind: str | None) -> str | None:
    """`content_qualifier` of a kind of product or response; None where the vocabularies have no word for it.

    A term is written as in `semantics`, with a `#` (DataLink 1.1 section 3.2.9).
    """
    term = _QUALIFIERS.get(kind or "")
    return f"#{term}" if term else None


def identifiers_within(identifiers: Iterable[str], limit: int) -> tuple[list[str], bool]:
    """The first `limit` different identifiers, and whether there were more."""
    unique = list(dict.fromkeys(i for i in identifiers if i.strip()))
    return unique[:limit], len(unique) > limit
