"""Makes the rows of an event list in the index tables, and its responses as products with rows in ObsCore.

Called within the transaction that writes the observation, and again by `manage.py reindex` for what is there already:
rows that exist are made anew, identifiers and products stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from astropy import units as u
from astropy.coordinates import SkyCoord
from django.conf import settings

from archive.gadf.parts import Part, find_parts
from archive.gadf.tables import HDUIndex, ObservationIndex
from archive.identifiers import encoded
from archive.models import ObsCore, ObsCoreHEA, Product
from archive.obscore.mapping import response_hea_values, response_values
from archive.readers.records import ObservationRecord
from archive.rereading import StoredUse
from archive.responses import RESPONSES


def index(product: Product, record: ObservationRecord, files: Sequence[StoredUse], released: datetime) -> None:
    """Write everything that the index tables and ObsCore say of an event list beyond its own ObsCore row.

    `released`: since when the data are public (UTC).
    """
    _index_observation(product, record)
    rows = _index_hdus(product, record, files)
    _publish_responses(product, record, rows, released)


def _index_observation(product: Product, record: ObservationRecord) -> None:
    run = record.run
    if run is None:
        return
    assert record.livetime is not None
    longitude = latitude = None
    if record.ra_pnt is not None and record.dec_pnt is not None:
        galactic = SkyCoord(record.ra_pnt, record.dec_pnt, unit=u.deg).galactic
        longitude, latitude = float(galactic.l.deg), float(galactic.b.deg)
    zenith = record.zen_pnt if record.zen_pnt is not None or run.alt_pnt is None else 90.0 - run.alt_pnt
    ObservationIndex.objects.update_or_create(
        product=product,
        defaults={
            "obs_id": record.obs_id,
            "obs_publisher_did": product.did,
            "obs_mode": record.obs_mode or None,
            "ra_pnt": record.ra_pnt,
            "dec_pnt": record.dec_pnt,
            "glon_pnt": longitude,
            "glat_pnt": latitude,
            "alt_pnt": run.alt_pnt,
            "az_pnt": run.az_pnt,
            "zen_pnt": zenith,
            "tstart": run.tstart,
            "tstop": run.tstop,
            "mjdrefi": run.mjdrefi,
            "mjdreff": run.mjdreff,
            "timesys": run.timesys,
            "t_min": record.gti[0][0],
            "t_max": record.gti[-1][1],
            "ontime": record.ontime,
            "livetime": record.livetime,
            "deadc": run.deadc,
            "n_tels": run.n_tels,
            "tellist": run.tellist or None,
            "object": record.target_name or None,
            "ra_obj": record.ra_obj,
            "dec_obj": record.dec_obj,
            "quality": record.quality,
            "event_count": record.event_count,
            "geolon": run.geolon,
            "geolat": run.geolat,
            "altitude": run.altitude,
        },
    )


def _index_hdus(product: Product, record: ObservationRecord, files: Sequence[StoredUse]) -> list[HDUIndex]:
    """The rows of the HDU index; where two files have an HDU of the same kind, the first counts."""
    HDUIndex.objects.filter(product=product).delete()
    did = encoded(product.did)
    folder = f"{product.release.collection.name}/{product.release.name}/{record.obs_id}"
    rows: dict[str, HDUIndex] = {}
    for file in files:
        use = file.use
        parts = find_parts(file.path, list(use.hdus.values()))
        query = f"ID={did}" if use.position == 0 else f"ID={did}&FILE={encoded(use.name)}"
        for hdu_type, name in use.hdus.items():
            part = parts.get(name)
            rows.setdefault(
                hdu_type,
                HDUIndex(
                    product=product,
                    file=use,
                    obs_id=record.obs_id,
                    obs_publisher_did=product.did,
                    hdu_type=hdu_type,
                    hdu_class=use.hdu_classes.get(hdu_type) or None,
                    file_dir=folder,
                    file_name=use.name,
                    hdu_name=name,
                    size=use.file.size,
                    file_query=query,
                    hdu_query=f"ID={did}&HDU={hdu_type}",
                    **_place(part),
                ),
            )
    return HDUIndex.objects.bulk_create(rows.values())


def _place(part: Part | None) -> dict[str, int | str]:
    if part is None:
        return {}
    return {
        "hdu_size": part.size,
        "hdu_offset": part.offset,
        "hdu_length": part.length,
        "hdu_sha256": part.sha256,
    }


def _publish_responses(
    product: Product, record: ObservationRecord, rows: Sequence[HDUIndex], released: datetime
) -> None:
    """A product and ObsCore rows for each response that can be fetched by itself."""
    wanted = {
        f"{product.did}/{kind.term}": (row, kind)
        for row in rows
        if row.hdu_size and (kind := RESPONSES.get(row.hdu_type)) and kind.term
    }
    known = {p.did: p for p in Product.objects.filter(did__in=wanted)}
    Product.objects.bulk_create(
        Product(
            did=did, release=product.release, observation=product.observation, subtype=kind.term or "",
            semantics="#calibration", description=f"{kind.title} of observation {record.obs_id}",
        )
        for did, (_, kind) in wanted.items()
        if did not in known
    )  # fmt: skip
    products = {p.did: p for p in Product.objects.filter(did__in=wanted)}
    for did, (row, _) in wanted.items():
        row.response = products[did]
    HDUIndex.objects.bulk_update([row for row, _ in wanted.values()], ["response"])
    ObsCore.objects.filter(product__in=products.values()).delete()
    described = ObsCore.objects.bulk_create(
        ObsCore(
            product=products[did],
            did_encoded=encoded(did),
            **response_values(
                record, kind.hdu_type, kind.term or "", kind.title,
                collection=product.release.collection.name, did=did,
                publisher=f"ivo://{settings.DISTILLER_AUTHORITY}", size=row.hdu_size or 0, released=released,
            ),
        )
        for did, (row, kind) in wanted.items()
    )  # fmt: skip
    ObsCoreHEA.objects.bulk_create(
        ObsCoreHEA(obscore=row, **response_hea_values(record, kind.hdu_type, did=row.obs_publisher_did))
        for row, (_, kind) in zip(described, wanted.values(), strict=True)
    )
