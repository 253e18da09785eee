"""An uploaded table as queries see it: names that can be written, and its main position, if it has one, indexed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tap.registry import PositionIndex, PublishedTable
from tap.uploads.content import Content
from vo.columns import ColumnMeta, TableMeta
from vo.regions import unit_vectors

SCHEMA = "TAP_UPLOAD"
KEY = "id"
XYZ = ("pos_x", "pos_y", "pos_z")
_PAIRS = (("ra", "dec"), ("raj2000", "dej2000"), ("ra_icrs", "de_icrs"), ("ra2000", "de2000"), ("s_ra", "s_dec"))
"""Names of positions that catalogues use, for columns without a UCD."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A table of one query: `published` is what the resolver finds, `data` its rows, in the order of `sql_names`."""

    published: PublishedTable
    data: pa.Table

    @property
    def columns(self) -> tuple[ColumnMeta, ...]:
        return self.published.meta.columns

    @property
    def sql_names(self) -> tuple[str, ...]:
        """Columns in the database."""
        return tuple(self.published.sql_columns[c.name] for c in self.columns)

    @property
    def position(self) -> PositionIndex | None:
        return self.published.positions[0] if self.published.positions else None

    def vectors(self) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Unit vectors of the main position; NULL where there is none."""
        assert self.position is not None
        names = [c.name for c in self.columns]
        lon, lat = (
            self.data.column(names.index(n)).combine_chunks().cast(pa.float64()).to_numpy(zero_copy_only=False)
            for n in (self.position.lon, self.position.lat)
        )
        known = np.isfinite(lon) & np.isfinite(lat)
        xyz = unit_vectors(np.where(known, lon, 0.0), np.where(known, lat, 0.0))
        x, y, z = (pa.array(np.ascontiguousarray(xyz[:, i]), mask=~known) for i in range(3))
        return x, y, z


def upload(name: str, number: int, content: Content) -> Upload:
    """The table of that name; `number` tells the tables of a query apart in the database."""
    columns = _named(content.columns)
    position = _position(columns)
    published = PublishedTable(
        TableMeta(f"{SCHEMA}.{name}", columns, "Uploaded with the query"),
        sql_name=f"tap_upload_{number}",
        key=KEY,
        positions=() if position is None else (PositionIndex(*position, XYZ),),
        sql_columns={column.name: f"c{n}" for n, column in enumerate(columns, 1)},
    )
    return Upload(published, content.data.rename_columns([column.name for column in columns]))


def _named(columns: Sequence[ColumnMeta]) -> tuple[ColumnMeta, ...]:
    """Columns whose names differ even when case is ignored; those without a usable name get `col_<number>`."""
    given = {c.name.strip().lower() for c in columns}
    taken: set[str] = set()
    made = []
    for number, column in enumerate(columns, 1):
        name = column.name.strip()
        if not name or not name.isprintable() or name.lower() in taken:
            name = f"col_{number}"
            while name in given | taken:
                name += "_"
        taken.add(name.lower())
        made.append(column.but(name=name, indexed=False, principal=False))
    return tuple(made)


def _position(columns: Sequence[ColumnMeta]) -> tuple[str, str] | None:
    """Longitude and latitude: by UCD, main ones first, or by name."""
    numbers = [c for c in columns if c.datatype in ("float", "double") and c.arraysize is None]
    for lon, lat in (("pos.eq.ra;meta.main", "pos.eq.dec;meta.main"), ("pos.eq.ra", "pos.eq.dec")):
        found = [[c.name for c in numbers if (c.ucd or "").lower() == ucd] for ucd in (lon, lat)]
        if found[0] and found[1]:
            return found[0][0], found[1][0]
    by_name = {c.name.lower(): c.name for c in numbers}
    for lon, lat in _PAIRS:
        if lon in by_name and lat in by_name:
            return by_name[lon], by_name[lat]
    return None
