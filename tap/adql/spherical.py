"""SQL of geometry: values, predicates, and the conditions that let an index find what an exact predicate then confirms.

An index condition is true wherever the predicate is, so it may be added to a predicate wherever false and unknown mean
the same: in a conjunction of WHERE, ON or HAVING, not under NOT.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY

from tap.adql import typed
from tap.adql.caps import Cap
from tap.adql.shapes import constant_coordinates
from tap.adql.types import Type
from tap.geometry.schema import index_name
from tap.registry import CellIndex, PositionIndex, RegionIndex
from vo import regions

Sql = ColumnElement[Any]
_R_TREE_COLUMNS = ("x_min", "y_min", "z_min", "x_max", "y_max", "z_max")


@dataclass(frozen=True)
class Indexed:
    """A position or region of a table that has an index."""

    source: typed.TableSource
    index: PositionIndex | RegionIndex | CellIndex

    @property
    def hidden(self) -> tuple[str, ...]:
        return self.index.xyz if isinstance(self.index, PositionIndex) else self.index.box

    @property
    def by(self) -> tuple[str, str]:
        """The database table whose rows the index is of, and the column with their keys."""
        published = self.source.table
        if isinstance(self.index, CellIndex):
            return self.index.parent, self.index.cell
        return published.sql_name, published.key


class Spherical:
    """Makes SQL of geometry for one statement.

    `value` gives the SQL of any expression, `number` that of a number as double; `from_of` gives the FROM element of a
    source; names of R-trees that are read are added to `read`.
    """

    def __init__(
        self,
        dialect: str,
        number: Callable[[typed.Expression], Sql],
        value: Callable[[typed.Expression], Sql],
        from_of: Callable[[typed.Source], FromClause],
        read: set[str],
    ) -> None:
        self.dialect = dialect
        self.number = number
        self.value = value
        self.from_of = from_of
        self.read = read
        self.constants: dict[tuple[float, ...], BindParameter[Any]] = {}

    # --- values ---

    def geometry(self, expression: typed.Expression) -> Sql:
        """The geometry's DALI array: double precision[] or BLOB."""
        if expression.type is Type.REGION:
            return func.tap_region(self.value(expression))
        if not isinstance(expression, typed.Call):
            return self.value(expression)
        name, arguments = expression.function.name, expression.arguments
        if name == "CENTROID":
            return func.tap_centroid(self.geometry(arguments[0]))
        if name == "POLYGON":
            known = constant_coordinates(arguments)
            if known is not None:
                return self.constant(regions.to_array(regions.from_array(known)))
        if name in ("POINT", "CIRCLE", "BOX", "POLYGON"):
            return getattr(func, f"tap_{name.lower()}")(*self.coordinates(arguments))
        return self.value(expression)

    def constant(self, numbers: Sequence[float]) -> Sql:
        """A shape as one parameter: functions of many arguments are not for every database."""
        key = tuple(numbers)
        if key not in self.constants:
            # The same constant is the same parameter: PostgreSQL compares expressions of GROUP BY with those selected.
            packed = struct.pack(f"<{len(numbers)}d", *numbers)
            self.constants[key] = (
                bindparam(None, list(numbers), type_=ARRAY(Double()), unique=True)
                if self.dialect == "postgresql"
                else bindparam(None, packed, type_=LargeBinary(), unique=True)
            )
        return self.constants[key]

    def coordinates(self, arguments: tuple[typed.Expression, ...]) -> list[Sql]:
        """The numbers of a constructor's arguments, points taken apart."""
        made: list[Sql] = []
        for argument in arguments:
            made += self.lon_lat(argument) if argument.type is Type.POINT else [self.number(argument)]
        return made

    def lon_lat(self, point: typed.Expression) -> tuple[Sql, Sql]:
        if isinstance(point, typed.Call) and point.function.name == "POINT":
            lon, lat = point.arguments
            return self.number(lon), self.number(lat)
        shape = self.geometry(point)
        return func.tap_coordinate(shape, literal_column("0")), func.tap_coordinate(shape, literal_column("1"))

    def call(self, expression: typed.Call) -> Sql:
        """SQL of a geometry function as a value."""
        name, arguments = expression.function.name, expression.arguments
        if name in ("CONTAINS", "INTERSECTS"):
            return cast(self.predicate(expression), Integer)
        if name == "DISTANCE":
            return func.tap_distance(*self.coordinates(arguments))
        if name == "AREA":
            return func.tap_area(self.geometry(arguments[0]))
        if name in ("COORD1", "COORD2"):
            return self.lon_lat(arguments[0])[name == "COORD2"]
        if name == "COORDSYS":
            return case((self.geometry(arguments[0]).is_not(None), cast(literal_column("'ICRS'"), Text)))
        return self.geometry(expression)

    # --- predicates ---

    def predicate(self, expression: typed.Call) -> ColumnElement[bool]:
        """CONTAINS or INTERSECTS as a condition; of a point and a circle it is DISTANCE(…) <= radius."""
        a, b = expression.arguments
        contains = expression.function.name == "CONTAINS"
        if not contains and b.type is Type.POINT and a.type is not Type.POINT:
            a, b = b, a
        if a.type is Type.POINT and isinstance(b, typed.Call) and b.function.name == "CIRCLE":
            return self._boolean(func.tap_in_circle(*self.lon_lat(a), *self.coordinates(b.arguments)))
        if contains:
            return self._boolean(func.tap_contains(self.geometry(b), self.geometry(a)))
        return self._boolean(func.tap_intersects(self.geometry(a), self.geometry(b)))

    def _boolean(self, call: Any) -> ColumnElement[bool]:
        call.type = Boolean()
        return call

    # --- index conditions ---

    def overlap_conditions(self, expression: typed.Call) -> list[ColumnElement[bool]]:
        """Index conditions of CONTAINS and INTERSECTS: the boxes of both geometries overlap."""
        a, b = expression.arguments
        found: list[tuple[Indexed, Sql]] = []
        for one, other in ((a, b), (b, a)):
            indexed = indexed_geometry(one)
            if indexed is not None and not _refers_to(other, indexed.source):
                found.append((indexed, self.geometry(other)))
        conditions = [self.near(indexed, geometry) for indexed, geometry in self._useful(found)]
        cap = self._cap_of(expression)
        return conditions if cap is None else [*conditions, *cap.perhaps]

    def distance_conditions(self, expression: typed.Call, radius: typed.Expression) -> list[ColumnElement[bool]]:
        """Index conditions of DISTANCE(…) < radius."""
        points = _points(expression)
        found: list[tuple[Indexed, Sql]] = []
        # Of two tables SQLite shall search the one that comes last; the other drives the loop.
        for one, other in ((points[1], points[0]), (points[0], points[1])):
            indexed = indexed_point(one[0]) if len(one) == 1 else indexed_pair(one[0], one[1])
            others = (*other, radius)
            if indexed is not None and not any(_refers_to(o, indexed.source) for o in others):
                found.append((indexed, func.tap_cap(*self.coordinates(other), self.number(radius))))
        conditions = [self.near(indexed, geometry) for indexed, geometry in self._useful(found)]
        cap = self._cap(points, radius)
        return conditions if cap is None else [*conditions, *cap.perhaps]

    def certain(self, expression: typed.Call, radius: typed.Expression | None = None) -> list[ColumnElement[bool]]:
        """Conditions that only hold where CONTAINS or INTERSECTS is 1 (DISTANCE is less than `radius`), but cost less.

        For positions in cells, which come by the million.
        """
        cap = self._cap_of(expression) if radius is None else self._cap(_points(expression), radius)
        return [] if cap is None else [cap.surely]

    def _cap_of(self, expression: typed.Call) -> Cap | None:
        """The cap that a point must lie in for CONTAINS or INTERSECTS, if it is one."""
        a, b = expression.arguments
        if expression.function.name == "INTERSECTS" and b.type is Type.POINT:
            a, b = b, a
        if a.type is not Type.POINT or not isinstance(b, typed.Call) or b.function.name != "CIRCLE":
            return None
        *centre, radius = b.arguments
        return self._cap([(a,), tuple(centre)], radius)

    def _cap(self, points: Sequence[tuple[typed.Expression, ...]], radius: typed.Expression) -> Cap | None:
        """The cap around one of two points of which the other has its cell (PostgreSQL)."""
        for one, other in (points, points[::-1]):
            indexed = indexed_point(one[0]) if len(one) == 1 else indexed_pair(one[0], one[1])
            if self.dialect == "postgresql" and indexed is not None and isinstance(indexed.index, CellIndex):
                (lon, lat), (centre_lon, centre_lat) = self.coordinates(one), self.coordinates(other)
                return Cap(lon, lat, centre_lon, centre_lat, self.number(radius))
        return None

    def _useful(self, found: list[tuple[Indexed, Sql]]) -> list[tuple[Indexed, Sql]]:
        """SQLite would check a second condition pair by pair: it is given one, that of the larger table if one is."""
        if self.dialect == "postgresql":
            return found
        return sorted(found, key=lambda pair: not isinstance(pair[0].index, CellIndex))[:1]

    def near(self, indexed: Indexed, geometry: Sql) -> ColumnElement[bool]:
        """Whether the box of an indexed thing overlaps that of a geometry, by the index."""
        from_ = self.from_of(indexed.source)
        is_position = isinstance(indexed.index, PositionIndex)
        if self.dialect == "postgresql":
            hidden = [from_.c[name] for name in indexed.hidden]
            if is_position:
                return func.tap_position_cube(*hidden).op("<@", is_comparison=True)(func.tap_cube(geometry))
            box, shape = func.tap_region_cube(*hidden), func.tap_cube(geometry)
            overlap = box.op("&&", is_comparison=True)(shape)
            if isinstance(indexed.index, CellIndex):
                # Said twice: PostgreSQL takes one box in a hundred for found by each, and would read all cells instead.
                return and_(overlap, shape.op("&&", is_comparison=True)(box))
            return overlap
        owner, key = indexed.by
        tree = index_name(owner, indexed.hidden)
        self.read.add(tree)
        boxes = table(tree, column("id"), *(column(c) for c in _R_TREE_COLUMNS)).alias()
        bounds = [func.tap_bound(geometry, literal_column(str(axis))) for axis in range(6)]
        inside = [boxes.c[c] <= bounds[axis + 3] for axis, c in enumerate(_R_TREE_COLUMNS[:3])]
        inside += [boxes.c[c] >= bounds[axis] for axis, c in enumerate(_R_TREE_COLUMNS[3:])]
        return from_.c[key].in_(select(boxes.c.id).where(and_(*inside)).correlate_except(boxes))


