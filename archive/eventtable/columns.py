"""Column metadata of `gadf.events`, and how its rows are put together and found."""

from __future__ import annotations

from archive.obscore.columns import OBSCORE
from tap.registry import CellIndex, Parent
from vo.columns import ColumnMeta, ForeignKeyMeta, TableMeta

BOX = ("x_min", "y_min", "z_min", "x_max", "y_max", "z_max")
CELLS = CellIndex("ra", "dec", cell="cell", parent="gadf_event_cell", box=BOX)
PARENTS = (
    Parent("gadf_event_cell", "cell_id", {"cell": "id", "obscore_id": "obscore_id", **{name: name for name in BOX}}),
    Parent("ivoa_obscore", "obscore_id", {"obs_publisher_did": "obs_publisher_did", "obs_id": "obs_id"}),
)

EVENTS = TableMeta(
    name="gadf.events",
    columns=(
        OBSCORE.column("obs_publisher_did").but(std=False, principal=True, indexed=True),
        OBSCORE.column("obs_id").but(std=False, principal=True, indexed=True),
        ColumnMeta(
            "event_id",
            "long",
            ucd="meta.id;meta.main",
            description="Number of the event in its event list (EVENT_ID); of Fermi-LAT, in a run of the detector",
            principal=True,
        ),
        ColumnMeta(
            "mjd",
            "double",
            unit="d",
            ucd="time.epoch;meta.main",
            description="Arrival time at the observatory, MJD in UTC, to a microsecond (TIME)",
            principal=True,
            indexed=True,
        ),
        ColumnMeta(
            "ra",
            "double",
            unit="deg",
            ucd="pos.eq.ra;meta.main",
            description="Reconstructed right ascension, ICRS (RA)",
            principal=True,
            indexed=True,
        ),
        ColumnMeta(
            "dec",
            "double",
            unit="deg",
            ucd="pos.eq.dec;meta.main",
            description="Reconstructed declination, ICRS (DEC)",
            principal=True,
            indexed=True,
        ),
        ColumnMeta(
            "energy", "double", unit="TeV", ucd="em.energy", description="Reconstructed energy (ENERGY)", principal=True
        ),
        ColumnMeta(
            "event_type",
            "long",
            ucd="meta.code.class",
            description="Bits of EVENT_TYPE as a number; NULL if the event list has none",
        ),
    ),
    description="The events of all public event lists (GADF 0.3, EVENTS; photons of Fermi-LAT), one row an event",
    foreign_keys=(
        ForeignKeyMeta(
            "ivoa.obscore",
            (("obs_publisher_did", "obs_publisher_did"),),
            "The event list that the event is in",
        ),
    ),
)
