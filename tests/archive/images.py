"""Image products for tests: no reader takes images in, so the rows are made as ingest makes those of event lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archive.identifiers import encoded, make_did
from archive.models import Collection, ObsCore, Product, Release
from vo.regions import position_columns, region_box

COLLECTION = "Maps"
_BOX = ("region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax")
_KNOWN = {
    "dataproduct_type": "image", "calib_level": 3, "t_min": 53000.0, "t_max": 53001.0, "em_min": 1e-20, "em_max": 1e-18,
    "s_fov": 4.0, "s_resolution": 360.0, "em_res_power": 8.0, "t_exptime": 1800.0, "t_resolution": 60.0,
    "facility_name": "HESS", "instrument_name": "H.E.S.S. Phase I", "s_xel1": 200, "s_xel2": 200,
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "crab": {
        **_KNOWN, "s_ra": 83.63, "s_dec": 22.01, "s_region": "CIRCLE ICRS 83.63 22.01 2", "target_name": "Crab Nebula",
    },
    "crab-cube": {
        **_KNOWN, "dataproduct_type": "cube", "s_ra": 84.0, "s_dec": 22.0, "target_name": "M 1's pulsar",
        "s_region": "POLYGON ICRS 83 21 85 21 85 23 83 23", "pol_states": "/I/Q/", "calib_level": 4, "em_max": 5e-20,
    },
    "crab-events": {
        **_KNOWN, "dataproduct_type": "event", "s_ra": 83.63, "s_dec": 22.01, "s_region": "CIRCLE ICRS 83.63 22.01 2",
    },
    "meridian": {
        **_KNOWN, "s_ra": 0.0, "s_dec": 0.0, "s_region": "POLYGON ICRS 359 -1 1 -1 1 1 359 1", "t_min": 59000.0,
        "t_max": 59000.5, "s_fov": 2.0, "s_resolution": 30.0, "t_exptime": 60.0, "pol_states": "/POLI/",
    },
    "pole": {**_KNOWN, "s_ra": 10.0, "s_dec": 89.5, "s_region": "CIRCLE ICRS 10 89.5 1", "facility_name": "VERITAS"},
    "south": {**_KNOWN, "s_ra": 200.0, "s_dec": -45.0, "s_region": "CIRCLE ICRS 200 -45 0.5", "em_res_power": 80.0},
    "unknown": {"dataproduct_type": "image", "calib_level": 3},
}  # fmt: skip


@contextmanager
def image_products() -> Iterator[None]:
    """The rows are in the archive, committed: queries read by connections of their own."""
    collection = Collection.objects.create(name=COLLECTION)
    release = Release.objects.create(collection=collection, name="r1")
    for name, values in ROWS.items():
        did = make_did(COLLECTION, "r1", name)
        product = Product.objects.create(did=did, release=release, subtype="counts-map")
        x, y, z = position_columns(values.get("s_ra"), values.get("s_dec"))
        box = dict(zip(_BOX, region_box(values.get("s_region")), strict=True))
        ObsCore.objects.create(
            product=product, did_encoded=encoded(did), obs_publisher_did=did, obs_collection=COLLECTION, obs_id=name,
            pos_x=x, pos_y=y, pos_z=z, **box, **values,
        )  # fmt: skip
    try:
        yield
    finally:
        rows = Product.objects.filter(release=release)
        ObsCore.objects.filter(product__in=rows).delete()
        rows.delete()
        release.delete()
        collection.delete()
