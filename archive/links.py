"""The links of a product: its file, responses, previews, documents, newer versions, and what can be done with it.

Source: DataLink 1.1 sections 3.2 and 4; the terms for responses from the high-energy draft (obscore.md OC-41).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from urllib.parse import quote

from archive import lookup
from archive.acceptance import takes
from archive.identifiers import encoded
from archive.models import Product, ProductFile
from archive.obscore.columns import DATALINK_TYPE
from archive.policy import POLICY
from archive.published import DATALINK_STANDARD, LINKS_PATH
from tap.registry import Viewer
from uws import offers
from uws.descriptors import descriptor as job_descriptor
from uws.jobtypes import JobType
from vo.columns import ColumnMeta, ServiceDescriptor

RETRIEVE_PATH = "/retrieve"
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
_RESPONSES = {
    "aeff": ("aeff", "Effective area"),
    "edisp": ("edisp", "Energy dispersion"),
    "psf": ("psf", "Point spread function"),
    "bkg": ("bkgrate", "Background rate"),
    "rad_max": (None, "Directional cut (RAD_MAX)"),
    "arf": ("arf", "Effective area (ARF)"),
    "rmf": ("rmf", "Redistribution of energies (RMF)"),
    "background": (None, "Background spectrum"),
    "exposure": (None, "Exposure"),
    "gtpsf": ("psf", "Point spread function (gtpsf)"),
}


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


@dataclass(frozen=True, slots=True)
class Links:
    """The links of some identifiers, and the service descriptors that their rows refer to."""

    rows: tuple[Link, ...]
    descriptors: tuple[ServiceDescriptor, ...]


def links_of(identifiers: Sequence[str], viewer: Viewer, base_url: str) -> Links:
    """Links of each identifier, those of one together, in the order they were asked for."""
    products = lookup.products(identifiers, viewer)
    rows: list[Link] = []
    offered: dict[str, JobType] = {}
    for identifier in dict.fromkeys(identifiers):
        product = products.get(identifier)
        if product is None:
            message = f"NotFoundFault: this archive has no data set with the identifier {identifier}"
            rows.append(Link(identifier, error_message=message, description="Unknown identifier"))
            continue
        builder = _Builder(identifier, product, viewer, base_url.rstrip("/"))
        rows += builder.rows()
        offered |= {job_type.name: job_type for job_type in builder.job_types}
    descriptors = [job_descriptor(job_type, base_url, "ID") for job_type in offered.values()]
    return Links(tuple(rows), (*descriptors, self_descriptor(base_url)))


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


class _Builder:
    """Makes the rows of one product."""

    def __init__(self, identifier: str, product: Product, viewer: Viewer, base_url: str) -> None:
        self._id, self._product, self._viewer, self._base = identifier, product, viewer, base_url
        self._files = list(product.files.select_related("file").order_by("position"))
        is_data = product.semantics == "#this"
        self.job_types = [j for j in offers.offered() if is_data and takes(j, product)]

    def rows(self) -> Iterator[Link]:
        yield from self._own_files()
        if self._product.semantics == "#this":
            yield from self._responses()
            yield from self._companions()
        yield self._provenance()
        yield from self._successor()
        for job_type in self.job_types:
            yield Link(
                self._id, service_def=f"job_{job_type.name}", description=f"{job_type.title}: {job_type.description}",
                semantics="#proc", link_auth="false" if offers.is_for_everybody(job_type) else "true",
                link_authorized=offers.refusal(job_type, self._viewer.name, self._viewer.is_curator) is None,
            )  # fmt: skip

    def _own_files(self) -> Iterator[Link]:
        for use in self._files:
            # Files beside the main one hold responses only: they are listed by what is in them.
            if use.position == 0 or not set(use.hdus) & set(_RESPONSES):
                yield self._link(self._product, use, "#this", self._product.description, self._product.subtype)

    def _responses(self) -> Iterator[Link]:
        for use in self._files:
            for kind, (qualifier, description) in _RESPONSES.items():
                if kind in use.hdus:
                    hdu = use.hdus[kind]
                    yield self._link(
                        self._product, use, "#calibration", f"{description} (HDU {hdu} of {use.name})", qualifier,
                        fragment=quote(hdu), local=use.hdu_classes.get(kind),
                    )  # fmt: skip

    def _companions(self) -> Iterator[Link]:
        """Previews of the observation and documents of the release."""
        others = (
            Product.objects.filter(observation=self._product.observation)
            if self._product.observation is not None
            else Product.objects.none()
        )
        documents = Product.objects.filter(release=self._product.release, observation=None)
        for product in (*others.exclude(pk=self._product.pk).order_by("pk"), *documents.order_by("did")):
            for use in product.files.select_related("file"):
                yield self._link(product, use, product.semantics, product.description, None)

    def _provenance(self) -> Link:
        return Link(
            self._id,
            f"{self._base}{PROVENANCE_PATH}?ID={encoded(self._product.did)}",
            description="Provenance: where it comes from and how it was made (PROV-JSON)",
            semantics="#documentation",
            content_type="application/json",
            link_auth="false",
            link_authorized=True,
        )

    def _successor(self) -> Iterator[Link]:
        newer = lookup.successor(self._product)
        if newer is not None:
            yield Link(
                self._id,
                f"{self._base}{LINKS_PATH}?ID={encoded(newer.did)}",
                description=f"The same in release {newer.release.name}, which replaces {self._product.release.name}",
                semantics="#coderived",
                content_type=DATALINK_TYPE,
                link_auth="false",
                link_authorized=True,
            )

    def _link(
        self,
        product: Product,
        use: ProductFile,
        semantics: str,
        description: str,
        qualifier: str | None,
        *,
        fragment: str = "",
        local: str | None = None,
    ) -> Link:
        url = retrieve_url(self._base, product, use) + (f"#{fragment}" if fragment else "")
        allowed = POLICY.may_read(product, self._viewer)
        return Link(
            self._id,
            url,
            description=description or use.name,
            semantics=semantics,
            content_type=use.file.media_type,
            content_length=use.file.size,
            content_qualifier=f"#{qualifier}" if qualifier else None,
            local_semantics=local,
            link_auth="false" if POLICY.may_read(product, Viewer()) else "true",
            link_authorized=allowed,
        )


def retrieve_url(base_url: str, product: Product, use: ProductFile) -> str:
    """Absolute URL of a file of a product."""
    url = f"{base_url.rstrip('/')}{RETRIEVE_PATH}?ID={encoded(product.did)}"
    return url if use.position == 0 else f"{url}&FILE={quote(use.name, safe='')}"


def identifiers_within(identifiers: Iterable[str], limit: int) -> tuple[list[str], bool]:
    """The first `limit` different identifiers, and whether there were more."""
    unique = list(dict.fromkeys(i for i in identifiers if i.strip()))
    return unique[:limit], len(unique) > limit
