"""The parameters of a cone search, checked, and the query that they mean (Simple Cone Search 1.03 section 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tap.adql import tree
from tap.conditions import all_of, column, contained, exactly, overlapping
from tap.registry import QueryContext, Viewer
from tap.request import QueryRequest
from tap.scs.catalogues import Catalogue
from tap.service import Query, prepare_selection
from vo.columns import ColumnMeta
from vo.dali import Parameters, integer, interval_or_number, number
from vo.errors import UsageFault
from vo.regions import Circle

_FORMAT = "text/xml;serialization=tabledata"
"""Programs as old as the protocol read no other serialisation; section 2.2 wants that media type."""


@dataclass(frozen=True, slots=True)
class Cone:
    """A cone search: centre and radius (ICRS deg), verbosity, interval of time (MJD), and how to answer."""

    ra: float
    dec: float
    radius: float
    verbosity: int
    time: tuple[float, float] | None
    request: QueryRequest

    @classmethod
    def of(cls, parameters: Parameters, viewer: Viewer) -> Cone:
        """Check the parameters; unknown ones are ignored. Raises UsageFault."""
        ra = _angle(parameters, "RA", 0, 360)
        dec = _angle(parameters, "DEC", -90, 90)
        radius = _angle(parameters, "SR", 0, 180)
        verbosity = parameters.value("VERB", integer)
        if verbosity is None:
            verbosity = 2
        if verbosity not in (1, 2, 3):
            raise UsageFault(f"VERB: must be 1, 2 or 3, not {verbosity}")
        time = parameters.value("TIME", interval_or_number)
        return cls(ra, dec, radius, verbosity, time, QueryRequest.without_query(parameters, _FORMAT, viewer))

    @property
    def is_metadata_only(self) -> bool:
        """Whether only the columns are asked for: by SR=0, or by MAXREC=0."""
        return self.radius == 0 or self.request.maxrec == 0

    def query(self, catalogue: Catalogue, context: QueryContext) -> Query:
        """The query on a catalogue. TIME is ignored where the catalogue has no time (draft of 1.1 section 2.1)."""
        conditions = [
            contained(catalogue.ra.name, catalogue.dec.name, Circle(self.ra, self.dec, self.radius)),
        ]
        if self.time is not None and catalogue.start is not None and catalogue.end is not None:
            conditions.append(overlapping(catalogue.start.name, catalogue.end.name, self.time))
        columns = catalogue.columns(self.verbosity)
        items = [_item(c, catalogue) for c in columns]
        found = prepare_selection(catalogue.table, items, all_of(conditions), context)
        described = (c.but(ucd=catalogue.ucd(c)) for c in found.columns)
        return replace(found, columns=tuple(described))


def _angle(parameters: Parameters, name: str, low: float, high: float) -> float:
    value = parameters.value(name, number)
    if value is None:
        raise UsageFault(f"{name} is missing: a cone search takes RA, DEC and SR in degrees")
    if not low <= value <= high:
        raise UsageFault(f"{name}: must be within {low} and {high} deg, not {value:g}")
    return value


def _item(meta: ColumnMeta, catalogue: Catalogue) -> tree.Item:
    """The column as the standard wants it: an identifier is a text, a position a double."""
    value: tree.Value = column(meta.name)
    if meta is catalogue.identifier and not meta.is_text:
        value = tree.Cast(0, value, "VARCHAR", None)
    elif meta in (catalogue.ra, catalogue.dec) and meta.datatype != "double":
        value = tree.Cast(0, value, "DOUBLE PRECISION", None)
    return tree.Item(0, value, exactly(meta.name))
