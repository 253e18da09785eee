"""Positions against caps by arithmetic of PostgreSQL itself: a tenth of the time of a function in PL/pgSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, func, literal_column, not_, or_

Sql = ColumnElement[Any]


def _number(written: str) -> Sql:
    return literal_column(f"'{written}'::float8", Double())


_ROUNDING = _number("1e-14")
"""Of a versed sine: some dozen units in the last place of 1."""
_MARGIN = _number("1e-9")
"""Of an angle in deg."""


@dataclass(frozen=True)
class Cap:
    """A position and a cap in SQL of double precision (deg), compared by plain arithmetic.

    The versed sine of the distance, 1 - cos, is at most that of the radius; near the edge rounding decides, which is
    left to the exact predicate, as is a cap that is none.
    """

    lon: Sql
    lat: Sql
    centre_lon: Sql
    centre_lat: Sql
    radius: Sql

    @property
    def perhaps(self) -> list[ColumnElement[bool]]:
        """Conditions that are true wherever the position is in the cap, the cheapest first: no farther in latitude."""
        apart: Sql = func.abs(self.lat - self.centre_lat, type_=Double())
        return [
            or_(apart <= self.radius + _MARGIN, not_(self._is_one)),
            or_(self._versed <= self._limit + _ROUNDING, not_(self._is_one)),
        ]

    @property
    def surely(self) -> ColumnElement[bool]:
        """True only where it is."""
        return and_(self._versed < self._limit - _ROUNDING, self._is_one)

    @property
    def _is_one(self) -> ColumnElement[bool]:
        return and_(
            self.radius.between(_number("0"), _number("180")), self.centre_lat.between(_number("-90"), _number("90"))
        )

    @property
    def _versed(self) -> Sql:
        across = _versed(self.lon - self.centre_lon) * _cosine(self.lat) * _cosine(self.centre_lat)
        return _versed(self.lat - self.centre_lat) + across

    @property
    def _limit(self) -> Sql:
        return _versed(self.radius)


def _cosine(angle: Sql) -> Sql:
    return func.cos(func.radians(angle), type_=Double())


def _versed(angle: Sql) -> Sql:
    return _number("1") - _cosine(angle)