def _points(distance: typed.Call) -> list[tuple[typed.Expression, ...]]:
    """The two points of DISTANCE, each as a point or as two coordinates."""
    arguments = distance.arguments
    half = len(arguments) // 2
    return [arguments[:half], arguments[half:]]


def indexed_geometry(expression: typed.Expression) -> Indexed | None:
    """The index that an expression's geometry has, if any."""
    if expression.type is Type.POINT:
        return indexed_point(expression)
    if isinstance(expression, typed.ColumnReference) and isinstance(expression.source, typed.TableSource):
        for index in expression.source.table.regions:
            if index.column == expression.column:
                return Indexed(expression.source, index)
    return None


def indexed_point(expression: typed.Expression) -> Indexed | None:
    if isinstance(expression, typed.Call) and expression.function.name == "POINT":
        return indexed_pair(*expression.arguments)
    return None


def indexed_pair(lon: typed.Expression, lat: typed.Expression) -> Indexed | None:
    if not (isinstance(lon, typed.ColumnReference) and isinstance(lat, typed.ColumnReference)):
        return None
    if lon.source is not lat.source or not isinstance(lon.source, typed.TableSource):
        return None
    published = lon.source.table
    indexes: tuple[PositionIndex | CellIndex, ...] = (*published.positions, *published.cells)
    for index in indexes:
        if (index.lon, index.lat) == (lon.column, lat.column):
            return Indexed(lon.source, index)
    return None


def _refers_to(expression: typed.Expression, source: typed.Source) -> bool:
    return any(isinstance(e, typed.ColumnReference) and e.source is source for e in expression.walk())
