"""Publishes `ivoa.obscore`, `ivoa.obscore_hea` and the tables of the schema `gadf` to TAP."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, literal

from archive.eventtable.columns import CELLS, EVENTS, PARENTS
from archive.eventtable.examples import EVENT_EXAMPLES
from archive.gadf.columns import GADF, HDU_INDEX, OBS_INDEX
from archive.gadf.examples import GADF_EXAMPLES
from archive.obscore.columns import DATALINK_TYPE, OBSCORE
from archive.obscore.examples import HEA_EXAMPLES, OBSCORE_EXAMPLES
from archive.obscore.hea_columns import OBSCORE_HEA
from archive.obscore.use_cases import USE_CASES
from archive.policy import POLICY
from tap.registry import (
    CoverageIndex,
    PositionIndex,
    PublishedTable,
    QueryContext,
    RegionIndex,
    publish,
    publish_schema,
)
from vo.columns import SchemaMeta, ServiceDescriptor

LINKS_PATH = "/datalink/links"
RETRIEVE_PATH = "/retrieve"
DATALINK_STANDARD = "ivo://ivoa.net/std/DataLink#links-1.1"

POSITION = PositionIndex("s_ra", "s_dec", ("pos_x", "pos_y", "pos_z"))
REGION = RegionIndex(
    "s_region", ("region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax")
)
COVERAGE = CoverageIndex("t_intervals", "t_coverage", ("t_first", "t_last"))


def publish_tables() -> None:
    """Add the archive's tables to the registry of published tables."""
    publish_schema(SchemaMeta("ivoa", "Tables defined by IVOA standards"))
    publish(
        PublishedTable(
            meta=OBSCORE,
            sql_name="ivoa_obscore",
            positions=(POSITION,),
            regions=(REGION,),
            expressions={"access_url": _access_url, "access_format": _access_format},
            rows=POLICY.obscore_rows,
            descriptors=lambda base_url: (links_descriptor(base_url),),
            examples=OBSCORE_EXAMPLES,
            identifier="obs_publisher_did",
        )
    )
    publish(
        PublishedTable(
            meta=OBSCORE_HEA,
            sql_name="ivoa_obscore_hea",
            coverages=(COVERAGE,),
            rows=POLICY.obscore_rows,
            descriptors=lambda base_url: (links_descriptor(base_url),),
            examples=HEA_EXAMPLES + USE_CASES,
        )
    )
    publish_schema(GADF)
    publish(
        PublishedTable(
            meta=OBS_INDEX,
            sql_name="gadf_obs_index",
            rows=POLICY.obscore_rows,
            descriptors=lambda base_url: (links_descriptor(base_url),),
            examples=GADF_EXAMPLES,
        )
    )
    publish(
        PublishedTable(
            meta=HDU_INDEX,
            sql_name="gadf_hdu_index",
            expressions={"file_url": _file_url, "hdu_url": _hdu_url},
            rows=POLICY.obscore_rows,
            descriptors=lambda base_url: (links_descriptor(base_url),),
        )
    )
    publish(
        PublishedTable(
            meta=EVENTS,
            sql_name="gadf_event",
            key="cell",
            cells=(CELLS,),
            parents=PARENTS,
            rows=POLICY.event_rows,
            descriptors=lambda base_url: (links_descriptor(base_url),),
            examples=EVENT_EXAMPLES,
        )
    )


def links_descriptor(base_url: str) -> ServiceDescriptor:
    """The DataLink service as a descriptor for tables with obs_publisher_did (DataLink 1.1 section 4)."""
    identifier = OBSCORE.column("obs_publisher_did").but(
        name="ID", ucd="meta.id;meta.main", utype=None, description="Publisher identifier of the data set"
    )
    return ServiceDescriptor(
        id="datalink",
        params=(
            ("standardID", DATALINK_STANDARD),
            ("accessURL", f"{base_url.rstrip('/')}{LINKS_PATH}"),
            ("contentType", DATALINK_TYPE),
        ),
        inputs=((identifier, "obs_publisher_did"),),
        description="Files, responses, previews and services of each data set",
    )


def published_activities(activities: Collection[str]) -> set[str]:
    """Those of the jobs (by `Job.activity`) that have a published result."""
    from archive.models import Product

    return set(Product.objects.filter(activity__in=activities).values_list("activity", flat=True))


def _access_url(table: FromClause, context: QueryContext) -> ColumnElement[Any]:
    return literal(f"{context.base_url.rstrip('/')}{LINKS_PATH}?ID=") + table.c.did_encoded


def _access_format(table: FromClause, context: QueryContext) -> ColumnElement[Any]:
    return literal(DATALINK_TYPE)


def _file_url(table: FromClause, context: QueryContext) -> ColumnElement[Any]:
    return literal(f"{context.base_url.rstrip('/')}{RETRIEVE_PATH}?") + table.c.file_query


def _hdu_url(table: FromClause, context: QueryContext) -> ColumnElement[Any]:
    """NULL where the place of the HDU is not known, so that no URL leads nowhere."""
    url = literal(f"{context.base_url.rstrip('/')}{RETRIEVE_PATH}?") + table.c.hdu_query
    return case((table.c.hdu_size.is_not(None), url))
