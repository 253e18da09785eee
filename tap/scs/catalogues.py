"""Which published tables a cone search can be made on, and the columns that it is made with: found by their UCDs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tap.registry import PublishedTable, tables
from vo.columns import ColumnMeta

IDENTIFIER_UCD, RA_UCD, DEC_UCD = "meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"
"""UCDs of the columns that every result has (draft of 1.1; 1.03 section 2 has the same in the words of UCD1)."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A published table with a main position and an identifier of its rows.

    `start` and `end` are columns of the time (MJD) that a row covers, the same column twice for an instant.
    """

    table: PublishedTable
    identifier: ColumnMeta
    ra: ColumnMeta
    dec: ColumnMeta
    start: ColumnMeta | None
    end: ColumnMeta | None

    @property
    def name(self) -> str:
        return self.table.meta.name

    def columns(self, verbosity: int) -> tuple[ColumnMeta, ...]:
        """Columns of a result: 1 the three that there must be, 2 the principal ones too, 3 all (section 2)."""
        always = (self.identifier, self.ra, self.dec)
        return tuple(
            c for c in self.table.meta.columns if verbosity == 3 or c in always or (verbosity == 2 and c.principal)
        )

    def ucd(self, column: ColumnMeta) -> str | None:
        """The UCD of a column in a result; the table's own standard may give the main ones another."""
        ucds = {self.identifier.name: IDENTIFIER_UCD, self.ra.name: RA_UCD, self.dec.name: DEC_UCD}
        return ucds.get(column.name, column.ucd)


def catalogues() -> Iterator[Catalogue]:
    """Every published table that a cone search can be made on, in the order of publication."""
    for table in tables():
        found = catalogue_of(table)
        if found is not None:
            yield found


def catalogue_of(table: PublishedTable) -> Catalogue | None:
    """The table as a catalogue; None if it has no main position, or nothing that identifies its rows.

    The main position has `meta.main`. In a table of a standard that gives no column this word, as ObsCore does not, it
    is the only position.
    """
    columns = table.meta.columns
    ra = _one(columns, RA_UCD) or _one(columns, "pos.eq.ra")
    dec = _one(columns, DEC_UCD) or _one(columns, "pos.eq.dec")
    identifier = table.meta.column(table.identifier) if table.identifier else _one(columns, IDENTIFIER_UCD)
    if ra is None or dec is None or identifier is None:
        return None
    epoch = _one(columns, "time.epoch;meta.main")
    start, end = (epoch, epoch) if epoch else (_bound(columns, "time.start"), _bound(columns, "time.end"))
    if start is None or end is None or {start.unit, end.unit} != {"d"}:
        start = end = None
    return Catalogue(table, identifier, ra, dec, start, end)


def _one(columns: tuple[ColumnMeta, ...], ucd: str) -> ColumnMeta | None:
    """The column of that UCD, if there is exactly one."""
    found = [c for c in columns if c.ucd == ucd]
    return found[0] if len(found) == 1 else None


def _bound(columns: tuple[ColumnMeta, ...], primary: str) -> ColumnMeta | None:
    found = [c for c in columns if (c.ucd or "").partition(";")[0] == primary]
    return found[0] if len(found) == 1 else None
